rule clean_corpus:
    """Turn the published form of a corpus into clean documents, split into training and validation text."""
    input:
        unpack(inputs("clean_corpus")),
    output:
        train="results/corpora/{corpus}/train.parquet",
        validation="results/corpora/{corpus}/validation.parquet",
        stats="results/corpora/{corpus}/stats.json",
        provenance="results/corpora/{corpus}/train.parquet.provenance.json",
    log:
        "results/logs/clean_corpus/{corpus}.log",
    benchmark:
        "results/benchmarks/clean_corpus/{corpus}.jsonl"
    group:
        together(groups.corpus_group)
    conda:
        "../envs/text.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=120,
    params:
        spec=spec("clean_corpus"),
        code=code("clean_corpus"),
        program=program("clean_corpus"),
    shell:
        recorded(
            "python {params.program:q} --input {input.files:q} --train {output.train:q} --validation "
            "{output.validation:q} --stats {output.stats:q}"
        )
