# Jobs that are submitted elsewhere: which go together; and what Slurm can be known not to run, before it is asked to.
import signal

from relab import groups, slurm

# Slurm warns every process of a job that its time is up soon (profiles/slurm): a training listens, all else goes on.
if "SLURM_JOB_ID" in os.environ:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)

if not LOCAL:
    groups.keep_finished_jobs()


def together(group):
    """The group of a rule's jobs where they are submitted: a name, or a function of the settings and a job's wildcards."""
    of_a_job = group if isinstance(group, str) else lambda wildcards: group(SETTINGS, **dict(wildcards.items()))
    return None if LOCAL else of_a_job


def submitted():
    """The jobs, or groups of jobs, that are to be submitted."""
    jobs = {workflow.dag.get_job_group(job) or job for job in workflow.dag.needrun_jobs()}
    return [job for job in jobs if not job.is_local]


def check_slurm(executor):
    """Refuse a run whose jobs Slurm has from an earlier Snakemake, and jobs that it has no node for."""
    unfinished = slurm.unfinished(slurm.told(slurm.JOBS), Path.cwd())
    if unfinished:
        raise UserError(
            f"{Path.cwd()}: Slurm still has jobs of an earlier Snakemake for this run ({', '.join(unfinished)}): end them with "
            f"`scancel {' '.join(unfinished)}` and start again, or wait for them and start again with --ignore-incomplete,"
            " which takes what they make as it is"
        )
    nodes = slurm.nodes(slurm.told(slurm.NODES))
    requests = {slurm.request(job, executor) for job in submitted()}
    for refusal in filter(None, (slurm.refusal(each, nodes) for each in requests)):
        raise UserError(refusal)


def prepare_cluster():
    """Check a run whose jobs Slurm gets, and set up what submits them."""
    if workflow.executor_plugin.name != "slurm" or not submitted():
        return
    executor = workflow.scheduler.get_executor(submitted()[0])
    slurm.limit_cores(submitted())
    try:
        check_slurm(executor)
    except UserError as error:
        end_with(f"{SENTENCE}{error}")
        raise WorkflowError(str(error)) from None
    slurm.more_memory_once(executor, workflow.execution_settings.retries)
    slurm.remember_ended_jobs(executor)
    slurm.ask_at_least_every(executor, workflow.remote_execution_settings.seconds_between_status_checks)
    if not workflow.executor_settings.array_jobs:  # the tasks of an array find their commands in the plugin's Snakemake
        slurm.start_one_snakemake(executor)
    if not workflow.executor_settings.jobname_prefix:
        executor.run_uuid = f"{re.sub(r'[^A-Za-z0-9_-]', '_', Path.cwd().name)[:50]}_{executor.run_uuid}"
