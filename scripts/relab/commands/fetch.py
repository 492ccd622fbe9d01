"""Fetch the downloads that the report of a configuration needs, and nothing else, into the cache that all runs share.

Arguments after -- are Snakemake's.
"""

from __future__ import annotations

from collections.abc import Sequence

from relab.commands.workflow import make


def main(words: Sequence[str]) -> None:
    make("fetch", "fetch", __doc__, words)
