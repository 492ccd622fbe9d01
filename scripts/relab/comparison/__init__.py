"""Comparing two runs: differences in their settings, artefacts and scores."""
