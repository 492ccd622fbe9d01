# What would run, how long it takes, and in which order: the job first that most work waits for.
import json
from dataclasses import asdict

from relab import schedule
from relab.estimate import declared_seconds, job_seconds


def waiting_jobs(estimate):
    """The jobs that would run, by Snakemake's own; `estimate` tells the time of one that was never measured."""
    jobs = workflow.dag.needrun_jobs(exclude_finished=False)  # a dry run finishes them
    made = {job: [str(path).removeprefix(RUN) for path in job.output] for job in jobs}
    records = {job: next((path for path in paths if path.endswith(RECORD)), None) for job, paths in made.items()}
    return {
        job: schedule.Job(
            job.rule.name,
            record,
            schedule.measured_seconds(Path(job.benchmark)) or estimate(job.rule.name, record, SETTINGS),
            tuple(sorted(filter(None, map(records.get, workflow.dag.dependencies[job])))),
        )
        for job, record in records.items()
        if record
    }


def order_jobs():
    """Start the job first that the longest chain of others waits for; what --prioritize names comes before."""
    jobs = waiting_jobs(declared_seconds)
    remaining = schedule.remaining_seconds(list(jobs.values()))
    for job, planned in jobs.items():
        workflow.dag._priority[job] = max(workflow.dag.priority(job), round(remaining[planned.record]))


def write_plan(path):
    """Write what would run to a file, for `relab plan`."""
    if workflow.dag is not None:
        Path(path).write_text(json.dumps([asdict(job) for job in waiting_jobs(job_seconds).values()]), encoding="utf-8")


if schedule.PLAN in os.environ:
    atexit.register(write_plan, os.environ[schedule.PLAN])
