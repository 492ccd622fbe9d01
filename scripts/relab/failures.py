"""What a failed run ends with: the sentences of its failed jobs, out of their logs or by what Slurm did to them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

#: How Snakemake's log tells of a failed job: its rule, what the executor says of it, and its logs.
FAILED_JOB = re.compile(
    r"^ *Error in rule (?P<rule>\w+):$"
    r"|^ +message: (?P<message>.+)$"
    r"|^ +jobid: (?P<jobid>\d+)$"
    r"|^ +log: (?P<logs>.+) \(check log file\(s\) for error details\)$",
    re.MULTILINE,
)
#: How it says that a failed job is tried once more: how that ends is told by itself.
RESTARTED = re.compile(r"^Trying to restart job (\d+)\.$", re.MULTILINE)
#: How a program ends on an error: from here to the end of its log (:func:`relab.errors.run`).
SENTENCE = "error: "
#: What Snakemake's plugin for Slurm says of a job that could not be submitted, and of one that ended.
REFUSED = re.compile(r"SLURM sbatch failed\. The error message was '(?:sbatch: error: )?(.+?)'?\.?$")
ENDED = re.compile(r"SLURM status is: '(\w+)")
#: What to do where Slurm ended a job, which could say nothing itself.
REMEDIES = {
    "OUT_OF_MEMORY": "it took more memory than it had asked for; give it more with --set-resources {rule}:mem_mb=MB",
    "TIMEOUT": "it took more time than it had asked for; a training goes on from its last checkpoint when it is started again, "
    "other jobs need more time: --set-resources {rule}:runtime=MINUTES",
    "CANCELLED": "it was cancelled; a training goes on from its last checkpoint when it is started again",
}


def sentences(snakemake_logs: Iterable[str | Path]) -> list[str]:
    """Why the jobs of a run failed, a sentence a job, in the order in which they did.

    ``snakemake_logs``: the logs of Snakemake, which name those of jobs, from the run's folder.
    """
    text = "".join(Path(path).read_text(encoding="utf-8", errors="replace") for path in snakemake_logs)
    return list(dict.fromkeys(filter(None, _sentences(text))))


def _sentences(text: str) -> Iterator[str]:
    """A sentence for each failed job that a log of Snakemake tells of; empty where nothing is known."""
    rule = message = jobid = ""
    restarts = Counter(RESTARTED.findall(text))
    for told in FAILED_JOB.finditer(text):
        if told["rule"]:
            rule, message, jobid = told["rule"], "", ""
        elif told["jobid"]:
            jobid = told["jobid"]
        elif told["message"]:
            message = told["message"]
            if refused := REFUSED.search(message):  # the log of such a job is an earlier one's
                yield f"{SENTENCE}{rule}: Slurm refuses the job: {refused[1]}"
        elif restarts[jobid]:
            restarts[jobid] -= 1
        elif not REFUSED.search(message):
            ended = ENDED.search(message)
            if ended and ended[1] in REMEDIES:
                yield f"{SENTENCE}{rule}: Slurm ended the job, {ended[1]}: {REMEDIES[ended[1]].format(rule=rule)}"
            else:
                yield from map(_sentence, map(Path, told["logs"].split(", ")))


def _sentence(log: Path) -> str:
    """The error at the end of a job's log: its sentence, or the last line of a traceback; empty where there is none."""
    lines = log.read_text(encoding="utf-8", errors="replace").rstrip().splitlines() if log.is_file() else []
    for number in reversed(range(len(lines))):
        if lines[number].startswith(SENTENCE):
            return "\n".join(lines[number:])
        if lines[number].startswith("Traceback "):
            return f"{SENTENCE}{lines[-1]} ({log})"
    return ""
