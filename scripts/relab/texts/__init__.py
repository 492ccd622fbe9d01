"""Sampled texts of any row: reading them, measures of each, their scores and tables."""
