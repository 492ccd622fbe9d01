# Jobs that are submitted elsewhere: which go together; and what Slurm can be known not to run, before it is asked to.
import signal

from relab import slurm

# Slurm warns every process of a job that its time is up soon (profiles/slurm): a training listens, all else goes on.
if workflow.remote_exec:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def together(group):
    """The group of jobs that are so short that they are submitted as one, since to start a job takes longer."""
    return None if LOCAL else group


def own_tokens(wildcards):
    """The group of the jobs from a corpus to its token ids, as far as its own tokenizers make them."""
    tokenizer = ARTEFACTS.tokenizers.get(wildcards.get("tokenizer"))
    trained_on = getattr(tokenizer.settings, "corpus", None) if tokenizer else None
    corpus = wildcards.get("corpus", trained_on)
    return f"corpus_{corpus}" if corpus and ("tokenizer" not in wildcards.keys() or corpus == trained_on) else None


def submitted():
    """The jobs, or groups of jobs, that are to be submitted."""
    jobs = {workflow.dag.get_job_group(job) or job for job in workflow.dag.needrun_jobs()}
    return [job for job in jobs if not job.is_local]


def request(job, executor):
    """What a job asks Slurm for."""
    asked = job.resources
    # a quality of service may lift the time limit of a partition
    limited = not (asked.get("qos") or workflow.executor_settings.qos)
    return slurm.Request(
        job=" and ".join(sorted(job.rules)),
        partition=executor.get_partition_arg(job).partition("-p ")[2].strip("'"),
        minutes=limited and asked.get("runtime") or 0,
        cards=-(-(asked.get("gpu") or 0) // (asked.get("nodes") or 1)),  # of each node
        memory=asked.get("mem_mb") or 0,
        cores=job.threads,
    )


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
    requests = {request(job, executor) for job in submitted()}
    for refusal in filter(None, (slurm.refusal(each, nodes) for each in requests)):
        raise UserError(refusal)


def remember_finished_jobs(plugin):
    """Let Slurm's plugin ask once how long Slurm remembers finished jobs, and not at every look at them."""
    # while the controller is away it would take sacct then, which never answers where there is no accounting
    age = plugin.get_min_job_age()
    plugin.get_min_job_age = lambda: age


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
    remember_finished_jobs(sys.modules[type(executor).__module__])
    slurm.ask_at_least_every(executor, workflow.remote_execution_settings.seconds_between_status_checks)
    if not workflow.executor_settings.array_jobs:  # the tasks of an array find their commands in the plugin's Snakemake
        slurm.start_one_snakemake(executor)
    if not workflow.executor_settings.jobname_prefix:
        executor.run_uuid = f"{re.sub(r'[^A-Za-z0-9_-]', '_', Path.cwd().name)[:50]}_{executor.run_uuid}"
