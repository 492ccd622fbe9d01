"""Which jobs a cluster gets as one."""

from __future__ import annotations

import pytest
from support.runs import CHECKOUT

from relab import groups
from relab.settings.config import resolve
from relab.settings.merging import merged


@pytest.fixture(scope="module")
def resolved():
    return resolve(merged([CHECKOUT / "config/assets.yaml", CHECKOUT / "config/config.yaml"]))


@pytest.mark.parametrize(
    ("corpus", "tokenizer", "group"),
    [
        ("english", None, "corpus_english"),
        (None, "english-bytes", "corpus_english"),
        ("english", "english-bytes", "corpus_english"),
        ("books", "smollm2", "corpus_books"),  # a published model's
        ("english", "stories", None),  # the group of one corpus would wait for that of the other
        (None, "spelling", None),  # of a data set
    ],
)
def test_ids_go_with_their_corpus_unless_their_tokenizer_comes_from_elsewhere(resolved, corpus, tokenizer, group):
    assert groups.corpus_group(resolved, corpus, tokenizer) == group


@pytest.mark.parametrize(
    ("sampling", "group"),
    [
        ("arguments", "row_arguments"),
        ("selection", None),  # two rows read it
        ("quantised-8bit", None),  # its row reads others, too
    ],
)
def test_texts_go_with_the_row_that_alone_reads_them_and_no_others(resolved, sampling, group):
    assert groups.sampling_group(resolved, sampling) == group
