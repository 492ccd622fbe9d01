"""Reading a run: what is finished, what is not, what belongs to its report."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from support.made_runs import FIGURE, SCORES, TABLE, job, make_run, without_report

from relab.comparison.runs import read_run, run_labels
from relab.errors import UserError


def refused(run: Path) -> str:
    with pytest.raises(UserError) as error:
        read_run(run, "A")
    sentence = str(error.value)
    assert sentence.startswith(f"{run}: ") and "\n" not in sentence
    return sentence


def mark(run: Path, path: str) -> Path:
    """Mark an output as Snakemake does while its job runs: long names are split, the pieces before the last behind an @."""
    name = urlsafe_b64encode(path.encode()).decode()
    pieces = [name[at : at + 254] for at in range(0, len(name), 254)]
    place = run.joinpath(".snakemake", "incomplete", *(f"@{piece}" for piece in pieces[:-1]), pieces[-1])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("{}")
    return place


def test_a_finished_run_is_its_report_and_the_jobs_behind_it(tmp_path):
    config = {"threads": 2, "scale": "tiny", "about": "The tiny scale."}
    run = read_run(make_run(tmp_path / "a", scale="tiny", config=config), "a")
    assert (run.scale, run.about, run.config) == ("tiny", "The tiny scale.", {"threads": 2})
    assert {one.job for one in run.jobs.values()} == {"clean_corpus", "train_model", "score_char_gpt", "tabulate", "plot"}
    assert f"{TABLE}.provenance.json" in run.jobs and run.leftovers == []
    assert run.files("scores", ".parquet") == {SCORES: tmp_path / "a" / SCORES}


def test_what_the_report_does_not_use_is_left_over(tmp_path):
    make_run(tmp_path / "a", width=32)
    run = read_run(make_run(tmp_path / "a", width=64), "a")
    assert run.leftovers == ["results/models/italian-w32/model.safetensors.provenance.json"]
    assert not set(run.leftovers) & set(run.jobs)


def test_a_run_of_single_targets_is_all_that_was_made_from_what_is_there(tmp_path):
    run = without_report(make_run(tmp_path / "a"))
    assert read_run(run, "a").report is None and read_run(run, "a").config is None and read_run(run, "a").leftovers == []
    job(run, "score_char_gpt", {SCORES: b"new"}, ["results/models/italian-w32/model.safetensors"])
    later = read_run(run, "a")
    assert later.leftovers == [f"{path}.provenance.json" for path in (FIGURE, TABLE)]
    assert f"{SCORES}.provenance.json" in later.jobs
    mark(run, TABLE)
    assert f"a job that makes {TABLE} runs or was killed" in refused(run)


def test_a_missing_folder(tmp_path):
    sentence = refused(tmp_path / "no such")
    assert "no such folder" in sentence and f"snakemake --directory '{tmp_path}/no such' results/report.html" in sentence


def test_a_folder_without_results(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "README.md").write_text("Everything generated.")
    sentence = refused(tmp_path)
    assert "no results" in sentence and f"snakemake --directory {tmp_path} results/report.html" in sentence


@pytest.mark.parametrize(
    "missing",
    ["results/report.html", "results/report.html.provenance.json", SCORES, TABLE, "results/figures/char_gpt/losses.svg"],
)
def test_a_run_that_lacks_a_file(tmp_path, missing):
    (make_run(tmp_path / "a") / missing).unlink()
    sentence = refused(tmp_path / "a")
    assert f"{missing} is missing" in sentence and f"snakemake --directory {tmp_path / 'a'} results/report.html" in sentence


def test_a_run_whose_model_is_being_made_anew(tmp_path):
    """Snakemake removes a job's outputs, its record with them, when it starts."""
    model = make_run(tmp_path / "a") / "results/models/italian-w32/model.safetensors"
    model.unlink()
    Path(f"{model}.provenance.json").unlink()
    assert "results/models/italian-w32/model.safetensors is missing" in refused(tmp_path / "a")


def test_a_run_whose_weights_were_thrown_away_is_still_finished(tmp_path):
    (make_run(tmp_path / "a") / "results/models/italian-w32/model.safetensors").unlink()
    assert read_run(tmp_path / "a", "a")


def test_a_run_stopped_between_two_jobs(tmp_path):
    run = make_run(tmp_path / "a")
    job(run, "score_char_gpt", {SCORES: b"new"}, ["results/models/italian-w32/model.safetensors"])
    assert f"{SCORES} has changed since {TABLE} was made from it" in refused(run)


@pytest.mark.parametrize("path", ["results/models/italian-w64/model.safetensors", "results/" + "long/" * 60 + "name.csv"])
def test_a_job_that_runs_or_was_killed(tmp_path, path):
    place = mark(make_run(tmp_path / "a"), path)
    sentence = refused(tmp_path / "a")
    assert f"a job that makes {path} runs or was killed" in sentence
    assert f"snakemake --directory {tmp_path / 'a'} results/report.html" in sentence
    place.unlink()
    assert read_run(tmp_path / "a", "a")


def test_a_report_that_does_not_say_its_configuration(tmp_path):
    place = make_run(tmp_path / "a") / "results/report.html.provenance.json"
    entry = json.loads(place.read_text())
    del entry["spec"]["config"]
    place.write_text(json.dumps(entry))
    with pytest.raises(UserError, match="spec.config"):
        read_run(tmp_path / "a", "a")


def test_labels_tell_the_runs_apart(tmp_path, monkeypatch):
    for folder in ("relab/runs/full", "relab/runs/wide", "other/runs/full"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "relab")
    assert run_labels(Path("."), Path("runs/full")) == ("relab", "runs/full")
    assert run_labels(Path("runs/full"), Path("runs/wide/")) == ("full", "wide")
    assert run_labels(Path("runs/full"), Path("../other/runs/full")) == ("relab/runs/full", "other/runs/full")


def test_a_run_is_not_compared_with_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="the same folder twice"):
        run_labels(Path("."), tmp_path)
