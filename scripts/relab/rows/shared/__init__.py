"""What several kinds of rows share."""
