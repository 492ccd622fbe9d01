"""Settings of rows of targets: their jobs, what these read, which rows are refused and in which words."""

from __future__ import annotations

import pytest

from relab.errors import UserError
from relab.rows.targets.names import CostSpec, Spec
from relab.settings.base import check
from relab.settings.config import resolve

PAIRS = {
    "kind": "pairs",
    "title": "Docstrings",
    "language": "en",
    "asset": "python_stdlib",
    "tables": {"all": {"kind": "docstrings", "file": "stdlib.zip"}},
}
SAMPLING = {"model": "smollm2", "prompts": {"dataset": "summaries", "number": 8}, "length": 20, "methods": {"plain": {}}}
SAMPLINGS = {
    "asked": {**SAMPLING, "methods": {"plain": {}, "short": {"template": "{source}\nTL;DR:"}}},
    "fewer": {**SAMPLING, "prompts": {"dataset": "summaries", "number": 4}},
    "others": {**SAMPLING, "prompts": {"dataset": "more", "number": 8}},
    "drawn": {**SAMPLING, "methods": {"plain": {"do_sample": True}}, "number": 3},
}
ROW = {
    "kind": "targets",
    "chapter": "mine",
    "title": "Summaries",
    "text": "Mine.",
    "dataset": "summaries",
    "systems": {"asked plainly": {"sampling": "asked", "method": "plain"}, "TL;DR": {"sampling": "asked", "method": "short"}},
}


@pytest.fixture
def declared(merged):
    """A function from changed keys of a row to the resolved configuration with that row alone."""

    def declared(**changed):
        raw = merged() | {"chapters": {"mine": {"title": "Mine"}}}
        raw["datasets"] |= {"summaries": PAIRS, "more": PAIRS}
        raw["samplings"] |= SAMPLINGS
        raw["rows"] = {"short": {**ROW, **changed}}
        return resolve(raw)

    return declared


def jobs(resolved):
    row = resolved.rows["short"]
    return row, {step.name: row.settings.spec(step.name, row.paths, resolved.artefacts) for step in row.settings.steps}


def test_the_jobs_of_a_row(declared):
    resolved = declared(compared_with="lead", lead=2)
    row, specs = jobs(resolved)
    assert list(specs) == ["score", "tabulate", "draw"]
    score, tabulate = (check(Spec, specs[name], "--spec") for name in ("score", "tabulate"))
    assert score.order == list(ROW["systems"]) and score.samplings == ["asked"] and score.split == "test"
    assert [score.label(name) for name in score.baselines] == ["the source itself", "the first 2 sentences"]
    assert score.compared == ["asked plainly", "TL;DR", "copy"] and tabulate.examples == 4
    assert row.settings.inputs("score", row.paths, resolved.artefacts) == {
        "samples": ["results/samples/asked.jsonl"],
        "pairs": "results/datasets/summaries/test.parquet",
    }
    assert {"summaries"} <= set(resolved.needed["datasets"]) and resolved.needed["samplings"] == ["asked"]


def test_what_only_tables_show_does_not_score_anew(declared):
    before, after = (jobs(declared(examples=number))[1] for number in (2, 3))
    assert before["score"] == after["score"] and before["tabulate"] != after["tabulate"]


def test_differences_are_made_where_there_are_some(declared):
    tables = [set(jobs(declared(**changed))[0].tables) for changed in ({}, {"compared_with": "copy"})]
    assert tables[1] - tables[0] == {"differences"}


def test_trained_models_have_a_cost_and_curves(declared):
    resolved = declared(models={"all weights": "quotes_full", "LoRA": "quotes_lora"})
    row, specs = jobs(resolved)
    spec = check(CostSpec, specs["cost"], "--spec")
    members = resolved.artefacts.family("models", "quotes_full")
    assert [spec.models[name].label for name in members] == ["all weights"] * len(members)
    lora = next(model for name, model in spec.models.items() if model.label == "LoRA")
    assert (lora.trained.split(",")[0], lora.base) == ("LoRA", "smollm2") and list(row.figures) == ["metrics", "curves"]
    read = row.settings.inputs("cost", row.paths, resolved.artefacts)
    assert read["weights"][-1] == "results/models/smollm2/model.safetensors" and len(read["weights"]) == len(spec.order) + 1
    assert len(read["records"]) == len(read["speeds"]) == len(spec.order)


SYSTEMS = ROW["systems"]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"metrics": ["ROGUE-1"]}, "rows.short.metrics: 'ROGUE-1' is not among the metrics; did you mean 'ROUGE-1'?"),
        ({"metrics": ["BLEU", "BLEU"]}, "rows.short.metrics: expected each metric once, found BLEU, BLEU"),
        ({"metrics": ["language share"]}, "rows.short: language: required by the metric language share"),
        ({"baselines": ["first"]}, "rows.short.baselines.0: input should be 'copy' or 'lead', found 'first'"),
        (
            {"systems": {**SYSTEMS, "copy": SYSTEMS["TL;DR"]}},
            "rows.short: systems.copy: expected another name, since a baseline has it",
        ),
        (
            {"compared_with": "TLDR"},
            "rows.short: compared_with: 'TLDR' is not among the systems and baselines; did you mean 'TL;DR'?",
        ),
        (
            {"compared_with": "lead", "baselines": ["copy"]},
            "rows.short: compared_with: 'lead' is not among the systems and baselines",
        ),
        (
            {"dataset": "passages"},
            "rows.short.dataset: 'passages' is of the kind retrieval, expected a data set of the kind pairs",
        ),
        (
            {"systems": {"a": {"sampling": "asked", "method": "long"}}},
            "rows.short.systems.a.method: expected a method of asked (plain, short), found 'long'",
        ),
        (
            {"systems": {"a": {"sampling": "arguments", "method": "greedy"}}},
            "rows.short.systems.a.sampling: expected a sampling of the sources of summaries, found arguments",
        ),
        (
            {"systems": {"a": {"sampling": "others", "method": "plain"}}},
            "rows.short.systems.a.sampling: expected a sampling of the sources of summaries, found others",
        ),
        (
            {"systems": {**SYSTEMS, "a": {"sampling": "fewer", "method": "plain"}}},
            "rows.short.systems.a.sampling: expected the same sources as those of asked plainly, 8 of test, found 4 of test",
        ),
        (
            {"systems": {"a": {"sampling": "drawn", "method": "plain"}}},
            "rows.short.systems.a.sampling: expected one text for each source, found 3",
        ),
        (
            {"models": {"it": "smollm2"}},
            "rows.short.models.it: 'smollm2' is of the kind published, expected models of the kind trained or finetuned",
        ),
    ],
)
def test_a_mistake_is_one_sentence(declared, changed, sentence):
    with pytest.raises(UserError) as error:
        declared(**changed)
    assert str(error.value).startswith(sentence) and "\n" not in str(error.value)
