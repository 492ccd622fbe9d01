"""Corpora: from the published forms of texts to clean documents in Parquet files, split into training and validation text."""

from relab.corpora.storage import documents

__all__ = ["documents"]
