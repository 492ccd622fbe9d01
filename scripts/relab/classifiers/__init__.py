"""Classifiers that are fine-tuned end to end or by an adapter (rows A7, E5, E6)."""
