"""Data sets: published tables as rows of one schema in splits without duplicates, or as documents, queries and judgments."""
