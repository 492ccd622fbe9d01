"""The processes that train one network together, a card each, as ``torchrun`` starts them; as a rule there is one.

Each has the whole network and a share of the rows of every batch; their gradients are averaged (DistributedDataParallel). A
network that one card cannot hold is sharded over all of them (FSDP).
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import sys
import traceback
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

import torch
from torch import distributed, nn

from relab.errors import UserError, run
from relab.training.signals import StopSignal

Value = TypeVar("Value")

#: The variable that says where the launchers of several nodes meet: host and port.
_RENDEZVOUS = "RELAB_RENDEZVOUS"
#: How long a process waits for another one: as long as one may write a checkpoint.
_PATIENCE = timedelta(hours=1)


@dataclass(frozen=True)
class Processes:
    """This process among those that train a network: its ``rank``, and their ``count``."""

    rank: int = 0
    count: int = 1

    @classmethod
    @contextmanager
    def joined(cls, device: torch.device) -> Iterator[Processes]:
        """Join the other processes, where ``torchrun`` has started several."""
        count = int(os.environ.get("WORLD_SIZE", 1))
        if count == 1:
            yield ALONE
            return
        _end_with_the_launcher()
        # gloo carries what stands in the host's memory: counts, losses, states of random generators
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, timeout=_PATIENCE)
        try:
            yield cls(distributed.get_rank(), distributed.get_world_size())
        except BaseException as error:
            _leave(error)
        distributed.destroy_process_group()

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and logs."""
        return self.rank == 0

    def share(self, rows: Sequence[Value]) -> Sequence[Value]:
        """The rows of a batch that are this process's."""
        return rows if self.count == 1 else rows[self.rank :: self.count]

    def check_batch(self, batch: int) -> None:
        """Refuse a batch that has not a row for each process."""
        if batch < self.count:
            raise UserError(f"training.batch: expected at least {self.count}, one for each card, found {batch}")

    def sums(self, values: Sequence[float]) -> list[float]:
        """The sums over all processes of numbers that each has, in float64."""
        if self.count == 1 or not values:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(tensor)
        return tensor.tolist()

    def total(self, value: int) -> int:
        """The sum over all processes of an integer that each has."""
        return value if self.count == 1 else int(self.sums([value])[0])

    def gathered(self, value: Value) -> list[Value]:
        """The values of all processes, by rank."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        distributed.all_gather_object(values, value)
        return values

    def first_of_all(self, function: Callable[[], Value]) -> Value:
        """Call a function in the first process, and in the others once that has returned."""
        if self.count > 1 and not self.first:
            distributed.barrier()
        value = function()
        if self.count > 1 and self.first:
            distributed.barrier()
        return value

    def draw_apart(self) -> None:
        """Seed torch's global random state so that each process drops out other units; the first one's stays as it is."""
        if not self.first:
            torch.manual_seed(torch.initial_seed() + self.rank)

    def averaging(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The network as one whose gradients are averaged over the processes in each backward pass."""
        if self.count == 1:
            return network
        cards = [device.index] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(network, device_ids=cards, forward_sync_buffers=False)


#: A process that trains by itself.
ALONE = Processes()


def without_averaging(network: nn.Module) -> AbstractContextManager:
    """A context in which gradients are added up in each process alone: for all but the last batch of a step."""
    return network.no_sync() if isinstance(network, nn.parallel.DistributedDataParallel) else nullcontext()


def _end_with_the_launcher() -> None:
    """Have the system kill this process when the one that started it is killed, as Linux does on demand.

    Left behind, it would hold the state of the training, and the card, until its end.
    """
    set_parent_death_signal = 1
    with suppress(AttributeError, OSError):  # another system
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _leave(error: BaseException) -> NoReturn:
    """Say what went wrong, and end this process at once.

    At the ordinary end of the interpreter gloo's threads may wait for ever for processes that have left already.
    """

    def raise_again() -> None:
        raise error

    try:
        run(raise_again)
    except SystemExit as end:
        if _says_first(str(end.code)):
            sys.stderr.write(f"{end.code}\n")  # in one piece, since the others write there, too
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def _says_first(sentence: str) -> bool:
    """Whether no other process has said a sentence yet: what is wrong for all of them stands there once.

    The launchers' store knows; where it cannot be asked any more, each process speaks for itself.
    """
    try:
        host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = distributed.TCPStore(host, port, is_master=False, timeout=timedelta(seconds=5))
        return store.add(f"said: {sentence}", 1) == 1
    except distributed.DistError:
        return True


def start_processes(cards: int) -> None:
    """Run this program anew as a process for each of several cards, as ``torchrun`` does, and end with their exit status.

    In an allocation of several nodes of Slurm, as many cards of each are used. Does nothing for one card or none, and in a
    process that has been started so.

    Raises:
        UserError: this machine has fewer cards, or they cannot be divided equally among the nodes.
    """
    if cards < 2 or "WORLD_SIZE" in os.environ:
        return
    nodes = int(os.environ.get("SLURM_JOB_NUM_NODES", 1))
    if cards % nodes:
        raise UserError(f"--cards: expected as many on each of {nodes} nodes, found {cards} in all")
    if nodes > 1 and _RENDEZVOUS not in os.environ:
        _start_launchers(nodes, cards // nodes)
    _launch(nodes, cards // nodes)


def _start_launchers(nodes: int, cards: int) -> NoReturn:
    """Become the command of Slurm that runs this program once on each node of the allocation, with as many cards of it.

    They meet at a port of this machine, which is the first of the nodes.
    """
    with socket.create_server(("", 0)) as free:
        port = free.getsockname()[1]
    os.environ[_RENDEZVOUS] = f"{socket.gethostname()}:{port}"
    step = [f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1", f"--gpus-per-node={cards}"]
    step += [f"--cpus-per-task={os.environ.get('SLURM_CPUS_PER_TASK', 1)}", "--cpu-bind=none"]
    # what fails on one node, or asks this command to end, is for all of them
    step += ["--kill-on-bad-exit", "--disable-status"]
    os.execvp("srun", ["srun", *step, sys.executable, *sys.argv])


def _launch(nodes: int, cards: int) -> NoReturn:
    """Start a process for each card of this node, and end as they do."""
    if torch.cuda.is_available() and torch.cuda.device_count() < cards:
        raise UserError(f"--cards: expected at most the {torch.cuda.device_count()} of this machine, found {cards}")
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # what failed, the process itself has said
    meeting = {"run_id": uuid.uuid4().hex, "rdzv_endpoint": "localhost:0"}
    if nodes > 1:
        meeting = {"run_id": os.environ["SLURM_JOB_ID"], "rdzv_endpoint": os.environ[_RENDEZVOUS]}
        meeting["rdzv_configs"] = {"is_host": os.environ["SLURM_NODEID"] == "0"}
    config = LaunchConfig(
        min_nodes=nodes, max_nodes=nodes, nproc_per_node=cards, rdzv_backend="c10d", **meeting, max_restarts=0,
        signals_to_handle=",".join(number.name for number in StopSignal.SIGNALS),
        shutdown_timeout=int(_PATIENCE.total_seconds()),
    )  # fmt: skip
    try:
        elastic_launch(config, sys.executable)(*sys.argv)
    except (ChildFailedError, SignalException):
        sys.exit(1)
    sys.exit(0)
