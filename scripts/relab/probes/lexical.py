"""BM25 over words (Robertson & Zaragoza 2009) in the variant of Lucene, by bm25s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bm25s
import numpy as np
import Stemmer

from relab.errors import UserError
from relab.probes.search import Ranked, best_documents
from relab.settings.probes import Bm25


def bm25(documents: Sequence[str], queries: Sequence[str], settings: Bm25, depth: int) -> Ranked:
    """The documents with the largest BM25 score for each query, equal ones in the order of documents.

    A document that shares no word with a query has the score 0; such documents follow where others are too few.

    Raises:
        UserError: documents without a word.
    """
    words = _tokenized(documents, settings)
    if not words.vocab:
        raise UserError("expected documents with words, found none: BM25 has nothing to look up")
    index = bm25s.BM25(k1=settings.k1, b=settings.b, method="lucene", backend="numpy")
    index.index(words, show_progress=False)
    token_ids = map(index.get_tokens_ids, _tokenized(queries, settings, return_ids=False))
    rankings = [best_documents(index.get_scores_from_ids(ids)[None], depth) for ids in token_ids]
    return Ranked(*(np.concatenate(arrays) for arrays in zip(*rankings, strict=True)))


def _tokenized(texts: Sequence[str], settings: Bm25, **options: Any) -> Any:
    """The words of each text in lower case, of two letters at least, less the stopwords, stemmed."""
    stopwords = None if settings.stopwords == "none" else settings.stopwords
    return bm25s.tokenize(list(texts), stopwords=stopwords, stemmer=_stemmer(settings), show_progress=False, **options)


def _stemmer(settings: Bm25) -> Stemmer.Stemmer | None:
    return None if settings.stemmer == "none" else Stemmer.Stemmer(settings.stemmer)
