"""A Slurm cluster made of this machine, all of its files in one folder, for tests and benchmarks."""

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
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "sinfo", "scontrol", "scancel")
#: Where Debian has its services.
PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])

# What goes back into the queue waits there until its old credentials have expired, which are two minutes as a rule.
# Nodes claim more memory, cores and cards than the machine has (config_overrides): requests are met, not simulated.
SLURM_CONF = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MailProg=/bin/true
SlurmdParameters=config_overrides
{scheduling}
GresTypes=gpu
NodeName=DEFAULT CPUs={cores} RealMemory=64000 Gres=gpu:2 State=UNKNOWN
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=cards Nodes=ALL MaxTime=INFINITE State=UP
PartitionName=short Nodes=ALL MaxTime=60 State=UP
"""
#: What can start starts at once; as a rule it may wait for three seconds.
AT_ONCE = "SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0"
GRES_CONF = "Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n"


def missing_program() -> str | None:
    """A program that a cluster needs and this machine lacks."""
    return next((program for program in PROGRAMS if shutil.which(program, path=PATH) is None), None)


class Cluster:
    """A running cluster.

    Attributes:
        environment: the variables with which Slurm's commands, Snakemake and Python are this cluster's.
    """

    def __init__(self, services: ExitStack, folder: Path):
        self._services, self._folder = services, folder
        # Within a job, Snakemake's plugin calls srun without the variables of Slurm: ours sets again where the cluster is.
        srun = folder / "bin" / "srun"
        srun.parent.mkdir()
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun", path=PATH)} "$@"\n')
        srun.chmod(0o755)
        self.environment = os.environ | {
            "PATH": os.pathsep.join([str(srun.parent), str(Path(sys.executable).parent), PATH]),
            "SLURM_CONF": str(folder / "slurm.conf"),
        }

    @contextmanager
    def outage(self) -> Iterator[None]:
        """A time in which the cluster's controller is away."""
        # as for a restart or another version: killed at once, it would forget a job of the last seconds
        os.kill(int((self._folder / "slurmctld.pid").read_text()), signal.SIGTERM)
        yield
        self._launch("slurmctld", "-D")

    def start(self, nodes: int, cores: int, at_once: bool = False) -> None:
        """Start the authentication, the controller and the nodes, and wait until all nodes take jobs."""
        key = self._folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        files = [f"--{name}-file={self._folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
        self._launch("munged", "--foreground", "--force", f"--socket={self._folder}/munge.socket", *files)
        self._wait_for((self._folder / "munge.socket").exists, "munge does not answer")
        names = [f"node{number}" for number in range(1, nodes + 1)]
        self._write_settings(names, cores, AT_ONCE if at_once else "")
        self._launch("slurmctld", "-D")
        for name in names:
            self._launch("slurmd", "-D", "-N", name)

        def idle() -> bool:
            told = ["sinfo", "--noheader", "--Node", "--partition=all", "--format=%T"]
            states = subprocess.run(told, env=self.environment, capture_output=True, text=True).stdout
            return states.split() == ["idle"] * nodes

        self._wait_for(idle, "the nodes do not get ready")

    def _write_settings(self, names: list[str], cores: int, scheduling: str) -> None:
        controller_port, *ports = free_ports(1 + len(names))
        host = socket.gethostname().split(".")[0]
        settings = SLURM_CONF.format(
            host=host,
            user=getpass.getuser(),
            folder=self._folder,
            cores=cores,
            scheduling=scheduling,
            controller_port=controller_port,
            nodes="\n".join(
                f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port}"
                for name, port in zip(names, ports, strict=True)
            ),
        )
        (self._folder / "slurm.conf").write_text(settings)
        (self._folder / "gres.conf").write_text(GRES_CONF)
        for folder in ("state", *(f"spool.{name}" for name in names)):
            (self._folder / folder).mkdir()

    def _launch(self, program: str, *words: str) -> None:
        """Start a service and have it ended with the cluster."""
        command = [shutil.which(program, path=PATH), *words]
        with open(self._folder / f"{program}.{words[-1].rpartition('/')[2]}.out", "wb") as log:
            service = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment)
        self._services.callback(service.wait)
        self._services.callback(service.kill)

    def _wait_for(self, ready: Callable[[], bool], complaint: str, seconds: int = 60) -> None:
        """Wait until a condition holds; after ``seconds`` fail with what the services said."""
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                said = "\n".join(f"{path.name}: {path.read_text()[-2000:]}" for path in sorted(self._folder.glob("*.out")))
                raise RuntimeError(f"{complaint}\n{said}")
            time.sleep(0.1)


@contextmanager
def running_cluster(folder: Path, nodes: int, cores: int, at_once: bool = False) -> Iterator[Cluster]:
    """Run a cluster while the block runs, of nodes of as many cores each, and of 64 GB and two cards that are none.

    ``at_once``: it starts jobs sooner than clusters do, for who measures nothing.
    """
    with ExitStack() as services:
        cluster = Cluster(services, folder)
        cluster.start(nodes, cores, at_once)
        try:
            yield cluster
        finally:  # before any service ends: without a controller scancel tries for a quarter of a minute
            subprocess.run(["scancel", f"--user={getpass.getuser()}"], env=cluster.environment, check=False)


def free_ports(number: int) -> list[int]:
    """Ports that nothing listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
