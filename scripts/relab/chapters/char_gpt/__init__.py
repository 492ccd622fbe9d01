"""Chapter A, rows A1 to A3: character-level GPTs of several widths on two corpora."""
