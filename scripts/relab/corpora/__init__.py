"""Corpora: from the published forms of texts to clean documents in Parquet files, split into training and validation text."""
