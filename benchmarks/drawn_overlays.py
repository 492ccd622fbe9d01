"""What a dry run promises of settings that nobody foresaw: the tests' tiniest report with a few of them drawn at random.

One whole report is made. For each overlay that a dry run takes, what it changes is made anew in a copy of that run: the report
is there in the end, or each job that failed has said why in one sentence. Another end is shown with the overlay and the job's
log, and the program ends with status 1. One JSON line says how many ended how.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from common import emit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

REPORT = ("--", "results/report.html")
DONE, TOLD, REFUSED, BROKEN = "done", "told by a job", "refused by the dry run", "broken"


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--overlays", type=int, default=10, help="overlays that are drawn (default: %(default)s)")
    cli.add_argument("--seed", type=int, default=0, help="seed of the first one; the others follow it (default: %(default)s)")
    cli.add_argument("--cores", default="2", help="cores of a run (default: %(default)s)")
    args = cli.parse_args()
    from support.overlays import drawn_overlay, tiny_configuration
    from support.runs import TINY, run_snakemake

    raw, ends = tiny_configuration(), Counter()
    with tempfile.TemporaryDirectory(prefix="relab-overlays-") as folder:
        whole = Path(folder) / "whole"
        made = run_snakemake(whole, "--cores", args.cores, *TINY, *REPORT)
        if made.returncode:
            sys.exit(f"error: the report without an overlay is not made:\n{made.stdout}{made.stderr}")
        for seed in range(args.seed, args.seed + args.overlays):
            drawn = drawn_overlay(raw, random.Random(seed))
            end, told = run_overlay(whole, drawn, args.cores)
            print(f"overlay {seed}: {end}{f': {told}' if told else ''}", file=sys.stderr, flush=True)
            if end == BROKEN:
                print(changes(raw, drawn), file=sys.stderr, flush=True)
            ends[end] += 1
    emit("drawn_overlays", "dry runs keep their promise", args.overlays, "overlays", settings={"seed": args.seed, **ends})
    if ends[BROKEN]:
        sys.exit(1)


def run_overlay(whole: Path, drawn: dict, cores: str) -> tuple[str, str]:
    """How a report with an overlay ends, and what was said."""
    from support.overlays import write_settings
    from support.runs import run_snakemake

    from relab.run_copy import copy_run

    run = whole.with_name("run")
    shutil.rmtree(run, ignore_errors=True)
    copy_run(whole, run)
    settings = whole.with_name("settings.yaml")
    write_settings(settings, drawn)
    words = ("--configfile", str(settings), *REPORT)
    dry = run_snakemake(run, "--dry-run", "--quiet", "all", *words)
    if dry.returncode:
        return (BROKEN if "Traceback" in dry.stderr else REFUSED), dry.stderr.strip().splitlines()[-1]
    made = run_snakemake(run, "--cores", cores, "--keep-going", *words)
    if made.returncode == 0:
        return DONE, ""
    logs = {path: (run / path).read_text(encoding="utf-8") for path in re.findall(r"^ +log: (\S+) \(check", made.stderr, re.M)}
    sentences = [last_line(log) for log in logs.values()]
    if sentences and all(sentence.startswith("error: ") for sentence in sentences):
        return TOLD, "; ".join(sentences)
    return BROKEN, "\n".join(f"{path}:\n{log[-3000:]}" for path, log in logs.items()) or made.stderr[-3000:]


def last_line(log: str) -> str:
    """The last line of a job's log, where an error stands."""
    return (log.strip().splitlines() or [""])[-1]


def changes(raw: dict, drawn: dict) -> dict:
    """What an overlay changes."""
    return {
        key: changes(raw[key], value) if isinstance(value, dict) else value for key, value in drawn.items() if value != raw[key]
    }


if __name__ == "__main__":
    main()
