# Data sets, a job a part: a change that concerns one split makes that split alone.
import time

from relab.datasets.left_out import left_out

STARTED = time.time()


onsuccess:
    # the last lines of the run
    for line in left_out(ARTEFACTS.datasets, STARTED):
        print(line, file=sys.stderr)


rule make_dataset:
    """Make one part of a data set: a split, or the documents, queries or judgments of a retrieval set."""
    input:
        unpack(inputs("make_dataset")),
    output:
        part="results/datasets/{dataset}/{part}.parquet",
        stats="results/datasets/{dataset}/{part}.json",
        provenance="results/datasets/{dataset}/{part}.parquet.provenance.json",
    log:
        "results/logs/make_dataset/{dataset}/{part}.log",
    benchmark:
        "results/benchmarks/make_dataset/{dataset}/{part}.jsonl"
    group:
        together("dataset_{dataset}")
    conda:
        "../envs/text.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        spec=spec("make_dataset"),
        code=code("make_dataset"),
        program=program("make_dataset"),
    shell:
        recorded("python {params.program:q} --input {input.files:q} --output {output.part:q} --stats {output.stats:q}")
