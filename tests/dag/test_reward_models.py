"""Reward models of a user's own on the tiny scale: what is planned for one, and what is refused before a job starts."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from support.runs import TINY, job_counts, run_snakemake

TARGET = "results/reward_models/mine/rewards.parquet"
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


def dry_run(folder, **changes: Any):
    """A dry run of a reward model with some settings changed."""
    overlay = copy.deepcopy(OVERLAY)
    overlay["reward_models"]["mine"] |= changes
    (folder / "mine.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return run_snakemake(folder / "run", "-n", "--quiet", "rules", *TINY, str(folder / "mine.yaml"), "--", TARGET)


def test_its_job_and_what_it_needs_are_planned(tmp_path):
    counts = job_counts(dry_run(tmp_path))
    assert counts.pop("fetch_asset") > 1
    assert counts == {"train_reward_model": 1, "make_dataset": 3, "import_encoder": 1}


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
    failed = dry_run(tmp_path, **changes)
    assert failed.returncode == 1
    assert sentence in failed.stdout + failed.stderr
