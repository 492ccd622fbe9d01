"""A function called by several processes at once, as those that train one network on several cards."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Callable
from typing import Any

from support.training import forkserver


def together(function: Callable[..., Any], *arguments: Any, count: int = 2) -> list[Any]:
    """What a function returns that ``count`` processes call with their :class:`Processes` and the arguments, by rank."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = forkserver()
    running = []
    for rank in range(count):
        own, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_call, args=(rank, count, port, theirs, function, arguments), daemon=True)
        process.start()
        running.append((process, own))
    results = []
    for process, connection in running:
        assert connection.poll(120), "the processes wait for each other"
        succeeded, result = connection.recv()
        assert succeeded, result
        results.append(result)
        process.join(30)
    return results


def _call(rank: int, count: int, port: int, connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    import torch

    from relab.training.processes import Processes

    places = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": str(count)}
    os.environ.update(places)
    torch.set_num_threads(1)
    try:
        with Processes.joined(torch.device("cpu")) as processes:
            connection.send((True, function(processes, *arguments)))
    except BaseException:
        connection.send((False, traceback.format_exc()))
        os._exit(1)
