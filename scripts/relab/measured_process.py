"""What Snakemake measures of a job whose program is a fork of another process."""

from __future__ import annotations

import psutil

from relab.fork_server import fork_of


class MeasuredProcess(psutil.Process):
    """The shell of a job: its fork is none of its children and is measured with them all the same."""

    def children(self, recursive: bool = False) -> list[psutil.Process]:
        """Its children, and the forks that any of them has asked for, with theirs."""
        members = super().children(recursive)
        forks = [psutil.Process(pid) for pid in map(fork_of, (self.pid, *(child.pid for child in members))) if pid]
        return members + [process for fork in forks for process in (fork, *fork.children(recursive))]
