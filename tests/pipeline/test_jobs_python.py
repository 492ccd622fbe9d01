"""Jobs run in the environment of the Snakemake that runs them, whatever stands on the path, or in one of their own.

Several jobs of this machine are forks of one process, which tests see by what the record of a job that needs no torch says.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import psutil
from support.runs import TINY, run_snakemake

#: Two jobs: a file is linked, a corpus is made of it.
TARGET = "results/corpora/italian/stats.json"

#: What Snakemake asks of conda. An environment's ``python`` notes its folder, and goes on as the one of the tests.
CONDA = """#!/bin/bash
case "$*" in
info*) echo '{{"conda_version": "24.11.0", "conda_prefix": "{folder}", "root_prefix": "{folder}", "platform": "linux-64"}}' ;;
--version) echo conda 24.11.0 ;;
config*) echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
"env create"*)
  while [ "$1" != --prefix ]; do shift; done
  mkdir -p "$2/bin"
  printf '#!/bin/sh\\necho "$0" >> "{folder}/used"\\nexec "{python}" "$@"\\n' > "$2/bin/python"
  chmod +x "$2/bin/python" ;;
esac
"""


#: Four jobs: it is made into tokens, too.
TOKENS = "results/tokens/italian-characters/italian/train.arrow"


def program(path: Path, text: str) -> Path:
    """Write a program; returns its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path.parent


def path_with_another_python(folder: Path, *first: Path) -> str:
    """A PATH on which ``python`` is a program that fails."""
    return os.pathsep.join(map(str, [*first, program(folder / "python", "#!/bin/sh\nexit 97\n"), "/usr/bin", "/bin"]))


def test_no_environment_has_to_be_activated(tmp_path):
    other = path_with_another_python(tmp_path / "other")
    made = run_snakemake(tmp_path / "run", "--cores", "1", *TINY, "--", TARGET, PATH=other)
    assert made.returncode == 0, made.stdout + made.stderr
    assert (tmp_path / "run" / TARGET).exists()
    activated = run_snakemake(tmp_path / "run", "-n", *TINY, "--", TARGET)
    assert "Nothing to be done" in activated.stdout + activated.stderr


def test_conda_gives_each_rule_its_own_python(tmp_path):
    conda = program(tmp_path / "conda/bin/conda", CONDA.format(folder=tmp_path / "conda", python=sys.executable))
    (conda / "activate").write_text('export PATH="$1/bin:$PATH"\n')
    other = path_with_another_python(tmp_path / "other", conda)
    made = run_snakemake(tmp_path / "run", "--sdm", "conda", "--cores", "1", *TINY, "--", TARGET, PATH=other)
    assert made.returncode == 0, made.stdout + made.stderr
    pythons = (tmp_path / "conda/used").read_text().splitlines()
    assert len(set(pythons)) == 2  # the environments of fetching and of texts
    assert all(".snakemake/conda/" in python for python in pythons)


def test_several_jobs_are_forks_of_one_process(tmp_path):
    made = run_snakemake(tmp_path, "--cores", "1", *TINY, "--", "results/corpora/english/stats.json", TOKENS)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "torch" in recorded_versions(tmp_path)
    logs = re.findall(r"^ +log: results/logs/(\S+)", made.stdout + made.stderr, re.M)
    assert all("italian" in log for log in logs[:2]), "the longest chain of jobs comes first"
    servers = [process for process in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(process.info["cmdline"])]
    assert not servers


def test_a_server_of_forks_can_be_declined(tmp_path):
    made = run_snakemake(tmp_path, "--cores", "1", *TINY, "--", TOKENS, RELAB_FORK_SERVER="")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "torch" not in recorded_versions(tmp_path)


def test_few_jobs_start_by_themselves(tmp_path):
    made = run_snakemake(tmp_path, "--cores", "1", *TINY, "--", TARGET)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "torch" not in recorded_versions(tmp_path)


def recorded_versions(run: Path) -> dict[str, str]:
    return json.loads((run / "results/corpora/italian/train.parquet.provenance.json").read_text())["versions"]
