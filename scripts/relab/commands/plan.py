"""Say what a run would do before it does it: jobs, downloads, disk and time.

Times are those of the same job's last run in this folder, where it has one, else rough estimates for one CPU core. A job
that trains takes a small part of its time on a card.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from relab.assets.cache import default_folder
from relab.assets.plan import plan_downloads
from relab.commands import workflow
from relab.schedule import PLAN, Job, longest_chain, seconds_on
from relab.settings.config import Resolved

#: Numbers of cores that a plan looks at beside this machine's.
MORE_CORES = (8, 32)
#: Seconds that a job of the longest chain takes at least to be named.
LONG = 10


def main(words: Sequence[str]) -> None:
    parser = workflow.run_parser("plan", __doc__)
    parser.add_argument("targets", nargs="*", default=["results/report.html"], help="files or rules (default: the report)")
    args = parser.parse_args(words)
    settings = workflow.load(args.configfile)
    jobs = waiting_jobs(args, args.targets)
    report_jobs(jobs)
    report_downloads(settings, jobs)


def waiting_jobs(run: argparse.Namespace, targets: Sequence[str], *options: str) -> list[Job]:
    """The jobs that would run for the targets, as a dry run of Snakemake with more options tells them.

    Raises:
        UserError: Snakemake ends with an error.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "jobs.json")
        workflow.output(run, "--dry-run", "--quiet", "all", *options, "--", *targets, **{PLAN: str(path)})
        jobs = json.loads(path.read_text(encoding="utf-8"))
    return [Job(**{**job, "needs": tuple(job["needs"])}) for job in jobs]


def report_jobs(jobs: Sequence[Job], *, brief: bool = False) -> None:
    """Print the jobs that would run, their time, and what it cannot fall below; ``brief``: all rules in one line."""
    if not jobs:
        print("Nothing to do: every file of the targets is up to date.")
        return
    rules: dict[str, list[float]] = defaultdict(list)
    for job in jobs:
        rules[job.rule].append(job.seconds)
    width = max(map(len, rules)) + 2
    print(f"{'rule':<{width}}{'jobs':>6}{'core-minutes':>14}")
    for rule, times in sorted(rules.items()):
        if not brief:
            print(f"{rule:<{width}}{len(times):>6}{sum(times) / 60:>14.1f}")
    print(f"{'together':<{width}}{len(jobs):>6}{sum(job.seconds for job in jobs) / 60:>14.1f}")
    cores = os.cpu_count() or 1
    times = [f"{duration(seconds_on(jobs, cores))} on the {cores} cores of this machine"]
    times += [f"{duration(seconds_on(jobs, number))} on {number}" for number in MORE_CORES if number > cores]
    print(f"\nAbout {', '.join(times)}, downloads apart.")
    chain = longest_chain(jobs)
    print(f"Not below {duration(sum(job.seconds for job in chain))}, which the longest chain of jobs takes:")
    for job in chain:
        if job.seconds >= LONG:
            print(f"{job.seconds:>9.0f} s  {job.rule} ({job.record.removesuffix(workflow.RECORD)})")
    print()


def duration(seconds: float) -> str:
    """Seconds in a readable unit."""
    for unit, size in (("days", 86400), ("hours", 3600)):
        if seconds > 2 * size:
            return f"{seconds / size:.0f} {unit}"
    minutes = max(round(seconds / 60), 1)
    return f"{minutes} minute" + ("s" if minutes > 1 else "")


def report_downloads(settings: Resolved, jobs: Iterable[Job]) -> None:
    """Print what would be downloaded, the disk it takes, and what only the user can bring."""
    declared = settings.artefacts.assets
    assets = sorted({Path(job.record).parts[2] for job in jobs if job.rule == "fetch_asset"})
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
