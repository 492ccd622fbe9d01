"""The plan: which jobs Snakemake's summary tells of, and how long they take."""

from __future__ import annotations

import json

import pytest

from relab.artefacts.registry import MAKERS
from relab.commands.plan import duration, measured, pending, report_downloads, report_jobs
from relab.estimate import SHARED_SECONDS, job_seconds, training_seconds
from relab.settings.config import resolve

SUMMARY = """\
output_file	date	rule	log-file(s)	status	plan
results/report.html	-	build_report	-	missing	update pending
results/report.html.provenance.json	-	build_report	-	missing	update pending
results/corpora/a/train.parquet	Sat	clean_corpus	results/logs/clean_corpus/a.log	ok	update pending
results/corpora/a/train.parquet.provenance.json	Sat	clean_corpus	results/logs/clean_corpus/a.log	ok	update pending
results/corpora/b/train.parquet	-	clean_corpus	-	missing	update pending
results/corpora/b/train.parquet.provenance.json	-	clean_corpus	-	missing	update pending
results/corpora/c/train.parquet.provenance.json	Sat	clean_corpus	results/logs/clean_corpus/c.log	ok	no update
"""


@pytest.fixture
def settings(merged):
    return resolve(merged())


def test_a_job_has_one_record_and_the_log_of_its_last_run():
    assert pending(SUMMARY) == {
        "build_report": {"results/report.html.provenance.json": None},
        "clean_corpus": {
            "results/corpora/a/train.parquet.provenance.json": "results/logs/clean_corpus/a.log",
            "results/corpora/b/train.parquet.provenance.json": None,
        },
    }


def test_what_was_measured_comes_before_what_is_estimated(tmp_path, settings, capsys):
    log = "results/logs/clean_corpus/a.log"
    assert measured(tmp_path, None) is None and measured(tmp_path, log) is None
    benchmark = tmp_path / "results/benchmarks/clean_corpus/a.jsonl"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text(json.dumps({"s": 1.0}) + "\n" + json.dumps({"s": 600.5}) + "\n")
    assert measured(tmp_path, log) == 600.5
    report_jobs(tmp_path, settings, pending(SUMMARY))
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[:4] == [
        ["rule", "jobs", "core-minutes"],
        ["build_report", "1", "0.1"],
        ["clean_corpus", "2", "10.0"],
        ["together", "3", "10.1"],
    ]


def test_nothing_to_do_is_said(tmp_path, settings, capsys):
    report_jobs(tmp_path, settings, pending(SUMMARY.replace("update pending", "no update")))
    report_downloads(settings, {})
    assert capsys.readouterr().out == "Nothing to do: every file of the targets is up to date.\n"


def test_every_job_has_an_estimate(settings):
    assert job_seconds("build_report", "results/report.html.provenance.json", settings) == SHARED_SECONDS
    for row, step in settings.steps:
        assert job_seconds(row.job(step), row.record(step), settings) == step.seconds > 0
    model = next(name for name, member in settings.artefacts.models.items() if member.settings.kind == "trained")
    for rule in MAKERS:
        assert job_seconds(rule, f"results/models/{model}/model.safetensors.provenance.json", settings) > 0


def test_twice_the_steps_take_twice_the_time_after_the_start(settings):
    model = next(member.settings for member in settings.artefacts.models.values() if member.settings.kind == "trained")

    def trained(steps: int) -> float:
        training = model.training.model_copy(update={"steps": steps})
        return training_seconds(model.model_copy(update={"training": training}))

    assert trained(2000) - trained(0) == pytest.approx(2 * (trained(1000) - trained(0)))
    assert trained(1000) > trained(0)


@pytest.mark.parametrize(("length", "told"), [(1, "1 minutes"), (600, "10 minutes"), (10800, "3 hours"), (3e5, "3 days")])
def test_durations_are_told_in_the_unit_that_people_use(length, told):
    assert duration(length) == told
