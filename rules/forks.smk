# Jobs of this machine are forks of one process that has imported the libraries (relab.fork_server): most jobs would take longer
# to import them than to work. Each job by itself: `RELAB_FORK_SERVER= snakemake ...`.
import contextlib

import psutil
from snakemake.benchmark import BenchmarkTimer
from snakemake.settings.types import ExecMode

# Fewer jobs are not worth the start of the server.
FORKED_JOBS = 4


class JobProcess(psutil.Process):
    """The shell of a job: its fork is none of its children and is measured with them all the same."""

    def children(self, recursive=False):
        members = super().children(recursive)
        forks = [psutil.Process(pid) for pid in map(fork_server.fork_of, (self.pid, *(child.pid for child in members))) if pid]
        return members + [process for fork in forks for process in (fork, *fork.children(recursive))]


def start_fork_server():
    """Start the server of forks for this run, unless a card may be used, or there are few jobs."""
    here = LOCAL and workflow.exec_mode == ExecMode.DEFAULT and not workflow.deployment_settings.deployment_method
    if not here or CARDS or sys.platform != "linux" or fork_server.VARIABLE in os.environ:
        return
    if len(list(workflow.dag.needrun_jobs())) < FORKED_JOBS:
        return
    open_until_the_end = contextlib.ExitStack()
    atexit.register(open_until_the_end.close)
    os.environ |= open_until_the_end.enter_context(fork_server.serving(dict(os.environ)))


if BenchmarkTimer.__init__.__name__ == "__init__":  # a module may read this file a second time
    TIMER = BenchmarkTimer.__init__

    def watch_forks(timer, pid, *arguments, **options):
        TIMER(timer, pid, *arguments, **options)
        timer.main = JobProcess(pid)

    BenchmarkTimer.__init__ = watch_forks
