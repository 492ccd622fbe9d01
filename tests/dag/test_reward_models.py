"""Reward models of a user's own on the tiny scale: what is planned for one, and what is refused before a job starts."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from support.runs import TINY, job_counts, run_snakemake

TARGET = "results/reward_models/mine/model.safetensors"
OVERLAY: dict[str, Any] = {
    "datasets": {
        "liked": {
            "title": "Sentences that are liked",
            "kind": "preferences",
            "asset": "movie_reviews",
            "tables": {"all": {"file": "reviews.csv"}},
            "form": {"kind": "labelled", "preferred": "1", "other": "0"},
        }
    },
    "reward_models": {
        "mine": {
            "model": "minilm",
            "dataset": "liked",
            "pooling": "mean",
            "training": {"steps": 2, "batch": 2, "learning_rate": 0.001, "evaluation": {"every": 1}},
        }
    },
}


#: A published classifier and a policy that learns by it.
PUBLISHED: dict[str, Any] = {
    "kind": "published",
    "asset": "distilbert_sst2",
    "model": "minilm",
    "label": "POSITIVE",
    "tokens": 64,
}
POLICY: dict[str, Any] = {
    "kind": "ppo",
    "base": "mingpt-s0",
    "dataset": "liked",
    "reward_model": "mine",
    "prompt_tokens": 8,
    "answer_tokens": 8,
    "training": {"steps": 2, "texts": 4, "batch": 4, "learning_rate": 0.001, "evaluation": {"every": 1, "texts": 4}},
}


def dry_run(folder, reward_model: dict[str, Any] | None = None, target: str = TARGET, **changes: Any):
    """A dry run of a reward model, by default the trained one, with some settings changed."""
    overlay = copy.deepcopy(OVERLAY)
    overlay["models"] = {"policy": POLICY}
    overlay["reward_models"]["mine"] = {**(reward_model or overlay["reward_models"]["mine"]), **changes}
    (folder / "mine.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return run_snakemake(folder / "run", "-n", "--quiet", "rules", *TINY, str(folder / "mine.yaml"), "--", target)


def test_its_job_and_what_it_needs_are_planned(tmp_path):
    counts = job_counts(dry_run(tmp_path))
    assert counts.pop("fetch_asset") > 1
    assert counts == {"train_reward_model": 1, "make_dataset": 3, "import_encoder": 1}


def test_a_published_one_is_imported_with_the_tokenizer_of_a_model(tmp_path):
    counts = job_counts(dry_run(tmp_path, PUBLISHED))
    assert counts.pop("fetch_asset") > 2
    assert counts == {"import_reward_model": 1, "import_encoder": 1}


def test_a_policy_learns_by_a_published_one(tmp_path):
    counts = job_counts(dry_run(tmp_path, PUBLISHED, "results/models/policy/model.safetensors"))
    assert (counts["train_policy"], counts["import_reward_model"], counts["import_encoder"]) == (1, 1, 1)
    assert "train_reward_model" not in counts


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": "mingpt-s0"}, "reward_models.mine.tokens: expected at most 32, the context of models.mingpt-s0, found 128"),
        ({"model": "quotes_lora"}, "'quotes_lora' is an adapter, expected a model with weights of its own"),
        ({"dataset": "sentiment"}, "'sentiment' is of the kind classification, expected a data set of the kind preferences"),
        ({"pooling": "first"}, "reward_models.mine.pooling"),
    ],
)
def test_what_does_not_go_together_is_a_sentence(tmp_path, changes, sentence):
    refused(dry_run(tmp_path, **changes), sentence)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": "mingpt-s0"}, "reward_models.mine.model: 'mingpt-s0' is of the kind trained, expected a model of the kind"),
        ({"asset": "distilbert_sst"}, "'distilbert_sst' is not among the assets; did you mean 'distilbert_sst2'?"),
        ({"pooling": "mean"}, "reward_models.mine.pooling: unknown key; expected one of asset, kind, label"),
        ({"kind": "classifier"}, "reward_models.mine: kind: expected one of 'trained', 'published', found 'classifier'"),
    ],
)
def test_what_does_not_go_together_with_a_published_one_is_a_sentence(tmp_path, changes, sentence):
    refused(dry_run(tmp_path, PUBLISHED, **changes), sentence)


def refused(failed, sentence):
    assert failed.returncode == 1
    assert sentence in failed.stdout + failed.stderr
