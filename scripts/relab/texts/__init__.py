"""Sampled texts of any row (A5, B2, C1, D6, E4): reading them, measures of each, their scores and tables."""
