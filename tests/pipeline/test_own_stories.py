"""Stories of one's own through the real rules: from a folder's file to every table of the story generator."""

from __future__ import annotations

import os

import pandas as pd
import pytest
from support.runs import CHECKOUT, TINY, run_snakemake

from relab.files import read_csv

DATA = os.environ.get("RELAB_TEST_DATA")

pytestmark = pytest.mark.skipif(not DATA, reason="RELAB_TEST_DATA names no folder of benchmark texts")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    run = tmp_path_factory.mktemp("stories")
    words = ("--cores", "2", *TINY, str(CHECKOUT / "tests/config/tinystories.yaml"), "--", "stories")
    done = run_snakemake(run, *words, forked=True, RELAB_TEST_DATA=DATA)
    assert done.returncode == 0, done.stdout + done.stderr
    return run / "results"


def test_stories_decoded_wrongly_are_mended(results):
    texts = pd.concat(pd.read_parquet(results / f"corpora/own_stories/{split}.parquet") for split in ("train", "validation"))
    assert len(texts) > 1000
    assert not texts["text"].str.contains("â€").any()
    assert texts["text"].str.contains("“").any() or texts["text"].str.contains('"').any()


def test_the_model_learns_stories(results):
    history = read_csv(results / "models/stories-s0/history.csv").set_index("step")
    losses = history["validation_loss"].dropna()
    assert losses[0] == pytest.approx(6.24, abs=0.4)  # ln 512, every piece as probable as any
    assert losses[200] < 4.2


def test_every_table_holds_its_rows(results):
    tables = results / "tables/stories"
    pieces = read_csv(tables / "tokenizers.csv")
    assert len(pieces) == 2
    grid = read_csv(tables / "grid.csv")
    assert len(grid) == 6  # four settings, the model beside it, people
    assert grid["texts"].eq(8).all()
    examples = read_csv(tables / "examples.csv")
    assert set(examples["index"]) == {0, 1}
