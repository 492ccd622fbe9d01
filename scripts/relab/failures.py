"""What a failed run ends with: the sentences of its failed jobs, out of their logs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

#: How Snakemake's log names the log of a failed job.
FAILED_LOG = re.compile(r"^ +log: (.+) \(check log file\(s\) for error details\)$", re.MULTILINE)
#: How a program ends on an error: from here to the end of its log (:func:`relab.errors.run`).
SENTENCE = "error: "


def sentences(snakemake_logs: Iterable[str | Path]) -> list[str]:
    """Why the jobs of a run failed, a sentence a job, in the order in which they did.

    ``snakemake_logs``: the logs of Snakemake, which name those of jobs, from the run's folder.
    """
    text = "".join(Path(path).read_text(encoding="utf-8", errors="replace") for path in snakemake_logs)
    jobs = dict.fromkeys(Path(path) for path in FAILED_LOG.findall(text))
    return list(filter(None, map(_sentence, jobs)))


def _sentence(log: Path) -> str:
    """The error at the end of a job's log: its sentence, or the last line of a traceback; empty where there is none."""
    lines = log.read_text(encoding="utf-8", errors="replace").rstrip().splitlines() if log.is_file() else []
    for number in reversed(range(len(lines))):
        if lines[number].startswith(SENTENCE):
            return "\n".join(lines[number:])
        if lines[number].startswith("Traceback "):
            return f"{SENTENCE}{lines[-1]} ({log})"
    return ""
