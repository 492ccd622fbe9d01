"""Rows of the report: what a row is (:mod:`relab.rows.contract`), and a folder a kind of row."""
