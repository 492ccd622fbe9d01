"""The plan: the jobs that would run, and how long they take."""

from __future__ import annotations

import json

import pytest

from relab.artefacts.registry import MAKERS
from relab.commands.plan import duration, report_downloads, report_jobs
from relab.estimate import SHARED_SECONDS, job_seconds, training_seconds
from relab.schedule import Job, measured_seconds
from relab.settings.config import resolve


@pytest.fixture
def settings(merged):
    return resolve(merged())


def test_what_was_measured_last_counts(tmp_path):
    benchmark = tmp_path / "a.jsonl"
    assert measured_seconds(benchmark) is None
    benchmark.write_text(json.dumps({"s": 1.0}) + "\n" + json.dumps({"s": 600.5}) + "\n")
    assert measured_seconds(benchmark) == 600.5


def test_jobs_are_counted_by_rule_and_the_longest_chain_is_named(capsys, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    a, b = (Job("clean_corpus", f"results/corpora/{name}/train.parquet.provenance.json", 300.0) for name in "ab")
    report = Job("build_report", "results/report.html.provenance.json", 4.0, (a.record, b.record))
    report_jobs([a, b, report])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["rule", "jobs", "core-minutes"],
        ["build_report", "1", "0.1"],
        ["clean_corpus", "2", "10.0"],
        ["together", "3", "10.1"],
    ]
    assert "About 5 minutes on the 2 cores" in lines[5] and "5 minutes on 8" in lines[5]
    assert lines[7:] == ["      300 s  clean_corpus (results/corpora/a/train.parquet)", ""]


def test_nothing_to_do_is_said(settings, capsys):
    report_jobs([])
    report_downloads(settings, [])
    assert capsys.readouterr().out == "Nothing to do: every file of the targets is up to date.\n"


def test_every_job_has_an_estimate(settings):
    assert job_seconds("build_report", "results/report.html.provenance.json", settings) == SHARED_SECONDS
    for row, step in settings.steps:
        assert job_seconds(row.job(step), row.record(step), settings) == step.seconds > 0
    model = next(name for name, member in settings.artefacts.models.items() if member.settings.kind == "trained")
    for rule in MAKERS:
        assert job_seconds(rule, f"results/models/{model}/model.safetensors.provenance.json", settings) > 0


def test_the_texts_of_pairs_are_counted_once_and_not_as_full(settings):
    """Measured at 45 s: counted twice, by their limits, they were planned at 302."""
    record = "results/models/docstrings-lora-s0/adapter_model.safetensors.provenance.json"
    assert 22 < job_seconds("adapt_to_pairs", record, settings) < 90


def test_twice_the_steps_take_twice_the_time_after_the_start(settings):
    model = next(member.settings for member in settings.artefacts.models.values() if member.settings.kind == "trained")

    def trained(steps: int) -> float:
        training = model.training.model_copy(update={"steps": steps})
        return training_seconds(model.model_copy(update={"training": training}))

    assert trained(2000) - trained(0) == pytest.approx(2 * (trained(1000) - trained(0)))
    assert trained(1000) > trained(0)


@pytest.mark.parametrize(("length", "told"), [(1, "1 minute"), (600, "10 minutes"), (10800, "3 hours"), (3e5, "3 days")])
def test_durations_are_told_in_the_unit_that_people_use(length, told):
    assert duration(length) == told
