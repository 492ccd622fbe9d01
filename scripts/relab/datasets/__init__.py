"""Data sets: published tables as rows of one schema in splits that share no text, or as documents, queries and judgments."""
