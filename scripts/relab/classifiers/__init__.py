"""Classifiers that are fine-tuned end to end or by an adapter."""
