"""The report: one self-contained page of all tables and figures, and of how each came to be."""
