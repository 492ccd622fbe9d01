"""Comparing two runs: what was set, computed and scored differently."""
