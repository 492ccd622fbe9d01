# Downloads: the only jobs with a network, and they run where Snakemake runs (a compute node may have none).
CACHE = os.environ.get("RELAB_CACHE") or source(".cache")


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
    conda:
        "../envs/fetch.yaml"
    localrule: True
    resources:
        mem_mb=500,
        runtime=120,
    params:
        spec=spec("fetch_asset"),
        code=code("fetch_asset"),
    shell:
        "HF_HUB_OFFLINE=0 python {workflow.basedir:q}/scripts/fetch_asset.py --asset {wildcards.asset:q} "
        "--file {wildcards.file:q} --output {output.file:q} --lock {output.lock:q} --cache {CACHE:q} --spec {params.spec:q} "
        "--code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"
