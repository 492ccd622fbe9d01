"""Rows B1, B5, C3 and C4: language models that were trained on from a base, beside that base."""
