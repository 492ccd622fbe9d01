"""The command snakemake: targets are found wherever they stand, and what Snakemake understands is left as it is."""

from __future__ import annotations

import runpy
import shlex
import sys

import pytest
from snakemake import cli
from support.environments import commands

#: Command lines that Snakemake misreads, and what is made of them.
MENDED = {
    # the two of the README, and their kind: NAME=VALUE
    "--cores 8 --resources gpu=1 results/report.html": "--cores 8 --resources gpu=1 -- results/report.html",
    "--cores 8 --resources gpu=1 mem_mb=9 a b": "--cores 8 --resources gpu=1 mem_mb=9 -- a b",
    "--res gpu=1 a --cores 8": "--res gpu=1 --cores 8 -- a",
    "--resour gpu=1 a": "--resour gpu=1 -- a",
    "a --cores 8 --resources gpu=1 b": "--cores 8 --resources gpu=1 -- a b",
    "--resources gpu=1 a -- b": "--resources gpu=1 -- a b",
    "--resources gpu=1 a mem_mb=9": "--resources gpu=1 mem_mb=9 -- a",
    "--cores 8 --config a=b a": "--cores 8 --config a=b -- a",
    "-C a=b a": "-C a=b -- a",
    "--config 'models={x: {y: 3}}' a": "--config 'models={x: {y: 3}}' -- a",
    "--config a": "--config -- a",
    "--set-threads rule=2 a": "--set-threads rule=2 -- a",
    "--set-resources rule:mem_mb=2 a": "--set-resources rule:mem_mb=2 -- a",
    "--set-scatter split=2 a": "--set-scatter split=2 -- a",
    "--set-resource-scopes gpu=global a": "--set-resource-scopes gpu=global -- a",
    "--default-resources mem_mb=100 a": "--default-resources mem_mb=100 -- a",
    "--default-res a": "--default-res -- a",
    "--consider-ancient rule=0 a": "--consider-ancient rule=0 -- a",
    "--groups rule=group a": "--groups rule=group -- a",
    "--group-components group=5 a": "--group-components group=5 -- a",
    # choices
    "--quiet a": "--quiet -- a",
    "-q a": "-q -- a",
    "-nq a": "-nq -- a",
    "-n --quiet rules a": "-n --quiet rules -- a",
    "-n --quiet rules progress a b": "-n --quiet rules progress -- a b",
    "--quiet a --cores 8": "--quiet --cores 8 -- a",
    "--rerun-triggers mtime a": "--rerun-triggers mtime -- a",
    "--rerun-triggers mtime params a --cores 2": "--rerun-triggers mtime params --cores 2 -- a",
    "--rerun-t mtime a": "--rerun-t mtime -- a",
    "--sdm conda a": "--sdm conda -- a",
    "--software-deployment-method conda apptainer a": "--software-deployment-method conda apptainer -- a",
    "--shared-fs-usage none a": "--shared-fs-usage none -- a",
    "--strict-dag-evaluation functions a": "--strict-dag-evaluation functions -- a",
    "--dag a": "--dag -- a",
    "--rulegraph a b": "--rulegraph -- a b",
    "--lint a": "--lint -- a",
    "--scheduler a": "--scheduler -- a",
    "--scheduler greedy --dag a": "--scheduler greedy --dag -- a",
    "--conda-cleanup-pkgs a": "--conda-cleanup-pkgs -- a",
    # files
    "--configfile overlay.yaml a": "--configfile overlay.yaml -- a",
    "--configfile overlay.yaml results/report.html": "--configfile overlay.yaml -- results/report.html",
    "--configfile overlay.yaml results/stats.json": "--configfile overlay.yaml -- results/stats.json",
    "--configfile overlay.yaml more.json a": "--configfile overlay.yaml more.json -- a",
    "--configfiles overlay.yaml mistyped.yaml a": "--configfiles overlay.yaml mistyped.yaml -- a",
    "--cores 8 --resources gpu=1 --directory run --configfile overlay.yaml a": (
        "--cores 8 --resources gpu=1 --directory run --configfile overlay.yaml -- a"
    ),
    "--profile profile --configfile overlay.yaml a": "--profile profile --configfile overlay.yaml -- a",
}

#: Command lines that Snakemake understands, those whose meaning only the user knows, and those that are mistakes.
LEFT = [
    "",
    "-n",
    "--help",
    "--cores 8 a",
    "a --cores 8 --resources gpu=1",
    "--cores 8 --resources gpu=1 -- a",
    "--resources=gpu=1 a",
    "--resources gpu=1 --cores 8 a",
    "--config a=b --configfile overlay.yaml more.json",
    "--config=a=b a",
    "--configfile overlay.yaml extra.conf",
    "--configfile missing",
    "-qrules a",
    "--quiet",
    "--quiet all",
    "--dag dot a",
    "-nc8 a",
    "-F --dag",
    "-R rule a",
    "--forcerun a",
    "--until rule a",
    "-U rule a",
    "--omit-from rule",
    "--report report.zip",
    "--wait-for-files a b",
    "--rerun-triggers a",
    "--resources a",
    "--re a",
    "--no-such-option a",
    "a --cores 8 b",
    "--cleanup-metadata a b",
    "--snakefile S --cores 1 --mode remote --set-threads base64//eD0x base64//eT0y",
]


@pytest.fixture(scope="module")
def launcher(tmp_path_factory):
    """The console script, as set-up writes it."""
    return commands(tmp_path_factory.mktemp("environment")) / "snakemake"


@pytest.fixture
def handed_on(launcher, tmp_path, monkeypatch):
    """What of a command line the console script hands on to Snakemake."""
    for file in ("overlay.yaml", "more.json", "extra.conf", "results/report.html", "results/stats.json"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("{}")
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/config.yaml").write_text("cores: 3\nresources:\n  gpu: 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def call(line: str) -> list[str]:
        handed = []
        monkeypatch.setattr(sys, "argv", [str(launcher), *shlex.split(line)])
        monkeypatch.setattr(cli, "main", lambda: handed.extend(sys.argv))
        runpy.run_path(str(launcher), run_name="__main__")
        assert handed[0] == str(launcher)  # which the usage in --help names
        return handed[1:]

    return call


@pytest.mark.parametrize(("line", "mended"), MENDED.items())
def test_targets_behind_values_are_targets(handed_on, line, mended):
    words = handed_on(line)
    assert words == shlex.split(mended)
    assert cli.parse_args(words)[1].targets == words[words.index("--") + 1 :]
    assert handed_on(mended) == words


@pytest.mark.parametrize("line", LEFT)
def test_other_lines_are_left_as_they_are(handed_on, line):
    assert handed_on(line) == shlex.split(line)


def test_neither_its_folder_nor_the_library_is_there_for_a_snakefile(handed_on):
    """One environment serves several checkouts, each with a library of its own."""
    folders, modules = list(sys.path), set(sys.modules)
    handed_on("--quiet a")
    assert sys.path == folders
    assert not {name for name in set(sys.modules) - modules if name.startswith("relab")}
