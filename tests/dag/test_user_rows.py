"""Rows of a user's own on the tiny scale: what is planned for them, by which names, and that every job writes to its folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
import yaml
from support.runs import CHECKOUT, TINY, job_counts, run_snakemake

OVERLAY = "tests/config/mine.yaml"
JOBS = {
    "my_texts": ["score_my_texts", "tabulate_my_texts", "draw_my_texts"],
    "my_search": ["score_my_search", "tabulate_my_search", "draw_my_search"],
    "my_training": ["measure_my_training", "score_my_training", "tabulate_my_training", "draw_my_training"],
}
#: What each row needs beside its jobs, fetches apart; all need the overview, the ledger and the page.
NEEDED = {
    "my_texts": {"clean_corpus": 1, "import_model": 1, "tokenize_corpus": 1, "finetune_model": 1, "sample_texts": 1},
    "my_search": {"import_encoder": 1, "make_dataset": 3, "encode_texts": 2, "fit_retriever": 1},
    "my_training": {"clean_corpus": 1, "import_model": 1, "tokenize_corpus": 1, "finetune_model": 1},
}
PAGE = dict.fromkeys(("tabulate_overview", "score_claims", "build_report"), 1)


def plan(folder, *overlays: dict | str) -> dict[str, int]:
    """The jobs of a dry run in a fresh folder with the tiny scale and overlays, by rule."""
    words = [*TINY]
    for number, overlay in enumerate(overlays):
        if isinstance(overlay, dict):
            (folder / f"{number}.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
        words.append(str(folder / f"{number}.yaml") if isinstance(overlay, dict) else overlay)
    return job_counts(run_snakemake(folder / "run", "-n", "--quiet", "rules", *words))


@pytest.mark.parametrize("row", JOBS)
def test_a_report_of_one_row_plans_its_jobs_and_what_they_need(tmp_path, row):
    counts = plan(tmp_path, OVERLAY, {"report": {"rows": [row]}})
    assert counts.pop("fetch_asset") <= 9
    assert counts == {**dict.fromkeys(JOBS[row], 1), **NEEDED[row], **PAGE}


def test_the_whole_report_has_their_jobs_more(tmp_path):
    mine, without = plan(tmp_path, OVERLAY), plan(tmp_path)
    added = {rule: count - without.get(rule, 0) for rule, count in mine.items() if count != without.get(rule, 0)}
    artefacts = {"finetune_model": 1, "sample_texts": 1, "make_dataset": 3, "encode_texts": 2, "fit_retriever": 1}
    assert added == {**{job: 1 for jobs in JOBS.values() for job in jobs}, **artefacts}
    assert set(without) <= set(mine)


def test_the_menu_names_the_chapter_the_rows_and_their_jobs():
    menu = run_snakemake(CHECKOUT, "--list", *TINY, OVERLAY).stdout
    assert re.search(r"^mine \(.*Mine", menu, re.M)
    for row, title in {"my_texts": "Two ways to go on", "my_search": "Lines that belong", "my_training": "Before and"}.items():
        assert re.search(rf"^{row} \(.*{title}", menu, re.M)
        for job in JOBS[row]:
            assert re.search(rf"^{job} \(.*{row}", menu, re.M)


def test_a_target_of_a_row_plans_its_jobs_alone(tmp_path):
    planned = run_snakemake(tmp_path, "-n", "--quiet", "rules", *TINY, OVERLAY, "--", "my_search")
    counts = {rule: count for rule, count in job_counts(planned).items() if rule not in ("my_search", "fetch_asset")}
    assert counts == {**dict.fromkeys(JOBS["my_search"], 1), **NEEDED["my_search"]}


def commands(planned: str) -> Iterator[tuple[set[str], set[str], str]]:
    """The folders of each job's inputs and of its outputs, and its command, from what a dry run prints."""
    folders: dict[str, set[str]] = {}
    for line in planned.splitlines():
        key, _, paths = line.strip().partition(": ")
        if key in ("input", "output"):
            folders[key] = {os.path.dirname(path) for path in paths.split(", ")}
        elif "python " in line and "--provenance" in line:
            yield folders.get("input", set()), folders["output"], line


def test_every_job_writes_to_the_folder_of_its_outputs_and_reads_from_that_of_its_inputs(tmp_path):
    planned = run_snakemake(tmp_path, "-n", "-p", *TINY, OVERLAY)
    assert planned.returncode == 0, planned.stderr
    written, read = 0, 0
    for inputs, outputs, command in commands(planned.stdout):
        named = dict(re.findall(r" --(output-dir|model|base|tokenizer) (results/\S+)", command))
        if (folder := named.pop("output-dir", None)) is not None:
            assert folder in outputs, command
            written += 1
        for folder in named.values():
            if "." not in os.path.basename(folder):
                assert folder in inputs, command
                read += 1
    assert written > 30 and read > 20
