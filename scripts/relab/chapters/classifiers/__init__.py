"""Rows of fine-tuned classifiers: A7 beside A6, E5 and E6."""
