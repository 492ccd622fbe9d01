"""Texts read by a language model that judges them, and the texts that humans wrote beside them."""
