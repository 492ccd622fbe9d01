"""Say what a run would do before it does it: jobs, downloads, disk and time.

Times are those of the same job's last run in this folder, where it has one, else rough estimates for one CPU core; a card
takes a small part of the time of jobs that train.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from relab.assets.plan import plan as plan_downloads
from relab.errors import UserError, run
from relab.estimate import seconds
from relab.settings.config import Resolved, resolve
from relab.settings.provide import SLICES

CHECKOUT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", default=["results/report.html"], help="files or rules (default: the report)")
    parser.add_argument("--directory", type=Path, default=Path(), help="folder of the run (default: here)")
    parser.add_argument("--configfile", type=Path, nargs="*", default=[], help="overlays, in order")
    arguments = parser.parse_args()
    settings = load(arguments.configfile)
    jobs = pending(arguments)
    report_jobs(arguments.directory, settings, jobs)
    report_downloads(settings, jobs)


def load(overlays: list[Path]) -> Resolved:
    """The settings of the checkout with the overlays laid over them, as Snakemake merges them."""
    from snakemake.common.configfile import load_configfile
    from snakemake.utils import update_config

    merged: dict = {}
    for path in [CHECKOUT / "config" / "assets.yaml", CHECKOUT / "config" / "config.yaml", *overlays]:
        update_config(merged, load_configfile(str(path)))
    return resolve(merged)


def pending(arguments: argparse.Namespace) -> dict[str, set[str]]:
    """Logs of the jobs that would run, by rule, as Snakemake's summary of the targets' files tells them."""
    command = [
        "snakemake", "--summary", "--snakefile", str(CHECKOUT / "Snakefile"), "--directory", str(arguments.directory),
        *(["--configfile", *map(str, arguments.configfile)] if arguments.configfile else []), "--", *arguments.targets,
    ]  # fmt: skip
    arguments.directory.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    told = subprocess.run(command, capture_output=True, text=True, env=environment)
    if told.returncode:
        raise UserError(told.stderr.strip().splitlines()[-1] if told.stderr.strip() else "snakemake --summary failed")
    jobs: dict[str, set[str]] = defaultdict(set)
    for row in csv.DictReader(told.stdout.splitlines(), delimiter="\t"):
        if row["plan"] != "no update":
            jobs[row["rule"]].add(row["log-file(s)"])
    return jobs


def report_jobs(directory: Path, settings: Resolved, jobs: dict[str, set[str]]) -> None:
    """Print the jobs that would run and the time they would take."""
    if not jobs:
        print("Nothing to do: every file of the targets is up to date.")
        return
    print(f"{'rule':<20}{'jobs':>6}{'core-minutes':>14}")
    total = longest = 0.0
    for rule, logs in sorted(jobs.items()):
        times = [expected(directory, settings, rule, log) for log in sorted(logs)]
        total, longest = total + sum(times), max(longest, *times)
        print(f"{rule:<20}{len(logs):>6}{sum(times) / 60:>14.1f}")
    cores = os.cpu_count() or 1
    print(f"{'together':<20}{sum(map(len, jobs.values())):>6}{total / 60:>14.1f}")
    print(f"\nAbout {max(total / cores, longest) / 60:.0f} minutes on the {cores} cores of this machine, downloads apart.")


def expected(directory: Path, settings: Resolved, rule: str, log: str) -> float:
    """Seconds of a job: as measured when it last ran in this folder, else estimated from its settings."""
    measured = directory / Path(log.replace("results/logs/", "results/benchmarks/", 1)).with_suffix(".jsonl")
    if measured.is_file() and (lines := measured.read_text().splitlines()):
        return float(json.loads(lines[-1])["s"])
    name = Path(log).stem
    spec = SLICES[rule](settings, model=name) if rule == "train_model" else None
    return seconds(rule, spec)


def report_downloads(settings: Resolved, jobs: dict[str, set[str]]) -> None:
    """Print what would be downloaded and the disk it takes."""
    assets = sorted({Path(log).parent.name for log in jobs.get("fetch_asset", ())})
    cache = Path(os.environ.get("RELAB_CACHE") or CHECKOUT / ".cache")
    entries = plan_downloads({name: settings.assets[name] for name in assets}, cache)
    waiting = [entry for entry in entries if not entry.cached]
    for entry in waiting:
        size = f"{entry.download / 1e6:,.1f} MB" if entry.download else "size unknown"
        print(f"download {entry.asset}: {size}")
    if waiting:
        known = [entry for entry in waiting if entry.download]
        more = "" if len(known) == len(waiting) else f", and {len(waiting) - len(known)} of unknown size"
        disk = sum(entry.disk or 0 for entry in waiting)
        print(
            f"\n{sum(entry.download for entry in known) / 1e6:,.0f} MB to download{more}; about {disk / 1e6:,.0f} MB of disk "
            f"in {cache}."
        )
    elif assets:
        print("\nAll downloads are in the cache already.")


if __name__ == "__main__":
    run(main)
