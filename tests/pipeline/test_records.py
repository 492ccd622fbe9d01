"""The records of a finished run tell which files each job read: all that Snakemake passed, and what it made."""

from __future__ import annotations

import json

from support.runs import TINY, run_snakemake


def jobs(planned: str) -> dict[str, tuple[set[str], set[str]]]:
    """Inputs and outputs of each job by its record, from what a dry run prints."""
    found, inputs = {}, set()
    for line in planned.splitlines():
        key, _, paths = line.strip().partition(": ")
        if line.startswith(("rule ", "localrule ")):
            inputs = set()
        elif key == "input":
            inputs = set(paths.split(", "))
        elif key == "output":
            outputs = set(paths.split(", "))
            record = next(path for path in outputs if path.endswith(".provenance.json"))
            found[record] = (inputs, outputs - {record})
    return found


def test_every_record_names_all_that_its_job_read_and_made(tiny_checkout):
    planned = run_snakemake(tiny_checkout, "-n", "--forceall", *TINY, checkout=tiny_checkout)
    expected = jobs(planned.stdout)
    assert len(expected) > 150
    for path, (inputs, outputs) in expected.items():
        record = json.loads((tiny_checkout / path).read_text(encoding="utf-8"))
        assert (set(record["inputs"]), set(record["outputs"])) == (inputs, outputs), path
