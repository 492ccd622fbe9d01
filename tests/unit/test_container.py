"""The image: what its file copies is there and is all that a run needs, and what it takes from a registry is locked."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch

import pytest
from support.environments import program
from support.runs import CHECKOUT, PARTS


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Containerfile in order, each with what follows its name, variables unexpanded."""
    lines = [line for line in (CHECKOUT / "Containerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def arguments(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def copied() -> list[str]:
    """What of the checkout is copied."""
    return [source for rest in arguments("COPY") for source in rest.split()[:-1]]


def test_only_instructions_that_every_builder_knows():
    known = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "CMD"}
    assert {name for name, _ in instructions()} <= known
    assert [name for name, _ in instructions() if name != "ARG"][0] == "FROM"


@pytest.mark.parametrize("source", copied())
def test_what_is_copied_is_there_and_is_sent_to_the_builder(source):
    sent = [line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert (CHECKOUT / source).exists()
    assert source in sent


def test_all_that_a_run_needs_is_copied():
    assert {part for part in PARTS if not part.startswith("tests/")} <= set(copied())


def test_packages_come_from_the_lock_and_where_from_is_said_by_whoever_builds():
    """What is installed is what install.py installs, from hashes, and torch from an index that is an argument."""
    text = "\n".join(rest for _, rest in instructions())
    assert re.search(r"install\.py .*--torch-index \"\$\{TORCH_INDEX\}\"", text)
    assert 'TORCH_INDEX=""' in arguments("ARG")
    assert not re.search(r"https?:|index-url|\bpip\b|\buv\b|apt-get", text)


def test_the_base_has_a_python_that_the_lock_is_for():
    setup = program("install")
    (base,) = [rest for rest in arguments("ARG") if rest.startswith("BASE=")]
    development = json.loads((CHECKOUT / ".devcontainer/devcontainer.json").read_text())["build"]
    for image in (base, development["args"]["BASE"]):
        version = tuple(map(int, re.search(r"python:(\d+)\.(\d+)", image).groups()))
        assert setup.OLDEST <= version <= setup.NEWEST
    assert (CHECKOUT / ".devcontainer" / development["dockerfile"]).samefile(CHECKOUT / "Containerfile")


def test_jobs_run_without_rights_and_write_to_the_volume_alone():
    (user,), (volume,), (variables,) = arguments("USER"), arguments("VOLUME"), arguments("ENV")
    assert user not in ("root", "0")
    assert fnmatch(re.search(r"RELAB_CACHE=(\S+)", variables)[1], f"{volume}/*")
    assert json.loads(arguments("CMD")[0])[:2] == ["relab", "report"] and f"{volume}/" in arguments("CMD")[0]
    assert instructions().index(("USER", user)) > max(instructions().index(("RUN", rest)) for rest in arguments("RUN"))
