"""Corpora as token ids: one memory-mapped file a split, which every model that reads the corpus shares."""
