"""A failed run ends with the sentences of its jobs, out of their logs."""

from __future__ import annotations

from relab.failures import sentences

SNAKEMAKE = """\
Error in rule clean_corpus:
    message: None
    jobid: 0
    log: logs/{name}.log (check log file(s) for error details)
    shell:
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
