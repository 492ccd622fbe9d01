"""Finetuning a published model by a few lines of configuration, through the real rules."""

from __future__ import annotations

import copy
import json

import pytest
import yaml
from support.runs import TINY, job_counts, run_snakemake

TARGET = "results/samples/continuations.jsonl"
MINE = {
    "kind": "finetuned",
    "base": "smollm2",
    "corpus": "english",
    "block": 16,
    "adaptation": {"kind": "lora", "rank": 2},
    "training": {"steps": 3, "batch": 2, "learning_rate": 0.01, "evaluation": {"every": 3, "blocks": 2}},
}


def snakemake(run, model: dict, *words: str):
    overlay = run.parent / "mine.yaml"
    overlay.write_text(yaml.safe_dump({"models": {"mine": model}, "samplings": {"continuations": {"model": "mine"}}}))
    return run_snakemake(run, "--cores", "2", *TINY, str(overlay), *words, "--", TARGET, forked=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run = tmp_path_factory.mktemp("finetuning") / "a run"
    done = snakemake(run, MINE)
    assert done.returncode == 0, done.stdout + done.stderr
    return run


def test_an_adapter_of_ones_own_is_trained_and_sampled(finished):
    model = finished / "results/models/mine"
    assert json.loads((model / "adapter_config.json").read_bytes())["base_model_name_or_path"] == "smollm2"
    texts = [json.loads(line) for line in (finished / TARGET).read_text(encoding="utf-8").splitlines()]
    assert texts and all(one["token_ids"] for one in texts)
    told = json.loads((finished / f"{TARGET}.provenance.json").read_bytes())
    weights = ("results/models/mine/adapter_model.safetensors", "results/models/smollm2/model.safetensors")
    assert set(weights) <= set(told["inputs"])


def test_a_changed_rank_trains_that_adapter_again_and_what_reads_it(finished):
    assert job_counts(snakemake(finished, MINE, "-n", "--quiet", "rules")) == {}
    changed = copy.deepcopy(MINE)
    changed["adaptation"]["rank"] = 3
    planned = snakemake(finished, changed, "-n", "--quiet", "rules")
    assert job_counts(planned) == {"train_adapter": 1, "sample_texts": 1}


def test_a_mistake_is_a_sentence_in_the_log_and_leaves_nothing(finished):
    changed = copy.deepcopy(MINE)
    changed["adaptation"]["targets"] = ["q_proj"]
    ended = snakemake(finished, changed)
    assert ended.returncode == 1
    (told,) = [line for line in (finished / "results/logs/train_adapter/mine.log").read_text().splitlines() if "error" in line]
    assert told == (
        "error: models.mine.adaptation.targets: no layer of results/models/smollm2 is called 'q_proj'; there are c_attn, c_fc, "
        "c_proj, lm_head, wpe, wte"
    )
    assert not list((finished / "results/models").glob("mine/*.safetensors"))
