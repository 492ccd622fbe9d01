"""What the jobs of a row share: names of experiments and metrics.

Experiments are ``tokenizer/{name}``, on the validation text (split ``validation``) and on all documents (split ``all``).
"""

from __future__ import annotations

VALIDATION, ALL = "validation", "all"

#: Metrics by name, with the split that each is of.
PER_TOKEN, UNKNOWN = ("characters a token", VALIDATION), ("share of unknown tokens", VALIDATION)
VALIDATION_TOKENS = ("tokens of the validation text", VALIDATION)
LONGEST, CUT, DOCUMENTS = ("longest document", ALL), ("share of documents cut", ALL), ("documents", ALL)


def experiment(tokenizer: str) -> str:
    """The experiment of a tokenizer."""
    return f"tokenizer/{tokenizer}"
