"""Jobs run in the environment of the Snakemake that runs them, whatever stands on the path, or in one of their own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

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
