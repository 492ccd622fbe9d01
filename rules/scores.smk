CHAR_GPT = provide.used_models(SETTINGS)
CHAR_GPT_CORPORA = provide.used_corpora(SETTINGS)


rule score_char_gpt:
    """Score the character-level GPTs: losses over seeds, and how much of their text stands in the corpus."""
    input:
        histories=expand("results/models/{model}/history.csv", model=CHAR_GPT),
        samples=expand("results/models/{model}/samples.jsonl", model=CHAR_GPT),
        train=expand("results/corpora/{corpus}/train.parquet", corpus=CHAR_GPT_CORPORA),
        validation=expand("results/corpora/{corpus}/validation.parquet", corpus=CHAR_GPT_CORPORA),
    output:
        scores="results/scores/char_gpt/scores.parquet",
        provenance="results/scores/char_gpt/scores.parquet.provenance.json",
    log:
        "results/logs/score_char_gpt.log",
    benchmark:
        "results/benchmarks/score_char_gpt.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        spec=spec("score_char_gpt"),
        code=code("score_char_gpt"),
        program=program("score_char_gpt"),
    shell:
        "python {params.program:q} --histories {input.histories:q} --samples {input.samples:q} "
        "--train {input.train:q} --validation {input.validation:q} --output {output.scores:q} --spec {params.spec:q} "
        "--code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule score_claims:
    """Score what the write-ups claim: the ledger."""
    input:
        scores=["results/scores/char_gpt/scores.parquet"],
    output:
        ledger="results/tables/overview/ledger.csv",
        provenance="results/tables/overview/ledger.csv.provenance.json",
    log:
        "results/logs/score_claims.log",
    benchmark:
        "results/benchmarks/score_claims.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=provide.canonical({"settings": claims.settings_named(CLAIMS, SETTINGS)}),
        claims=place("config/claims.yaml"),
        loaded=loaded("config/claims.yaml"),
        code=code("score_claims"),
        program=program("score_claims"),
    shell:
        "python {params.program:q} --claims {params.claims:q} --scores {input.scores:q} "
        "--output {output.ledger:q} --spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} "
        "> {log:q} 2>&1"
