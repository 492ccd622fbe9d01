"""Texts read by a language model that judges them (rows D4 and D5), and the texts that people wrote beside them."""
