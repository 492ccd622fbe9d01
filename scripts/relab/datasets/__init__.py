"""Data sets: from published tables to rows of one schema in splits that share no text, or to documents, queries and judgments."""
