"""Resolve requirements.in into the locks and pin the conda environments, or check what the locks say for each machine.

`write` (make lock) resolves once for every supported machine, and copies the pins of the packages that envs/*.yaml name from
the lock into them. `check` (make lock-check) resolves, without installing anything, for each platform and Python: that the
lock holds all that the project needs there, and that each pin exists there with a hash that the lock knows. Both need the
package index.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement

HERE = Path(__file__).resolve().parent
LOCK = HERE / "requirements.lock"
PLATFORMS = ["x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin"]
PYTHONS = ["3.11", "3.12", "3.13"]
#: The oldest macOS that torch is built for; uv supposes an older one.
MACOS = "14.0"
#: What torch brings along itself, as the build that a machine takes needs it.
WITH_TORCH = re.compile(r"torch|triton|cuda-.*|nvidia-.*")
#: What exists as source alone; it is pure Python.
FROM_SOURCE = ["connection-pool"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["write", "check"])
    parser.add_argument("--upgrade", action="store_true", help="write: take the newest versions, not those already locked")
    arguments = parser.parse_args()
    if arguments.action == "write":
        write(arguments.upgrade)
    else:
        for system, python in itertools.product(PLATFORMS, PYTHONS):
            check(system, python)


def uv(*words: str | Path) -> str:
    """Run `uv pip` beside this Python and return what it printed; end this program where it fails."""
    command = [str(Path(sys.executable).with_name("uv")), "pip", *map(str, words)]
    environment = os.environ | {"MACOSX_DEPLOYMENT_TARGET": MACOS}
    finished = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, env=environment)
    if finished.returncode:
        sys.exit(finished.returncode)
    return finished.stdout


def pins(lock: str) -> dict[str, Requirement]:
    """The pinned requirements of a lock's text, by normalised name."""
    lines = re.findall(r"^([A-Za-z0-9][^\\\n#]*?)\s*\\?$", lock, re.MULTILINE)
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


def write(upgrade: bool) -> None:
    """Resolve for every machine at once, leave out what comes with torch, and pin the conda environments."""
    for name in ("installer", "requirements"):
        source, target = HERE / f"{name}.in", HERE / f"{name}.lock"
        command = ["compile", "--universal", "--python-version", PYTHONS[0], "--fork-strategy", "fewest", "--quiet"]
        command += ["--upgrade"] if upgrade else []
        resolved = pins(uv(*command, "--no-annotate", "--no-header", source.relative_to(HERE.parent)))
        left_out = [f"--no-emit-package={package}" for package in resolved if WITH_TORCH.fullmatch(package)]
        command += ["--generate-hashes", "--annotation-style=line", "--custom-compile-command=make lock", *left_out]
        uv(*command, source.relative_to(HERE.parent), "--output-file", target.relative_to(HERE.parent))
    locked = pins((HERE / "requirements.in").read_text()) | pins(LOCK.read_text())
    for environment in HERE.glob("*.yaml"):
        environment.write_text(pinned(environment.read_text(), locked))


def pinned(environment: str, locked: dict[str, Requirement]) -> str:
    """A conda environment's text with each pip line pinned as the lock has it."""
    return re.sub(
        r"^( {6}- )([a-z0-9-]+).*$",
        lambda line: f"{line[1]}{line[2]}{locked[line[2]].specifier}",
        environment,
        flags=re.MULTILINE,
    )


def check(system: str, python: str) -> None:
    """Resolve for one machine and compare with the lock; end this program with a sentence where they differ."""
    machine = ["--python-platform", system, "--python-version", python]
    bare = ["--no-annotate", "--no-header", "--quiet"]
    needed = pins(uv("compile", *machine, *bare, "--constraints", LOCK, HERE / "requirements.in"))
    locked = pins(LOCK.read_text())
    for name, requirement in needed.items():
        if not WITH_TORCH.fullmatch(name) and (name not in locked or locked[name].specifier != requirement.specifier):
            sys.exit(f"error: {LOCK.name} lacks {requirement}, which {system} needs with Python {python}; run make lock")
    wheels = ["--only-binary", ":all:", *itertools.chain.from_iterable(["--no-binary", name] for name in FROM_SOURCE)]
    with tempfile.TemporaryDirectory() as target:
        install = ["install", "--dry-run", "--quiet", "--no-deps", "--require-hashes", "--target", target]
        uv(*install, *machine, *wheels, "--requirement", LOCK)
    print(f"Python {python} on {system}: {len(needed)} packages, all locked, all to be had")


if __name__ == "__main__":
    main()
