# What is fitted on frozen features: classifiers, rankers of choices, retrievers. Networks of a few thousand weights: no card.


rule fit_classifier:
    """Fit classifiers on frozen features beside their floors, and predict the test split once."""
    input:
        unpack(inputs("fit_classifier")),
    output:
        predictions="results/probes/{probe}/predictions.parquet",
        fitted="results/probes/{probe}/probes.skops",
        chosen="results/probes/{probe}/chosen.csv",
        curve="results/probes/{probe}/learning_curve.csv",
        provenance="results/probes/{probe}/predictions.parquet.provenance.json",
    log:
        "results/logs/fit_classifier/{probe}.log",
    benchmark:
        "results/benchmarks/fit_classifier/{probe}.jsonl"
    wildcard_constraints:
        probe=made_by("fit_classifier"),
    conda:
        "../envs/fit.yaml"
    threads: ARTEFACTS.threads
    resources:
        mem_mb=memory(3000),
        runtime=240,
    params:
        directory=output_folder("predictions"),
        spec=spec("fit_classifier"),
        code=code("fit_classifier"),
        program=program("fit_classifier"),
    shell:
        recorded(
            "python {params.program:q} --train {input.train:q} --validation {input.validation:q} --test "
            "{input.test:q} --features {input.features:q} --output-dir {params.directory:q}"
        )


use rule fit_classifier as fit_ranker with:
    input:
        unpack(inputs("fit_ranker")),
    output:
        predictions="results/probes/{probe}/predictions.parquet",
        fitted="results/probes/{probe}/scorers.safetensors",
        chosen="results/probes/{probe}/chosen.csv",
        history="results/probes/{probe}/history.csv",
        provenance="results/probes/{probe}/predictions.parquet.provenance.json",
    log:
        "results/logs/fit_ranker/{probe}.log",
    benchmark:
        "results/benchmarks/fit_ranker/{probe}.jsonl"
    wildcard_constraints:
        probe=made_by("fit_ranker"),
    params:
        directory=output_folder("predictions"),
        spec=spec("fit_ranker"),
        code=code("fit_ranker"),
        program=program("fit_ranker"),


describe("fit_ranker", "Train scorers of question and choice on frozen features, and choose for the test split once.")


rule fit_retriever:
    """Rank documents for each query: cosine of frozen features, BM25, both fused."""
    input:
        unpack(inputs("fit_retriever")),
    output:
        rankings="results/probes/{probe}/rankings.parquet",
        provenance="results/probes/{probe}/rankings.parquet.provenance.json",
    log:
        "results/logs/fit_retriever/{probe}.log",
    benchmark:
        "results/benchmarks/fit_retriever/{probe}.jsonl"
    wildcard_constraints:
        probe=made_by("fit_retriever"),
    conda:
        "../envs/fit.yaml"
    threads: ARTEFACTS.threads
    resources:
        mem_mb=memory(3000),
        runtime=240,
    params:
        spec=spec("fit_retriever"),
        code=code("fit_retriever"),
        program=program("fit_retriever"),
    shell:
        recorded(
            "python {params.program:q} --corpus {input.corpus:q} --queries {input.queries:q} --corpus-features "
            "{input.corpus_features:q} --query-features {input.query_features:q} --output {output.rankings:q}"
        )
