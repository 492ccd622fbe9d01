"""Say what a run would do before it does it: jobs, downloads, disk and time.

Times are those of the same job's last run in this folder, where it has one, else rough estimates for one CPU core. A job
that trains takes a small part of its time on a card.
"""

from __future__ import annotations

import csv
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from relab.assets.cache import default_folder
from relab.assets.plan import plan_downloads
from relab.commands import workflow
from relab.estimate import job_seconds
from relab.settings.config import Resolved

#: What Snakemake's summary says instead of the log of a job that has not run.
NO_LOG = "-"

#: Jobs by rule and record: the log of a job's last run, None where it has not run.
Jobs = dict[str, dict[str, str | None]]


def main(words: Sequence[str]) -> None:
    parser = workflow.run_parser("plan", __doc__)
    parser.add_argument("targets", nargs="*", default=["results/report.html"], help="files or rules (default: the report)")
    args = parser.parse_args(words)
    settings = workflow.load(args.configfile)
    jobs = pending(workflow.output(args, "--summary", "--", *args.targets))
    report_jobs(args.directory, settings, jobs)
    report_downloads(settings, jobs)


def pending(text: str) -> Jobs:
    """The jobs that would run."""
    jobs: Jobs = defaultdict(dict)
    for row in csv.DictReader(text.splitlines(), delimiter="\t"):
        if row["plan"] != "no update" and row["output_file"].endswith(workflow.RECORD):
            log = row["log-file(s)"]
            jobs[row["rule"]][row["output_file"]] = None if log == NO_LOG else log
    return jobs


def report_jobs(directory: Path, settings: Resolved, jobs: Jobs, *, brief: bool = False) -> None:
    """Print the jobs that would run and the time they would take; ``brief``: all rules in one line."""
    if not jobs:
        print("Nothing to do: every file of the targets is up to date.")
        return
    width = max(map(len, jobs)) + 2
    print(f"{'rule':<{width}}{'jobs':>6}{'core-minutes':>14}")
    work = longest = 0.0
    for rule, logs in sorted(jobs.items()):
        times = [measured(directory, log) or job_seconds(rule, record, settings) for record, log in logs.items()]
        work, longest = work + sum(times), max(longest, *times)
        if not brief:
            print(f"{rule:<{width}}{len(times):>6}{sum(times) / 60:>14.1f}")
    cores = os.cpu_count() or 1
    print(f"{'together':<{width}}{sum(map(len, jobs.values())):>6}{work / 60:>14.1f}")
    print(f"\nAbout {duration(max(work / cores, longest))} on the {cores} cores of this machine, downloads apart.\n")


def measured(directory: Path, log: str | None) -> float | None:
    """Seconds that a job took when it last ran in this folder; None where it has not."""
    if log is None:
        return None
    benchmark = directory / Path("results/benchmarks", Path(log).relative_to("results/logs")).with_suffix(".jsonl")
    lines = benchmark.read_text(encoding="utf-8").splitlines() if benchmark.is_file() else []
    return float(json.loads(lines[-1])["s"]) if lines else None


def duration(seconds: float) -> str:
    """Seconds in a readable unit."""
    for unit, size in (("days", 86400), ("hours", 3600)):
        if seconds > 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds / 60, 1):.0f} minutes"


def report_downloads(settings: Resolved, jobs: Jobs) -> None:
    """Print what would be downloaded, the disk it takes, and what only the user can bring."""
    declared = settings.artefacts.assets
    assets = sorted({Path(record).parts[2] for record in jobs.get("fetch_asset", ())})
    entries = plan_downloads({name: declared[name].settings for name in assets}, default_folder())
    waiting = [entry for entry in entries if not entry.cached]
    for entry in waiting:
        if entry.missing:
            print(f"missing  {entry.asset}: {entry.source}. {declared[entry.asset].settings.missing}")
        else:
            print(f"download {entry.asset}: {size(entry.download)} from {entry.source}")
    downloads = [entry for entry in waiting if not entry.missing]
    if downloads:
        print(
            f"\n{size(*(entry.download for entry in downloads))} to download; the files take "
            f"{size(*(entry.disk for entry in downloads))} of disk in {default_folder()}."
        )
    elif assets and not waiting:
        print("\nAll downloads are at hand already.")


def size(*counts: int | None) -> str:
    """Bytes in megabytes, together; what is not known is said."""
    known = [count for count in counts if count is not None]
    if not known:
        return "an unknown size"
    together = f"{sum(known) / 1e6:,.1f} MB"
    return together if len(known) == len(counts) else f"{together} and {len(counts) - len(known)} of unknown size"
