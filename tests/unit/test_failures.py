"""A failed run ends with the sentences of its jobs, out of their logs."""

from __future__ import annotations

import pytest

from relab.failures import sentences

SNAKEMAKE = """\
Error in rule clean_corpus:
    message: None
    jobid: 0
    log: logs/{name}.log (check log file(s) for error details)
    shell:
"""


SLURM = """\
Error in rule train_model:
    message: SLURM-job '7' failed, SLURM status is: '{status}'. Detailed failure reason unavailable.For further
    jobid: 3
    log: logs/train.log, /run/.snakemake/slurm_logs/rule_train_model/italian/7.log (check log file(s) for error details)
"""
REFUSED = """\
Error in rule train_model:
    message: SLURM sbatch failed. The error message was 'sbatch: error: Batch job submission failed: Invalid generic resource'.
    sbatch call:
        sbatch --parsable
    jobid: 3
    log: logs/train.log (check log file(s) for error details)
"""


def test_each_failed_job_has_its_sentence_once_in_their_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logs = {
        "user": "100 documents\nerror: b.csv, line 3: expected a label\n",
        "lines": "error: an early one\nerror: asset a: it could not be had:\n  - url: no\nConnect to a network.\n",
        "crash": 'Traceback (most recent call last):\n  File "x.py"\nMemoryError: 12 GiB\n',
        "passed": "a retry made it\n",
    }
    for name, text in logs.items():
        (tmp_path / "logs").mkdir(exist_ok=True)
        (tmp_path / f"logs/{name}.log").write_text(text, encoding="utf-8")
    told = [SNAKEMAKE.format(name=name) for name in ("crash", "user", "passed", "lines", "crash", "gone")]
    (tmp_path / "snakemake.log").write_text("".join(told), encoding="utf-8")
    assert sentences([tmp_path / "snakemake.log"]) == [
        "error: MemoryError: 12 GiB (logs/crash.log)",
        "error: b.csv, line 3: expected a label",
        "error: asset a: it could not be had:\n  - url: no\nConnect to a network.",
    ]


@pytest.mark.parametrize("statuses", [["OUT_OF_MEMORY"], ["OUT_OF_MEMORY", "TIMEOUT"]])
def test_a_failure_after_which_a_job_was_tried_once_more_is_told_by_how_that_ended(statuses, tmp_path):
    told = [SLURM.format(status=status) for status in statuses]
    (tmp_path / "snakemake.log").write_text("Trying to restart job 3.\n".join([*told, ""][:2]))
    lines = sentences([tmp_path / "snakemake.log"])
    assert [line.split("ended the job, ")[1].split(":")[0] for line in lines] == statuses[1:]


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (SLURM.format(status="FAILED"), "error: batch: expected more"),
        (SLURM.format(status="OUT_OF_MEMORY"), "--set-resources train_model:mem_mb="),
        (SLURM.format(status="TIMEOUT"), "--set-resources train_model:runtime="),
        (SLURM.format(status="CANCELLED"), "it was cancelled"),
        (REFUSED, "error: train_model: Slurm refuses the job: Batch job submission failed: Invalid generic resource"),
    ],
)
def test_what_slurm_ended_or_refused_is_told_with_its_remedy_and_not_by_an_older_log(told, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/train.log").write_text("error: batch: expected more\n")
    (tmp_path / "snakemake.log").write_text(told)
    (line,) = sentences([tmp_path / "snakemake.log"])
    assert sentence in line
