"""Rehearse a configuration before it runs: its whole DAG on small stand-ins of everything that it would download.

The same rules and programs, the architectures and layouts of the real assets, a few steps and texts: what would end a real
run after hours of queue and download ends this one in minutes. Its report says REHEARSAL, and its figures mean nothing. Nothing
is written outside the folder of the rehearsal, which a new one empties.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from relab.commands import plan, workflow
from relab.errors import UserError
from relab.machine import gpu_count
from relab.rehearsal.cuts import cuts
from relab.rehearsal.hub import StandInHub
from relab.rehearsal.stand_ins import make
from relab.settings.config import Resolved

#: What a folder holds that an earlier rehearsal made.
MARK = "rehearsal.yaml"


def main(words: Sequence[str]) -> None:
    parser = workflow.overlay_parser("rehearse", __doc__)
    parser.add_argument(
        "--directory", type=Path, default=Path("rehearsal"), metavar="RUN", help="folder of the rehearsal (default: rehearsal)"
    )
    parser.add_argument("--cores", default="all", help="cores that it uses (default: all)")
    parser.add_argument(
        "--device", choices=["cpu", "cuda"], help="where networks run (default: on a card where there is one, as in a real run)"
    )
    parser.add_argument("targets", nargs="*", default=["results/report.html"], help="files or rules (default: the report)")
    args = parser.parse_args(words)
    if args.device == "cuda" and not gpu_count():
        raise UserError("--device cuda: expected a CUDA card on this machine, found none")
    args.configfile = [path.resolve() for path in args.configfile]
    settings = workflow.load(args.configfile)
    prepare(args.directory)
    hub = StandInHub()
    assets = stand_in_assets(settings, args.directory / "assets", hub)
    layer = {**cuts(settings.config), **disguise(settings), "assets": assets}
    (args.directory / MARK).write_text(yaml.safe_dump(layer, sort_keys=False, allow_unicode=True), encoding="utf-8")
    with hub.serving():
        run(args, hub.url)
    print_coverage(args.directory, settings, assets)
    plan_real_run(args, settings)


def prepare(folder: Path) -> None:
    """Make the folder of a rehearsal, or empty that of an earlier one.

    Raises:
        UserError: the folder holds something else.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise UserError(f"{folder}: expected a new folder or that of an earlier rehearsal, found one without {MARK}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()


def disguise(settings: Resolved) -> dict[str, Any]:
    """Settings that say what the run is."""
    return {
        "rehearsal": True,
        "scale": f"REHEARSAL of {settings.scale}",
        "about": "Stand-ins of the same shape, a few steps and texts. No figure here means anything.",
    }


def stand_in_assets(settings: Resolved, folder: Path, hub: StandInHub) -> dict[str, Any]:
    """Make and serve stand-ins of the assets that the report needs; returns their settings by name."""
    layer = {}
    for name in settings.needed["assets"]:
        asset = settings.artefacts.assets[name].settings
        if make(folder / name, name, asset):
            unknown = {"size": None, "sha256": None}
            layer[name] = {"files": dict.fromkeys(asset.files, unknown), "sources": [hub.give(name, asset, folder / name)]}
    return layer


def run(args: argparse.Namespace, url: str) -> None:
    """Run the DAG on the stand-ins.

    Raises:
        UserError: a job failed; Snakemake has told why.
    """
    folder = args.directory.resolve()
    rehearsal = argparse.Namespace(directory=folder, configfile=[*args.configfile, folder / MARK])
    environment = {
        **{name: value for name, value in workflow.environment().items() if name != "RELAB_MIRROR"},
        **{"RELAB_CACHE": str(folder / "cache"), "HF_ENDPOINT": url, "NO_PROXY": "127.0.0.1,localhost", "OMP_NUM_THREADS": "1"},
    }
    if args.device == "cpu" or not gpu_count():
        environment["CUDA_VISIBLE_DEVICES"] = "-1"
    words = ["--cores", args.cores, "--quiet", "reason", "host", "--keep-going", "--", *args.targets]
    if subprocess.run(workflow.command(rehearsal, *words), env=environment).returncode:
        raise UserError(f"{args.directory}: the rehearsal has failed; the errors stand above, and in results/logs there")


def print_coverage(folder: Path, settings: Resolved, assets: Mapping[str, Any]) -> None:
    """Say what the rehearsal has gone through, and what it has not."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in (folder / "results").rglob(f"*{workflow.RECORD}")]
    programs = {record["job"] for record in records}
    own = [name for name in settings.needed["assets"] if name not in assets]
    local = [name for name in assets if settings.artefacts.assets[name].settings.missing]
    print(f"\nRehearsed: {len(records)} jobs of {len(programs)} kinds on stand-ins of {len(assets)} downloads.")
    gaps = [
        "" if any(record["device"].startswith("cuda") for record in records) else "a card: its memory, kernels and bfloat16",
        "the sources of the downloads: their addresses, sizes and hashes",
        f"files of your own: {', '.join(local)}" if local else "",
        "memory and time at the real sizes, and anything that only shows after the first steps",
    ]
    print("Not rehearsed:", *(f"- {gap}" for gap in gaps if gap), sep="\n")
    if own:
        print(f"Taken as they are on this machine: {', '.join(own)}.")
    if (folder / "results/report.html").is_file():
        print(f"Its report: {folder / 'results/report.html'}")


def plan_real_run(args: argparse.Namespace, settings: Resolved) -> None:
    """Say what the real run would download and take, as `relab plan` does for a new folder."""
    print("\nThe real run, as `relab plan` sees it:\n")
    new = argparse.Namespace(directory=args.directory / "plan", configfile=args.configfile)
    try:
        jobs = plan.waiting_jobs(new, args.targets)
    except UserError as error:
        print(f"not planned: {error}")
        return
    plan.report_jobs(jobs, brief=True)
    plan.report_downloads(settings, jobs)
