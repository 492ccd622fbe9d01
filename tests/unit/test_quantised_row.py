"""A row of one model in several number formats: its settings, what its jobs measure, score and show."""

from __future__ import annotations

import json
import math

import pytest
import torch
import yaml
from support.row_program import run_program
from support.tiny_gpt2 import FOLDER

from relab.checkpoints import load_model, load_tokenizer
from relab.datasets import storage
from relab.errors import UserError
from relab.files import read_csv
from relab.metrics import generation_names
from relab.published.model import import_model
from relab.rows.quantised.names import FILES, HELD, LOSS, PERPLEXITY, STORED, MeasureSpec, Spec
from relab.rows.registry import FOLDER as FOLDER_OF_KINDS
from relab.rows.shared.text_metrics import ABOUT, column
from relab.sampling.prompts import LanguageModel, build_prompts
from relab.sampling.texts import sample_records, write_records
from relab.scores import Summaries
from relab.scoring import next_token_logprobs
from relab.settings.base import check
from relab.settings.config import resolve
from relab.settings.samplings import Sampling

CPU = torch.device("cpu")
PAIRS = {
    "kind": "pairs",
    "title": "Docstrings",
    "language": "en",
    "asset": "python_stdlib",
    "tables": {"all": {"kind": "docstrings", "file": "stdlib.zip"}},
}
METHODS = {"plain": {}, "short": {"template": "{source}\nTL;DR:"}, "drawn": {"do_sample": True}}
SAMPLING = {"model": "smollm2", "prompts": {"dataset": "summaries", "number": 8}, "length": 20, "methods": METHODS}
SAMPLINGS = {
    **{f"in_{precision}": {**SAMPLING, "precision": precision} for precision in ("float32", "8bit", "dynamic_int8")},
    "longer": {**SAMPLING, "precision": "4bit", "length": 30},
    "listed": {**SAMPLING, "prompts": ["Once"]},
    "three": {**SAMPLING, "number": 3},
}
ROW = {"kind": "quantised", "chapter": "mine", "title": "Narrow", "text": "Mine.", "method": "short", "metrics": ["ROUGE-1"]}
ROW["samplings"] = ["in_float32", "in_8bit", "in_dynamic_int8"]


@pytest.fixture
def declared(merged):
    """A function from changed keys of a row to the resolved configuration with that row alone."""

    def declared(**changed):
        raw = merged() | {"chapters": {"mine": {"title": "Mine"}}}
        raw["datasets"] |= {"summaries": PAIRS}
        raw["samplings"] |= SAMPLINGS
        raw["rows"] = {"narrow": {**ROW, **changed}}
        return resolve(raw)

    return declared


def test_the_jobs_of_a_row(declared):
    resolved = declared()
    row = resolved.rows["narrow"]
    specs = {step.name: row.settings.spec(step.name, row.paths, resolved.artefacts) for step in row.settings.steps}
    inputs = {step.name: row.settings.inputs(step.name, row.paths, resolved.artefacts) for step in row.settings.steps}
    measure, score = check(MeasureSpec, specs["measure"], "--spec"), check(Spec, specs["score"], "--spec")
    assert [measure.precisions[name] for name in measure.order] == ["float32", "8bit", "dynamic_int8"]
    assert (score.reference, score.compared, score.split) == ("in_float32", ["in_8bit", "in_dynamic_int8"], "test")
    assert inputs["measure"]["weights"] == "results/models/smollm2/model.safetensors"
    assert inputs["score"]["samples"] == [f"results/samples/{name}.jsonl" for name in ROW["samplings"]]
    assert sorted(resolved.needed["samplings"]) == sorted(ROW["samplings"]) and "summaries" in resolved.needed["datasets"]


def test_the_metrics_of_settings_are_those_that_there_are_and_each_has_a_column():
    assert sorted(ABOUT) == sorted(generation_names.ALL)
    shown = yaml.safe_load((FOLDER_OF_KINDS / "quantised" / "show.yaml").read_text())["tables"]["main"]["columns"]
    assert set(map(column, ABOUT)) < set(shown)


def test_a_metric_more_does_not_measure_anew(declared):
    rows = [(resolved.rows["narrow"], resolved.artefacts) for resolved in (declared(), declared(metrics=["BLEU"]))]
    for step, same in {"measure": True, "score": False}.items():
        first, second = (row.settings.spec(step, row.paths, artefacts) for row, artefacts in rows)
        assert (first == second) == same


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"samplings": ["in_8bit", "in_8bit"]}, "rows.narrow.samplings: expected each once, found in_8bit, in_8bit"),
        (
            {"samplings": ["in_float32", "longer"]},
            "rows.narrow.samplings: expected samplings that differ in their precision alone, found in_float32 and "
            "longer, which differ in length",
        ),
        ({"samplings": ["listed"]}, "rows.narrow.samplings: expected samplings from the sources of a data set of pairs"),
        ({"method": "long"}, "rows.narrow.method: expected a method of in_float32 (plain, short, drawn), found 'long'"),
        (
            {"samplings": ["three"], "method": "drawn"},
            "rows.narrow.samplings: expected one text for each source, found 3 in three",
        ),
        ({"metrics": ["METEOR"]}, "rows.narrow.metrics: 'METEOR' is not among the metrics; expected one of BLEU, chrF"),
        ({"metrics": ["language share"]}, "rows.narrow.language: required by the metric language share"),
    ],
)
def test_a_mistake_is_one_sentence(declared, changed, sentence):
    with pytest.raises(UserError) as error:
        declared(**changed)
    assert str(error.value).startswith(sentence)


# --- the jobs ---------------------------------------------------------------------------------------------------------

ROWS = [
    {"source": "The merchant of Syracuse", "target": "Merchant", "references": ["A merchant"]},
    {"source": "I to the world am like a drop of water", "target": "A drop", "references": []},
    {"source": "He that commends me to mine own content", "target": "Content it is", "references": []},
]
FORMS = {"first": "float32", "again": "auto", "narrow": "bfloat16", "rounded": "8bit"}
METRICS = ["exact match", "verbatim sentences"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a row that ran: a tiny GPT-2 in four forms, two of them the same."""
    folder = tmp_path_factory.mktemp("quantised")
    import_model(sorted(FOLDER.glob("*.*")), folder / "gpt2")
    storage.write(folder / "test.parquet", ROWS, storage.PAIRS)
    settings = {"model": "gpt2", "prompts": {"dataset": "x"}, "length": 6, "methods": {"other": {}, "short": METHODS["short"]}}
    for name, precision in FORMS.items():
        sampling = Sampling(**settings, precision=precision)
        lm = LanguageModel(load_model(folder / "gpt2", CPU, precision), load_tokenizer(folder / "gpt2"))
        write_records(
            folder / f"{name}.jsonl", sample_records(sampling, lm, build_prompts(sampling, lm, [folder / "test.parquet"]))
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.cuda.is_available", lambda: False)
        patch.setattr("torch.backends.mps.is_available", lambda: False)
        run_row(patch, folder)
    return folder


def run_row(patch, folder):
    threads = torch.get_num_threads()
    outputs = {name: folder / name for name in ("forms.jsonl", "speed.csv", "scores.parquet", "main.csv", "differences.csv")}
    made = {path.stem: path for path in outputs.values()}
    pairs, samples = folder / "test.parquet", [folder / f"{name}.jsonl" for name in FORMS]
    inputs = {"weights": folder / "gpt2" / "model.safetensors", "samples": samples[0], "pairs": pairs}
    measured = {"precisions": FORMS, "order": list(FORMS), "method": "short", "threads": 1}
    scored = {"name": "narrow", "samplings": list(FORMS), "method": "short", "split": "test", "metrics": METRICS}
    try:
        steps = [
            ("measure.measure", inputs, ("forms", "speed"), measured),
            ("scores.score", {"samples": samples, "forms": made["forms"], "pairs": pairs}, ("scores",), scored),
            ("tables.tabulate", {"scores": made["scores"], "forms": made["forms"]}, ("main", "differences"), scored),
        ]
        for function, read, written, spec in steps:
            outputs = {name: made[name] for name in written}
            run_program(patch, f"quantised.{function}", read, outputs, spec, folder / f"{written[0]}.json")
    finally:
        torch.set_num_threads(threads)


def test_perplexity_is_of_the_targets_behind_what_was_asked(made):
    model, tokenizer = load_model(made / "gpt2", CPU), load_tokenizer(made / "gpt2")
    losses = []
    for row in ROWS:
        asked, target = (tokenizer(text).input_ids for text in (f"{row['source']}\nTL;DR:", f" {row['target']}"))
        logprobs = next_token_logprobs(model, [*asked, *target])
        losses += [-float(logprobs[len(asked) - 1 + index, token]) for index, token in enumerate(target)]
    found = Summaries.read(made / "scores.parquet").find("narrow/first", PERPLEXITY, "test")
    assert found["value"] == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-4)
    assert (found["n"], found["unit"]) == (len(ROWS), "pair") and found["low"] < found["value"] < found["high"]


def test_a_form_does_not_differ_from_itself_and_another_one_does(made):
    table = read_csv(made / "differences.csv").set_index(["sampling", "metric"])
    assert table.loc[("again", LOSS), ["difference", "difference_low", "difference_high"]].tolist() == [0, 0, 0]
    for name in ("narrow", "rounded"):
        row = table.loc[(name, LOSS)]
        assert row["difference"] == pytest.approx(row["value"] - row["reference"], abs=0.00011) != 0
        assert row["difference_low"] <= row["difference"] <= row["difference_high"] and row["n"] == len(ROWS)


def test_sizes_are_exact_scores_and_megabytes_in_the_table(made):
    scores, table = Summaries.read(made / "scores.parquet"), read_csv(made / "main.csv").set_index("sampling")
    whole = scores.value("narrow/first", STORED, FILES)
    assert scores.value("narrow/narrow", STORED, FILES) == whole / 2 > scores.value("narrow/rounded", STORED, FILES) / 2
    assert scores.find("narrow/first", HELD, FILES)["unit"] == "exact"
    assert table["weights"].tolist() == ["float32", "float32", "bfloat16", "8bit beside float32"]
    assert table.loc["first", "megabytes"] == round(whole / 1e6, 1)
    assert {"exact_match", "exact_match_low", "verbatim_sentences_n"} <= set(table.columns)


def test_times_are_measured_and_stand_in_no_score(made):
    speed = read_csv(made / "speed.csv")
    assert (speed["tokens_per_second"] > 0).all() and speed["sampling"].tolist() == list(FORMS)
    tokens = [json.loads(line) for line in (made / "first.jsonl").read_text().splitlines()]
    assert (speed["tokens"] > sum(len(text["prompt_ids"]) for text in tokens if text["method"] == "short")).all()
    before = [(made / name).read_bytes() for name in ("forms.jsonl", "scores.parquet", "main.csv", "differences.csv")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.cuda.is_available", lambda: False)
        patch.setattr("torch.backends.mps.is_available", lambda: False)
        run_row(patch, made)
    assert before == [(made / name).read_bytes() for name in ("forms.jsonl", "scores.parquet", "main.csv", "differences.csv")]
    record = json.loads((made / "forms.json").read_text())
    assert record["precision"] == "float32, bfloat16, 8bit beside float32"


def test_forms_of_other_samplings_are_refused(made, tmp_path, monkeypatch):
    spec = {"name": "narrow", "samplings": ["first"], "method": "short", "split": "test", "metrics": METRICS}
    inputs = {"samples": made / "first.jsonl", "forms": made / "forms.jsonl", "pairs": made / "test.parquet"}
    with pytest.raises(SystemExit, match="forms.jsonl: expected the forms of first, found first, again, narrow, rounded"):
        run_program(
            monkeypatch, "quantised.scores.score", inputs, {"scores": tmp_path / "s.parquet"}, spec, tmp_path / "p.json"
        )
