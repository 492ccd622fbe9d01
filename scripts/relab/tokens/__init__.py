"""Corpora as token ids: one memory-mapped file for each split, shared by all models that read the corpus."""
