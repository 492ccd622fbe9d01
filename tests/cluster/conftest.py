"""A Slurm cluster of one node, made of this machine for the time of the tests, all of its files in a temporary folder."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "sinfo", "scontrol", "scancel")

# What goes back into the queue waits there until its old credentials have expired, which are two minutes as a rule.
# The node claims more memory, cores and cards than the machine has (config_overrides): requests are met, not simulated.
SLURM_CONF = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={munge_socket},cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MailProg=/bin/true
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=64000 Gres=gpu:2 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=cards Nodes={host} MaxTime=INFINITE State=UP
PartitionName=short Nodes={host} MaxTime=60 State=UP
"""
GRES_CONF = "Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n"


@pytest.fixture(scope="session")
def services() -> Iterator[ExitStack]:
    """What ends the services of the cluster with the tests."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory, services: ExitStack) -> dict[str, str]:
    """Start the cluster; return the environment in which Slurm's commands, Snakemake and Python are this cluster's."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
    missing = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
    if missing:
        pytest.skip(f"needs Slurm and munge (Debian packages slurm-wlm and munge); {missing[0]} is missing")
    folder = tmp_path_factory.mktemp("slurm")
    # Within a job, Snakemake's plugin calls srun without the variables of Slurm: ours sets again where the cluster is.
    srun = folder / "bin" / "srun"
    srun.parent.mkdir()
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun", path=path)} "$@"\n')
    srun.chmod(0o755)
    environment = os.environ | {
        "PATH": os.pathsep.join([str(srun.parent), str(Path(sys.executable).parent), path]),
        "SLURM_CONF": str(folder / "slurm.conf"),
    }
    start_munge(services, folder, path)
    start_slurm(services, folder, environment)
    return environment


@pytest.fixture
def outage(slurm: dict[str, str], services: ExitStack) -> Callable[[], AbstractContextManager[None]]:
    """A context in which the cluster's controller is away."""
    folder = Path(slurm["SLURM_CONF"]).parent

    @contextmanager
    def away() -> Iterator[None]:
        # as for a restart or another version: killed at once, it would forget a job of the last seconds
        os.kill(int((folder / "slurmctld.pid").read_text()), signal.SIGTERM)
        yield
        launch(services, folder, [shutil.which("slurmctld", path=slurm["PATH"]), "-D"], slurm)

    return away


def start_munge(stack: ExitStack, folder: Path, path: str) -> None:
    """Start the authentication service that Slurm needs, with a key of its own."""
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    files = {name: f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")}
    command = [shutil.which("munged", path=path), "--foreground", "--force", f"--socket={folder}/munge.socket"]
    launch(stack, folder, [*command, *files.values()], dict(os.environ))
    wait_for((folder / "munge.socket").exists, "munge does not answer", folder)


def start_slurm(stack: ExitStack, folder: Path, environment: dict[str, str]) -> None:
    """Write the cluster's settings, start its controller and its node, and wait until the node takes jobs."""
    ports = free_ports(2)
    settings = {"host": socket.gethostname().split(".")[0], "user": getpass.getuser(), "folder": folder}
    settings |= {"controller_port": ports[0], "node_port": ports[1], "munge_socket": folder / "munge.socket"}
    (folder / "slurm.conf").write_text(SLURM_CONF.format(**settings))
    (folder / "gres.conf").write_text(GRES_CONF)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    for program in ("slurmctld", "slurmd"):
        launch(stack, folder, [shutil.which(program, path=environment["PATH"]), "-D"], environment)
    stack.callback(subprocess.run, ["scancel", f"--user={settings['user']}"], env=environment, check=False)

    def idle() -> bool:
        told = subprocess.run(["sinfo", "--noheader", "--format=%T"], env=environment, capture_output=True, text=True)
        return set(told.stdout.split()) == {"idle"}

    wait_for(idle, "the node does not get ready", folder)


def launch(stack: ExitStack, folder: Path, command: list[str], environment: dict[str, str]) -> None:
    """Start a service and have it ended with the stack."""
    with open(folder / f"{Path(command[0]).name}.out", "wb") as log:
        service = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
    stack.callback(service.wait)
    stack.callback(service.kill)


def wait_for(ready, complaint: str, folder: Path, seconds: int = 60) -> None:
    """Wait until a condition holds; after ``seconds`` fail with what the services said."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            said = "\n".join(f"{path.name}: {path.read_text()[-2000:]}" for path in sorted(folder.glob("*.out")))
            pytest.fail(f"{complaint}\n{said}")
        time.sleep(0.1)


def free_ports(number: int) -> list[int]:
    """Ports that nothing listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
