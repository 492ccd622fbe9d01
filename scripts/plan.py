"""Say what a run would do before it does it: jobs, downloads, disk and time.

Times are those of the same job's last run in this folder, where it has one, else rough estimates for one CPU core. A job
that trains takes a small part of its time on a card.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from relab.assets.cache import default_folder
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
    from snakemake.exceptions import WorkflowError
    from snakemake.utils import update_config

    merged: dict = {}
    for path in [CHECKOUT / "config" / "assets.yaml", CHECKOUT / "config" / "config.yaml", *overlays]:
        try:
            update_config(merged, load_configfile(str(path)))
        except WorkflowError as error:
            raise UserError(" ".join(str(error).split())) from None
    return resolve(merged)


def pending(arguments: argparse.Namespace) -> dict[str, set[str]]:
    """Names of the jobs that would run, by rule, as Snakemake's summary of the targets' files tells them."""
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
            jobs[row["rule"]].add(job_name(row["rule"], row["output_file"]))
    return jobs


#: Rules of several jobs: those named by the folder of their artefact, by two folders, by their file, by the write-up's folder
#: and the file, by all folders below that of their stage and the file.
BY_FOLDER = ("clean_corpus", "train_tokenizer", "import_tokenizer", "train_model", "import_model", "import_encoder")
BY_FOLDER += ("finetune_model", "train_adapter", "fit_classifier", "fit_ranker", "fit_retriever")
BY_FOLDER += ("finetune_classifier", "finetune_classifier_by_adapter")
BY_FOLDER += ("score_classifiers", "tabulate_classifiers", "draw_classifiers")  # named by their write-up
BY_TWO_FOLDERS = ("tokenize_corpus",)
BY_FILE = ("sample_texts", "trace_words", "draw_mingpt")
BY_WRITEUP = ("score_texts", "tabulate_texts", "read_passages", "score_finetuning", "tabulate_finetuning", "draw_finetuning")
BY_PLACE = ("make_dataset", "encode_texts")


def job_name(rule: str, output: str) -> str:
    """What tells a job from others of its rule, as in the name of its log: the artefact, or nothing where there is one job."""
    parts = output.removesuffix(".provenance.json").removesuffix(".lock.json").split("/")
    stem = parts[-1].rpartition(".")[0]
    if rule == "fetch_asset":
        return "/".join(parts[2:4])
    if rule in BY_PLACE:
        return "/".join([*parts[2:-1], stem])
    if rule in BY_TWO_FOLDERS:
        return "/".join(parts[2:4])
    if rule in BY_WRITEUP:
        return f"{parts[2]}/{stem if stem == 'larger_texts' else re.sub('_(texts|curve|loss)$', '', stem)}"
    return parts[2] if rule in BY_FOLDER else stem if rule in BY_FILE else ""


def report_jobs(directory: Path, settings: Resolved, jobs: dict[str, set[str]]) -> None:
    """Print the jobs that would run and the time they would take."""
    if not jobs:
        print("Nothing to do: every file of the targets is up to date.")
        return
    print(f"{'rule':<20}{'jobs':>6}{'core-minutes':>14}")
    work = longest = 0.0
    for rule, names in sorted(jobs.items()):
        times = [expected(directory, settings, rule, name) for name in sorted(names)]
        work, longest = work + sum(times), max(longest, *times)
        print(f"{rule:<20}{len(names):>6}{sum(times) / 60:>14.1f}")
    cores = os.cpu_count() or 1
    print(f"{'together':<20}{sum(map(len, jobs.values())):>6}{work / 60:>14.1f}")
    print(f"\nAbout {duration(max(work / cores, longest))} on the {cores} cores of this machine, downloads apart.\n")


def expected(directory: Path, settings: Resolved, rule: str, name: str) -> float:
    """Seconds of a job: as measured when it last ran in this folder, else estimated from its settings."""
    measured = directory / "results" / "benchmarks" / rule / f"{name}.jsonl"
    if not name:
        measured = measured.parent.with_suffix(".jsonl")
    if measured.is_file() and (lines := measured.read_text().splitlines()):
        return float(json.loads(lines[-1])["s"])
    return seconds(rule, SLICES[rule](settings, model=name) if rule == "train_model" else None)


def duration(seconds: float) -> str:
    """Seconds in the unit that people would use."""
    for unit, size in (("days", 86400), ("hours", 3600)):
        if seconds > 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds / 60, 1):.0f} minutes"


def report_downloads(settings: Resolved, jobs: dict[str, set[str]]) -> None:
    """Print what would be downloaded, the disk it takes, and what only the user can bring."""
    assets = sorted({name.split("/")[0] for name in jobs.get("fetch_asset", ())})
    entries = plan_downloads({name: settings.assets[name] for name in assets}, default_folder())
    waiting = [entry for entry in entries if not entry.cached]
    for entry in waiting:
        if entry.missing:
            print(f"missing  {entry.asset}: {entry.source}. {settings.assets[entry.asset].missing}")
        else:
            print(f"download {entry.asset}: {size(entry.download)} from {entry.source}")
    coming = [entry for entry in waiting if not entry.missing]
    if coming:
        print(
            f"\n{size(total(entry.download for entry in coming))} to download; the files take "
            f"{size(total(entry.disk for entry in coming))} of disk in {default_folder()}."
        )
    elif assets and not waiting:
        print("\nAll downloads are at hand already.")


def total(sizes: Iterable[int | None]) -> int | None:
    """The sum, or None where a size is not known."""
    known = list(sizes)
    return None if None in known else sum(known)


def size(count: int | None) -> str:
    """Bytes for people."""
    return "an unknown size" if count is None else f"{count / 1e6:,.1f} MB"


if __name__ == "__main__":
    run(main)
