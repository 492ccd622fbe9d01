"""BM25 over the terms of texts (Robertson & Zaragoza 2009) in the variant of Lucene, by bm25s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bm25s
import numpy as np
import Stemmer

from relab.probes.search import Ranked, best_documents
from relab.settings.probes import Bm25
from relab.words import DIVIDED, divided


def bm25(documents: Sequence[str], queries: Sequence[str], settings: Bm25, depth: int) -> Ranked:
    """The documents with the largest BM25 score for each query, equal ones in the order of documents.

    A document that shares no term with a query has the score 0; such documents follow where others are too few.
    """
    words = _tokenized(documents, settings)
    if not words.vocab:
        return best_documents(np.zeros((len(queries), len(documents))), depth)
    index = bm25s.BM25(k1=settings.k1, b=settings.b, method="lucene", backend="numpy")
    index.index(words, show_progress=False)
    token_ids = map(index.get_tokens_ids, _tokenized(queries, settings, return_ids=False))
    rankings = [best_documents(index.get_scores_from_ids(ids)[None], depth) for ids in token_ids]
    return Ranked(*(np.concatenate(arrays) for arrays in zip(*rankings, strict=True)))


def _tokenized(texts: Sequence[str], settings: Bm25, **options: Any) -> Any:
    """The terms of each text (:func:`relab.words.index_terms`), less the stopwords, stemmed."""
    stopwords = None if settings.stopwords == "none" else settings.stopwords
    options |= {"stopwords": stopwords, "stemmer": _stemmer(settings), "token_pattern": DIVIDED, "show_progress": False}
    return bm25s.tokenize([divided(text) for text in texts], **options)


def _stemmer(settings: Bm25) -> Stemmer.Stemmer | None:
    return None if settings.stemmer == "none" else Stemmer.Stemmer(settings.stemmer)
