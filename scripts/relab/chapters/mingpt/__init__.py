"""Chapter E, rows E1 to E4 and E7: a small GPT on sentences of a grammar, the same on a larger corpus."""
