"""Make, mend or keep the environment of this checkout, .venv, as the lock files beside this program say.

It takes three steps, since no single one works everywhere: pip installs torch alone, from wherever this machine's pip finds
it (a Linux machine gets the build for NVIDIA cards, several GB, unless --torch-index or pip's own settings name an index with
another); pip installs uv; uv installs everything else. The last two check every file by hash. The commands relab and snakemake,
which run this checkout's own code, are written beside what they installed; the second stands in place of Snakemake's.

A stamp inside .venv, written last, says for which locks, Python and place it was made. An environment without a stamp was
left half-made and is made anew; one whose stamp names other locks is updated. Only the standard library is used, in words
that an old Python understands well enough to say that it is too old.
"""

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OLDEST, NEWEST = (3, 11), (3, 13)
PLATFORMS = {("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64")}
#: The commands of the environment that are this checkout's code: folder and module of each.
COMMANDS = {"relab": ("scripts", "relab.cli"), "snakemake": ("envs", "launcher")}
#: A command. The shell starts Python, since a path with blanks cannot stand after #!; Python takes its line for a text.
COMMAND = """\
#!/bin/sh
'''exec' {python} "$0" "$@"
' '''
# Written by {program}
import sys

sys.path.insert(0, {folder!r})
from {module} import main

main()
"""
#: What pip's settings are called in uv, which does not read pip's.
PIP_TO_UV = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE", "proxy": "ALL_PROXY"}


class Obstacle(Exception):
    """Why the environment cannot be made, in one sentence."""


def main():
    """Make the environment unless it is up to date, one such program at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-index", default="", metavar="ADDRESS", help="package index for torch alone")
    parser.add_argument("--this-python", action="store_true", help="insist on the version of the Python that runs this")
    parser.add_argument("--venv", type=Path, default=HERE.parent / ".venv", help="the environment (default: .venv)")
    arguments = parser.parse_args()
    venv = arguments.venv.resolve()
    wanted = requirements(venv, arguments)
    if not fits(stamp(venv), wanted):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        with exclusive_lock() as lock:
            current = stamp(venv)
            if not fits(current, wanted):
                install(venv, current, wanted, arguments.torch_index, lock)
    write_commands(venv)


def requirements(venv, arguments):
    """The stamp that is needed: path of the environment, digest of the locks, and what was asked for explicitly."""
    locks = torch_pin().encode() + b"".join((HERE / name).read_bytes() for name in ("installer.lock", "requirements.lock"))
    wanted = {"place": str(venv), "locks": hashlib.sha256(locks).hexdigest()}
    if arguments.this_python:
        wanted["python"] = "{}.{}".format(*sys.version_info)
    if arguments.torch_index:
        # A digest, since an address may hold a password.
        wanted["torch_index"] = hashlib.sha256(arguments.torch_index.encode()).hexdigest()
    return wanted


def torch_pin():
    """The line of requirements.in that pins torch."""
    return re.search(r"^torch==\S+", (HERE / "requirements.in").read_text(encoding="utf-8"), re.MULTILINE).group()


def stamp(venv):
    """The stamp of a finished environment whose Python is still there; None for any other."""
    try:
        contents = json.loads((venv / "relab.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return contents if (venv / "bin" / "python").exists() else None


def fits(current, wanted, but=()):
    """Whether a stamp says all that is wanted, but for some keys."""
    return current is not None and all(current.get(key) == wanted[key] for key in set(wanted) - set(but))


@contextlib.contextmanager
def exclusive_lock():
    """Wait until no other such program is at work on this checkout; yield the lock's file descriptor.

    Child processes inherit it: should this program be killed, the lock holds until the last of them has ended.
    """
    with open(HERE / "requirements.lock", "r+b") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another make that is setting up .venv")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


def install(venv, current, wanted, torch_index, lock):
    """Make the environment, or update it in place where only the locks have changed; then write its stamp."""
    python = venv / "bin" / "python"

    def step(purpose, *command, **options):
        if subprocess.run([str(word) for word in command], pass_fds=[lock], **options).returncode:
            raise Obstacle(f"{purpose} failed, for the reason shown above; the next make begins anew")

    if fits(current, wanted, but=["locks"]):
        say("updating .venv to the changed lock")
        (venv / "relab.json").unlink()
    else:
        check_python()
        say(f"making .venv with Python {platform.python_version()}; the first time, this takes some minutes")
        step("making a virtual environment", sys.executable, "-m", "venv", "--clear", venv)
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    step("installing torch", *pip, *(["--index-url", torch_index] if torch_index else []), torch_pin())
    locked = ["--no-deps", "--require-hashes", "--requirement"]
    step("installing uv", *pip, "--quiet", *locked, HERE / "installer.lock")
    say("installing the locked packages")
    uv = [venv / "bin" / "uv", "pip", "install", "--quiet", "--python", python, "--compile-bytecode"]
    # What has no wheel is built with the setuptools that came with torch, not with one fetched unseen.
    uv += ["--no-build-isolation", *locked, HERE / "requirements.lock"]
    step("installing the locked packages", *uv, env=uv_environment(python))
    write_stamp(venv, python, wanted)
    say(".venv is ready")


def check_python():
    """Refuse a Python or a machine for which the environment cannot be made."""
    python = f"{sys.executable} is Python {platform.python_version()}"
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise Obstacle(f"{python}, and 3.11, 3.12 or 3.13 is needed: name another one, as in make report PYTHON=python3.12")
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            advice = "on Debian and Ubuntu, apt-get install python3-venv brings it; else name another one with PYTHON="
            raise Obstacle(f"{python} without its module {module}: {advice}")
    if (platform.system(), platform.machine()) not in PLATFORMS:
        machine = f"{platform.system()} on {platform.machine()}"
        raise Obstacle(f"torch is not built for {machine}: Linux on x86-64 or arm64, or macOS on arm64, is needed")


def uv_environment(python):
    """The environment variables for uv: those of this process and, where they leave it open, what pip's settings say."""
    environment = dict(os.environ)
    pip = subprocess.run([str(python), "-m", "pip", "config", "list"], stdout=subprocess.PIPE, text=True)
    for key, value in re.findall(r"^(?:global|install|:env:)\.([a-z-]+)='(.*)'$", pip.stdout, re.MULTILINE):
        if key in PIP_TO_UV:
            environment.setdefault(PIP_TO_UV[key], value)
    return environment


def write_stamp(venv, python, wanted):
    """Write the stamp: from now on the environment counts as finished."""
    command = [str(python), "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
    version = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    write_whole(venv / "relab.json", json.dumps({**wanted, "python": version}, indent=2) + "\n")


def write_commands(venv):
    """Write the commands, but for those that are up to date: an installation puts Snakemake's own back."""
    python = shlex.quote(str(venv / "bin" / "python"))
    for name, (folder, module) in COMMANDS.items():
        folder = str(HERE.parent / folder)
        text = COMMAND.format(python=python, program=Path(__file__).resolve(), folder=folder, module=module)
        command = venv / "bin" / name
        if not command.is_file() or command.read_text(encoding="utf-8") != text:
            write_whole(command, text, executable=True)


def write_whole(path, text, executable=False):
    """Write a file, whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    if executable:
        temporary.chmod(0o755)
    temporary.replace(path)


def say(sentence):
    """Tell the user what goes on."""
    print("set-up: " + sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except Obstacle as obstacle:
        sys.exit(f"error: {obstacle}")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; the next make begins anew")
