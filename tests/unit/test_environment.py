"""The environment: what is locked fits what is imported, and set-up takes no half-made environment for a good one."""

from __future__ import annotations

import ast
import fcntl
import functools
import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.environments import program
from support.runs import CHECKOUT

from relab.digest import import_closure

ENVS = CHECKOUT / "envs"
FOLDERS = ("scripts", "tests", "benchmarks", "envs")
#: Requirements that are called or loaded by others, not imported by name.
TOOLS = {"snakemake-executor-plugin-slurm", "sentencepiece", "protobuf", "ruff", "snakefmt", "playwright"}
TOOLS |= {"pytest-timeout", "pytest-xdist", "accelerate", "snakemake-storage-plugin-fs"}
#: The machines that the lock is for, as markers see them.
MACHINES = [
    {"sys_platform": system, "platform_machine": machine, "python_full_version": f"{python}.1", "python_version": python}
    for system, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))
    for python in ("3.11", "3.12", "3.13")
]


lock, setup = program("lock"), program("install")


def pins(name: str) -> dict[str, Requirement]:
    return lock.pins((ENVS / name).read_text())


def asked() -> dict[str, Requirement]:
    """The requirements that the project states."""
    lines = [line for line in (ENVS / "requirements.in").read_text().splitlines() if line and not line.startswith("#")]
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


@functools.cache
def installed_modules() -> dict[str, str]:
    """The distribution that each importable module comes from."""
    return {module: canonicalize_name(names[0]) for module, names in importlib.metadata.packages_distributions().items()}


@functools.cache
def own_modules() -> set[str]:
    """What the checkout's own files and folders can be imported as."""
    own = [path for folder in FOLDERS for path in [CHECKOUT / folder, *(CHECKOUT / folder).rglob("*")]]
    return {path.stem for path in own if path.suffix == ".py" or path.is_dir()}


def distributions(path: Path) -> set[str]:
    """The distributions of other people that a file imports, at the top or inside a function."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.add(node.module.split(".")[0])
    # A name can be both: settings/tokenizers.py is not what `import tokenizers` means.
    others = {
        module for module in modules - sys.stdlib_module_names if module in installed_modules() or module not in own_modules()
    }
    return {installed_modules().get(module, module) for module in others}


def test_the_project_states_exactly_what_it_imports():
    imported = set().union(*(distributions(path) for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*.py")))
    assert imported | TOOLS == set(asked())


def test_every_requirement_is_locked_and_torch_is_not():
    locked = pins("requirements.lock")
    assert not {name for name in locked if lock.WITH_TORCH.fullmatch(name)}
    for name, requirement in asked().items():
        if name != "torch":
            (pin,) = locked[name].specifier
            assert pin.operator == "==" and requirement.specifier.contains(pin.version), name


@pytest.mark.parametrize("name", ["requirements.lock", "installer.lock"])
def test_every_pin_has_hashes_and_no_address_is_told(name):
    text = (ENVS / name).read_text()
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.M)[1:]
    assert len(entries) == len(pins(name)) > 0
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text and "--index" not in text and "--find" not in text


@pytest.mark.parametrize("machine", MACHINES, ids=lambda each: "-".join(list(each.values())[:2]) + each["python_version"])
def test_the_lock_covers_each_machine(machine):
    locked = pins("requirements.lock")
    for name in set(asked()) - {"torch"}:
        assert locked[name].marker is None or locked[name].marker.evaluate(machine), name


def test_this_environment_is_the_locked_one():
    for name, pin in pins("requirements.lock").items():
        if pin.marker is None or pin.marker.evaluate():
            assert pin.specifier.contains(importlib.metadata.version(name)), name
    assert importlib.metadata.version("torch").split("+")[0] == setup.torch_pin().split("==")[1]


@pytest.mark.parametrize("environment", sorted(ENVS.glob("*.yaml")), ids=lambda path: path.stem)
def test_conda_environments_are_pinned_as_the_lock_is(environment):
    assert lock.pinned(environment.read_text(), pins("requirements.in") | pins("requirements.lock")) == environment.read_text()
    stated = yaml.safe_load(environment.read_text())
    assert stated["channels"] == ["conda-forge", "nodefaults"]
    python, pip, packages = stated["dependencies"]
    assert (python, pip) == ("python >=3.11,<3.14", "pip")
    assert all("==" in package for package in packages["pip"])


def job_rules() -> list[tuple[str, str]]:
    """The rules that run a program, with the name of their conda environment."""
    text = "".join(path.read_text() for path in sorted((CHECKOUT / "rules").glob("*.smk")))
    rules = re.findall(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", text, re.M | re.S)
    return [(name, found[1]) for name, body in rules if (found := re.search(r"envs/(\w+)\.yaml", body))]


@pytest.mark.parametrize(("rule", "environment"), job_rules())
def test_a_rules_environment_holds_what_its_program_imports(rule, environment):
    scripts = CHECKOUT / "scripts"
    needed = set().union(*(distributions(path) for path in import_closure(scripts / f"{rule}.py", scripts)))
    stated = yaml.safe_load((ENVS / f"{environment}.yaml").read_text())["dependencies"][-1]["pip"]
    assert needed <= {Requirement(line).name for line in stated}


@pytest.fixture
def venv(tmp_path):
    """A folder that looks like a finished environment."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    return tmp_path.resolve()


class Arguments:
    torch_index = ""
    this_python = False


@pytest.fixture
def wanted(venv):
    return setup.requirements(venv, Arguments)


def write_stamp(venv, **more):
    (venv / "relab.json").write_text(json.dumps(setup.requirements(venv, Arguments) | {"python": "3.12"} | more))


def test_a_stamp_that_fits_is_taken(venv, wanted):
    write_stamp(venv)
    assert setup.fits(setup.stamp(venv), wanted)


def test_an_environment_without_a_stamp_or_without_its_python_is_not_taken(venv, wanted):
    assert not setup.fits(setup.stamp(venv), wanted)
    (venv / "relab.json").write_text('{"place"')
    assert not setup.fits(setup.stamp(venv), wanted)
    write_stamp(venv)
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to(venv / "removed")
    assert not setup.fits(setup.stamp(venv), wanted)


@pytest.mark.parametrize("changed", [{"place": "/elsewhere/.venv"}, {"locks": "0" * 64}])
def test_a_moved_checkout_or_a_changed_lock_is_seen(venv, wanted, changed):
    write_stamp(venv, **changed)
    assert not setup.fits(setup.stamp(venv), wanted)


def test_python_and_index_matter_only_where_they_are_asked_for(venv):
    class Asked(Arguments):
        this_python = True
        torch_index = "an address with a password"

    write_stamp(venv, python="3.10", torch_index="another")
    assert setup.fits(setup.stamp(venv), setup.requirements(venv, Arguments))
    wanted = setup.requirements(venv, Asked)
    assert "password" not in json.dumps(wanted)
    assert not setup.fits(setup.stamp(venv), wanted, but=["python"])
    assert not setup.fits(setup.stamp(venv), wanted, but=["torch_index"])
    assert setup.fits(setup.stamp(venv), wanted, but=["python", "torch_index"])


def installed(monkeypatch, venv, failing=None, **stamp):
    """The steps that set-up takes from a given stamp, none of them really taken, one of them failing."""
    steps = []

    def run(command, **options):
        steps.append(" ".join(map(str, command)))
        told = "3.12\n" if "version_info" in steps[-1] else ""
        return subprocess.CompletedProcess(command, int(bool(failing) and failing in steps[-1]), told)

    if stamp:
        write_stamp(venv, **stamp)
    monkeypatch.setattr(setup.subprocess, "run", run)
    setup.install(venv, setup.stamp(venv), setup.requirements(venv, Arguments), "", 2)
    return steps


def test_a_half_made_environment_is_made_anew(monkeypatch, venv, wanted):
    steps = installed(monkeypatch, venv)
    assert "-m venv --clear" in steps[0]
    assert setup.torch_pin() in steps[1]
    assert [step for step in steps if "requirements.lock" in step and "--require-hashes" in step and "--no-deps" in step]
    assert setup.fits(setup.stamp(venv), wanted)


def test_a_changed_lock_updates_in_place(monkeypatch, venv, wanted):
    steps = installed(monkeypatch, venv, locks="0" * 64)
    assert not [step for step in steps if "-m venv" in step]
    assert setup.fits(setup.stamp(venv), wanted)


@pytest.mark.parametrize("failing", ["torch==", "installer.lock", "requirements.lock"])
@pytest.mark.parametrize("stamp", [{}, {"locks": "0" * 64}], ids=["new", "update"])
def test_a_failed_step_leaves_no_stamp(monkeypatch, venv, failing, stamp):
    with pytest.raises(setup.Obstacle, match="failed"):
        installed(monkeypatch, venv, failing, **stamp)
    assert setup.stamp(venv) is None


@pytest.fixture
def checkout_with_blanks(tmp_path) -> Path:
    """A checkout's set-up and its command in a folder whose name has blanks and a quote, its environment finished."""
    folder = tmp_path / "someone's own checkout"
    for name in ("install.py", "requirements.in", "requirements.lock", "installer.lock"):
        (folder / "envs").mkdir(parents=True, exist_ok=True)
        (folder / "envs" / name).write_bytes((ENVS / name).read_bytes())
    (folder / "scripts/relab").mkdir(parents=True)
    for module in ("scripts/relab/cli.py", "envs/launcher.py"):
        (folder / module).write_text("import sys\ndef main():\n    print(sys.argv[1:], sys.executable, __file__)\n")
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").symlink_to(sys.executable)
    stamp = setup.requirements(folder / ".venv", Arguments) | {"python": "3.12"}
    (folder / ".venv/relab.json").write_text(json.dumps(stamp))
    return folder


@pytest.mark.parametrize(("name", "module"), [("relab", "scripts/relab/cli.py"), ("snakemake", "envs/launcher.py")])
def test_every_setup_leaves_the_commands_that_run_its_checkout(checkout_with_blanks, tmp_path, name, module):
    def set_up() -> tuple[int, int]:
        subprocess.run([sys.executable, checkout_with_blanks / "envs/install.py"], check=True)
        return command.stat().st_ino, command.stat().st_mtime_ns

    command = checkout_with_blanks / ".venv/bin" / name
    first = set_up()
    assert set_up() == first
    command.write_text("#!/bin/sh\necho that of another checkout\n")
    assert set_up() != first
    told = subprocess.run([command, "a b", "--c"], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert told == f"['a b', '--c'] {checkout_with_blanks / '.venv/bin/python'} {checkout_with_blanks / module}\n"
    assert sorted(path.name for path in command.parent.iterdir()) == ["python", "relab", "snakemake"]


def test_an_unfit_python_is_named_in_a_sentence(monkeypatch):
    monkeypatch.setattr(setup.sys, "version_info", (3, 10, 4))
    with pytest.raises(setup.Obstacle, match="3.11, 3.12 or 3.13 is needed: name another one"):
        setup.check_python()


def test_a_python_without_ensurepip_is_named_in_a_sentence(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else found(name))
    with pytest.raises(setup.Obstacle, match="without its module ensurepip: .* apt-get install python3-venv"):
        setup.check_python()


def test_pips_settings_reach_uv_unless_uv_has_its_own(monkeypatch):
    told = "global.index-url='file:///mirror/simple'\n:env:.cert='/certificates.pem'\nglobal.find-links='/wheels'\n"
    monkeypatch.setattr(setup.subprocess, "run", lambda *words, **options: subprocess.CompletedProcess(words, 0, told))
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", "/mine.pem")
    environment = setup.uv_environment(Path(sys.executable))
    assert environment["UV_DEFAULT_INDEX"] == "file:///mirror/simple"
    assert environment["SSL_CERT_FILE"] == "/mine.pem"


def test_a_second_setup_waits_for_the_first(tmp_path):
    """While another process holds the lock, set-up of an environment that needs work says so and does nothing."""
    for name in ("install.py", "requirements.in", "requirements.lock", "installer.lock"):
        (tmp_path / name).write_bytes((ENVS / name).read_bytes())
    with open(tmp_path / "requirements.lock", "r+b") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        command = [sys.executable, tmp_path / "install.py", "--venv", tmp_path / "venv"]
        waiting = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert "waiting for another make" in waiting.stderr.readline()
        waiting.kill()
        waiting.communicate()
    assert not (tmp_path / "venv").exists()


def make(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """Run make on the project's Makefile in a folder where the environment counts as set up."""
    # what the make that runs the tests was given, such as `make test ARGS=-x`, is no argument of this one
    given = {"ARGS", "RUN", "CONFIG", "BENCH"}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key not in given}
    command = ["make", "-f", str(CHECKOUT / "Makefile"), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


def test_help_explains_every_target_for_users(tmp_path):
    told = make(tmp_path).stdout
    targets = re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.M)
    for target in set(targets) - {"help", "two-runs"}:
        assert f"make {target} " in told


@pytest.mark.parametrize(
    ("words", "called"),
    [
        (["report"], ".venv/bin/relab report"),
        (["report", "RUN=runs/a b", "CONFIG=c.yaml", "ARGS=-n --quiet"],
         ".venv/bin/relab report --directory 'runs/a b' --configfile 'c.yaml' -- -n --quiet"),
        (["plan", "RUN=runs/a"], ".venv/bin/relab plan --directory 'runs/a'"),
        (["compare", "A=.", "B=runs/a b"], ".venv/bin/relab compare '.' 'runs/a b'"),
    ],
)  # fmt: skip
def test_targets_call_the_command(tmp_path, words, called):
    assert called in [" ".join(line.split()) for line in make(tmp_path, "--dry-run", *words).stdout.splitlines()]


def test_compare_without_two_runs_is_a_sentence(tmp_path):
    told = make(tmp_path, "compare", "A=.")
    assert told.returncode == 2
    assert "error: compare needs two runs" in told.stderr


@pytest.mark.parametrize("run", ["", "runs/wide"])
def test_clean_removes_a_runs_results_and_nothing_else(tmp_path, run):
    folder = tmp_path / run
    gone = ["results/report.html", "results/models/a/model.safetensors", "state/a/last.pt", ".snakemake/metadata/a"]
    kept = ["results/README.md", ".snakemake/conda/a/bin/python", ".venv/bin/python", ".cache/asset/file"]
    for name in gone + kept:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    (folder / "results" / "link").symlink_to(folder / ".cache" / "asset")
    assert make(tmp_path, "clean", *([f"RUN={run}"] if run else [])).returncode == 0
    assert not [name for name in gone if (folder / name).exists()]
    assert not [name for name in kept if not (folder / name).exists()]
    assert not (folder / "results" / "link").is_symlink()
