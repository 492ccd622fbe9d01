"""Settings of rows of finetuned models: their jobs at every scale, what these read, which rows are refused."""

from __future__ import annotations

import re

import pytest

from relab.errors import UserError
from relab.rows.finetuned import names as finetuned
from relab.rows.memorisation import names as memorisation
from relab.settings.base import check
from relab.settings.config import resolve

TINY = "tests/config/tiny.yaml"
SPECS = {
    ("finetuned", "measure"): finetuned.MeasureSpec,
    ("finetuned", "score"): finetuned.ScoreSpec,
    ("finetuned", "tabulate"): finetuned.ScoreSpec,
    ("finetuned", "schedule"): finetuned.RatesSpec,
    ("finetuned", "count"): finetuned.CountSpec,
    ("memorisation", "measure"): memorisation.MeasureSpec,
    ("memorisation", "score"): memorisation.ScoreSpec,
    ("memorisation", "tabulate"): memorisation.ScoreSpec,
}


def rows_of(resolved):
    return {key: row for key, row in resolved.rows.items() if row.settings.kind in ("finetuned", "memorisation")}


def jobs_of(resolved, row):
    """The settings of each step of a row."""
    return {step.name: row.settings.spec(step.name, row.paths, resolved.artefacts) for step in row.settings.steps}


@pytest.mark.parametrize("overlays", [(), ("config/full.yaml",), (TINY,)])
def test_the_rows_are_the_same_at_every_scale(merged, overlays):
    resolved = resolve(merged(*overlays))
    rows = rows_of(resolved)
    common = ["measure", "score", "tabulate"]
    assert {key: [step.name for step in row.settings.steps] for key, row in rows.items()} == {
        "B1": [*common, "draw"],
        "B5": [*common, "draw", "count"],
        "C3": [*common, "schedule", "draw"],
        "C4": [*common, "draw"],
    }
    for row in rows.values():
        jobs = jobs_of(resolved, row)
        for step, settings in jobs.items():
            if step != "draw":
                check(SPECS[row.settings.kind, step], settings, "--spec")
        spec = SPECS[row.settings.kind, "tabulate"](**jobs["tabulate"])
        models = jobs["measure"]["models"]
        assert models == [spec.base, *spec.order] and set(models) <= set(resolved.needed["models"])
        assert spec.experiments.keys() == set(row.settings.models)


def test_what_the_rows_need_is_made(merged):
    resolved = resolve(merged())
    corpus = rows_of(resolved)["B1"].settings.corpus(resolved.artefacts)
    assert corpus in resolved.needed["corpora"] and "smollm2-texts" in resolved.needed["samplings"]
    assert f"results/tokens/smollm2/{corpus}/train.arrow" in resolved.derived("tokens", "/train.arrow")


def test_a_job_reads_every_file_that_opens_its_models(merged):
    resolved = resolve(merged(TINY))
    row = rows_of(resolved)["B5"]
    read = row.settings.inputs("measure", row.paths, resolved.artefacts)
    assert read["weights"][0] == "results/models/smollm2/model.safetensors" and len(read["weights"]) == 4
    assert {f"results/models/smollm2/{name}.json" for name in ("config", "generation_config", "tokenizer")} <= {
        *read["model_files"]
    }
    assert "results/models/quotes_lora/adapter_config.json" in read["model_files"]
    assert not set(read["weights"]) & set(read["model_files"])


def test_texts_are_scored_of_source_code_alone(merged):
    resolved = resolve(merged(TINY))
    read = {key: row.settings.inputs("score", row.paths, resolved.artefacts) for key, row in rows_of(resolved).items()}
    assert {key for key, files in read.items() if "samples" in files} == {"B1", "C3"}
    jobs = {key: jobs_of(resolved, row)["score"] for key, row in rows_of(resolved).items()}
    assert [key for key, settings in jobs.items() if settings.get("source_code")] == ["C3"]


def test_learning_rates_and_parameters_are_optional(merged):
    raw = merged(TINY)
    raw["rows"]["C3"]["writeup_schedule"] = raw["rows"]["B5"]["parameters"] = None
    rows = rows_of(resolve(raw))
    assert {*rows["C3"].figures, *rows["B5"].figures} == {"loss", "cost"}
    assert {*rows["C3"].tables, *rows["B5"].tables} == {"main", "texts", "curve"}
    assert rows["C3"].scores == ["results/scores/gpt2_lab/code.parquet"]
    raw["rows"]["C4"]["parameters"] = {}
    assert "results/scores/gpt2_lab/books_parameters.parquet" in rows_of(resolve(raw))["C4"].scores


def test_full_scale_has_the_write_ups_settings(merged):
    resolved = resolve(merged("config/full.yaml"))
    models = {name: member.settings for name, member in resolved.artefacts.models.items()}
    short = models[next(iter(rows_of(resolved)["B1"].settings.members(resolved.artefacts)))]
    assert (short.base, short.block, short.training.steps, short.training.batch) == ("gpt2", 128, 50, 2)
    assert (short.training.learning_rate, short.training.keep, short.training.reading) == (1e-3, "last", "documents")
    lora = models["quotes_lora-s0"]
    assert lora.adaptation.model_dump() == {
        **{"kind": "lora", "rank": 16, "alpha": 32, "dropout": 0.05, "targets": ["q_proj", "v_proj"], "bias": "none"}
    }
    training = lora.training
    assert (training.batch, training.accumulation, training.steps, training.learning_rate) == (4, 4, 200, 2e-4)
    assert (training.schedule.kind, training.schedule.warmup, training.samples.length) == ("linear", 100, 50)
    code = models["code-s0"]
    assert (code.adaptation.kind, code.block, code.training.batch, code.training.learning_rate) == ("full", 128, 8, 3e-5)
    assert (code.training.schedule.warmup, code.training.schedule.decay_steps) == (500, None)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("rows/B5/models", ["quotes"], "rows.B5.models: 'quotes' is not among the models; did you"),
        ("rows/B5/models", ["smollm2"], "rows.B5.models: 'smollm2' is of the kind published, expected"),
        ("rows/B5/models", ["code", "quotes_lora"], "rows.B5.models: expected models of one corpus, found"),
        (
            "rows/B5/models",
            ["memorisation_lora"],
            "models.memorisation-lora-s0.training.samples: required, since rows.B5 shows texts",
        ),
        ("rows/B5/passages", None, "rows.B5.passages: this key is required"),
        ("rows/B5/parameters/sizes/0/adaptation/kind", "full", "rows.B5.parameters.sizes.0.adaptation.kind"),
        ("models/quotes_lora/base", "stories-s0", "rows.B5.models: expected models of one base, found"),
        ("models/books/training/keep", "best", "models.books.training.keep: expected last, found best, since rows.C4 scores"),
        ("models/quotes_full/training/early_stopping", 2, "models.quotes_full.training.early_stopping: expected none, found 2"),
        ("models/code/training/schedule", {"kind": "plateau"}, "models.code.training.schedule.kind: expected constant, linear"),
        ("models/books/sweep", {"block": [8, 16]}, "models that differ in their seed alone, found books-8, books-16"),
        ("rows/B1/samplings", "arguments", "rows.B1.samplings: expected a sampling of each of memorisation-full-s0,"),
        ("rows/B1/samplings", "text", "rows.B1.samplings: 'text' is not among the samplings"),
        ("rows/B1/opening", 0, "rows.B1.opening: input should be greater than or equal to 1, found 0"),
        (
            "samplings/memorisation_texts/methods",
            {"greedy": {}, "drawn": {"do_sample": True}},
            "rows.B1.samplings: expected methods that give each prompt one text, found 'drawn', which draws",
        ),
    ],
)
def test_rows_that_cannot_be_shown_are_refused(merged, path, value, sentence):
    raw = merged()
    *parents, leaf = path.split("/")
    group = raw
    for parent in parents:
        group = group[int(parent) if parent.isdigit() else parent]
    group[leaf] = value
    if leaf == "sweep":
        group["name"] = "books-{block}"
    with pytest.raises(UserError, match=re.escape(sentence)):
        resolve(raw)
