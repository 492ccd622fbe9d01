# A cure for Snakemake's scheduler, for local and for submitted jobs.
#
# Where the number of jobs a second is limited, as it is by default, Snakemake (9.27) wakes its scheduler a second after each of
# its turns, and every finished job adds a turn: turns multiply until they take a good part of a core. What may have changed by
# then is only that a reached limit is none any more.
from snakemake.scheduling.job_scheduler import JobScheduler

REEVALUATE = JobScheduler._schedule_reevalutation


def reevaluate_after_the_limit(scheduler, delay):
    """Wake the scheduler after so many seconds, if the limit of jobs is reached or an input is waited for."""
    limiter = scheduler.job_rate_limiter
    if limiter is None or not limiter.get_free_jobs() or scheduler.workflow.dag.has_unfinished_queue_input_jobs():
        REEVALUATE(scheduler, delay)


if REEVALUATE.__name__ != reevaluate_after_the_limit.__name__:  # a module may read this file a second time
    JobScheduler._schedule_reevalutation = reevaluate_after_the_limit
