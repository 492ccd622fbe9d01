# Jobs are forks of one process that has imported the libraries (relab.fork_server): most would take longer to import them than
# to work. One for all jobs of this machine, and one for each group of submitted jobs. Each by itself: `RELAB_FORK_SERVER=`.
import contextlib

from snakemake.benchmark import BenchmarkTimer
from snakemake.settings.types import ExecMode

from relab.measured_process import MeasuredProcess

# Fewer jobs of this machine are not worth the start of the server.
FORKED_JOBS = 4


def start_fork_server(libraries=fork_server.LIBRARIES):
    """Start a server of forks with some libraries until this process ends, unless a card may be used."""
    alone = workflow.deployment_settings.deployment_method or fork_server.VARIABLE in os.environ
    if alone or sys.platform != "linux" or gpu_count():
        return
    open_until_the_end = contextlib.ExitStack()
    atexit.register(open_until_the_end.close)
    os.environ |= open_until_the_end.enter_context(fork_server.serving(dict(os.environ), libraries))


def fork_local_jobs():
    """Start the server for the jobs of this machine, unless they are few."""
    if LOCAL and workflow.exec_mode == ExecMode.DEFAULT and len(list(workflow.dag.needrun_jobs())) >= FORKED_JOBS:
        start_fork_server()


# The jobs of a group, in the Snakemake that was submitted for them, which looks at them later than this is read.
GROUPED = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
GROUPED.add_argument("--target-jobs", nargs="*", default=[])
GROUPED = [job.partition(":")[0] for job in GROUPED.parse_known_args(sys.argv[1:])[0].target_jobs]
if workflow.remote_exec and len(GROUPED) > 1:
    start_fork_server({Path(str(workflow.get_rule(name).conda_env)).stem for name in GROUPED})


if BenchmarkTimer.__init__.__name__ == "__init__":  # a module may read this file a second time
    TIMER = BenchmarkTimer.__init__

    def watch_forks(timer, pid, *arguments, **options):
        TIMER(timer, pid, *arguments, **options)
        timer.main = MeasuredProcess(pid)

    BenchmarkTimer.__init__ = watch_forks
