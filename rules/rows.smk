# The rows of the report: a loop makes the jobs of every row that the report shows (scripts/relab/rows/contract.py).


for ROW, STEP in SETTINGS.steps:
    READ = ROW.settings.inputs(STEP.name, ROW.paths, ARTEFACTS)
    MADE = ROW.outputs(STEP)
    JOB = ROW.job(STEP)
    ASKED = gpu if STEP.network else 0

    rule:
        name:
            JOB
        input:
            **READ,
        output:
            **{name: shown(path) for name, path in MADE.items()},
            provenance=ROW.record(STEP),
        log:
            f"results/logs/rows/{JOB}.log",
        benchmark:
            f"results/benchmarks/rows/{JOB}.jsonl"
        group:
            together(groups.row_group(ROW.paths.name))
        conda:
            f"../envs/{STEP.environment}.yaml"
        threads: ARTEFACTS.threads if STEP.network else 1
        resources:
            gpu=ASKED,
            mem_mb=memory(STEP.memory, with_card=STEP.memory_with_card),
            runtime=STEP.minutes,
        params:
            job=JOB,
            step=f"{ROW.settings.kind} {STEP.function}",
            read=read_files,
            made=made_files,
            captions=captions,
            spec=constant(canonical(ROW.settings.spec(STEP.name, ROW.paths, ARTEFACTS))),
            titles=constant(option("--titles", SETTINGS.titled(ROW, STEP))),
            code=code("row", f"relab.rows.{ROW.settings.kind}.{STEP.function.partition('.')[0]}"),
            program=program("row"),
        shell:
            recorded(
                "python {params.program:q} {params.step} {params.read:q} {params.made:q} --job {params.job:q} {params.titles:q}",
                inputs="",
            )

    describe(JOB, f"{STEP.does.rstrip('.')} ({ROW.paths.key.removeprefix('rows.')}).")
