# Downloads: the only jobs with a network, and they run where Snakemake runs (a compute node may have none).
rule fetch_asset:
    """Fetch a file of a registered asset into the shared cache, checked, and link it into the run."""
    output:
        file="results/assets/{asset}/{file}",
        lock="results/assets/{asset}/{file}.lock.json",
        provenance="results/assets/{asset}/{file}.provenance.json",
    log:
        "results/logs/fetch_asset/{asset}/{file}.log",
    benchmark:
        "results/benchmarks/fetch_asset/{asset}/{file}.jsonl"
    localrule: True
    conda:
        "../envs/fetch.yaml"
    resources:
        mem_mb=500,
        runtime=120,
    params:
        # where the cache lies is no reason to fetch again: derived from the output, it is not compared
        cache=lambda wildcards, output: CACHE,
        user_files=user_files,
        spec=spec("fetch_asset"),
        code=code("fetch_asset"),
        program=program("fetch_asset"),
    shell:
        recorded(
            "HF_HUB_OFFLINE=0 python {params.program:q} --asset {wildcards.asset:q} --file {wildcards.file:q} "
            "--output {output.file:q} --lock {output.lock:q} --cache {params.cache:q}"
        )
