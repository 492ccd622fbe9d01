rule tabulate_char_gpt:
    """Write the tables of the first chapter: loss curves, final losses, text as training goes on, reported losses."""
    input:
        scores="results/scores/char_gpt/scores.parquet",
        histories=expand("results/models/{model}/history.csv", model=CHAR_GPT),
        samples=expand("results/models/{model}/samples.jsonl", model=CHAR_GPT),
        weights=expand("results/models/{model}/model.safetensors", model=CHAR_GPT),
    output:
        curves="results/tables/char_gpt/loss_curves.csv",
        final=shown("results/tables/char_gpt/final_losses.csv"),
        by_corpus=[
            shown(f"results/tables/char_gpt/{table}_{corpus}.csv")
            for table in ("progression", "overlap", "reported")
            for corpus in CHAR_GPT_CORPORA
        ],
        provenance="results/tables/char_gpt/loss_curves.csv.provenance.json",
    log:
        "results/logs/tabulate_char_gpt.log",
    benchmark:
        "results/benchmarks/tabulate_char_gpt.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        directory=lambda wildcards, output: os.path.dirname(output.curves),
        spec=spec("tabulate_char_gpt"),
        claims=place("config/claims.yaml"),
        loaded=loaded("config/claims.yaml"),
        code=code("tabulate_char_gpt"),
        program=program("tabulate_char_gpt"),
    shell:
        "python {params.program:q} --scores {input.scores:q} --histories {input.histories:q} "
        "--samples {input.samples:q} --weights {input.weights:q} --claims {params.claims:q} --output-dir {params.directory:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule tabulate_texts:
    """Write the tables of sampled texts: a method a row with its measures, and every text."""
    input:
        samples=sampled_texts,
        scores="results/scores/{writeup}/{role}.parquet",
    output:
        methods="results/tables/{writeup}/{role}.csv",
        texts="results/tables/{writeup}/{role}_texts.csv",
        provenance="results/tables/{writeup}/{role}.csv.provenance.json",
    log:
        "results/logs/tabulate_texts/{writeup}/{role}.log",
    benchmark:
        "results/benchmarks/tabulate_texts/{writeup}/{role}.jsonl"
    wildcard_constraints:
        writeup=names(writeup for writeup, _ in TEXT_TABLES),
        role=names(role for _, role in TEXT_TABLES),
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("tabulate_texts"),
        code=code("tabulate_texts"),
        program=program("tabulate_texts"),
    shell:
        "python {params.program:q} --samples {input.samples:q} --scores {input.scores:q} --methods {output.methods:q} --texts {output.texts:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule tabulate_mingpt:
    """Write the tables of the fifth chapter: losses, words with their probabilities, distance from the grammar."""
    input:
        scores="results/scores/mingpt/training.parquet",
        histories=expand("results/models/{model}/history.csv", model=MINGPT + LARGER),
        traces=expand("results/traces/{model}.jsonl", model=MINGPT),
    output:
        curves=expand("results/tables/mingpt/{curve}.csv", curve=["curve", "larger_curve"]),
        losses=shown("results/tables/mingpt/losses.csv"),
        words=shown("results/tables/mingpt/words.csv"),
        alternatives=shown("results/tables/mingpt/alternatives.csv"),
        distance=shown("results/tables/mingpt/total_variation.csv"),
        larger=shown("results/tables/mingpt/larger_losses.csv"),
        provenance="results/tables/mingpt/losses.csv.provenance.json",
    log:
        "results/logs/tabulate_mingpt.log",
    benchmark:
        "results/benchmarks/tabulate_mingpt.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        directory=lambda wildcards, output: os.path.dirname(output.losses),
        spec=spec("tabulate_mingpt"),
        code=code("tabulate_mingpt"),
        program=program("tabulate_mingpt"),
    shell:
        "python {params.program:q} --scores {input.scores:q} --histories {input.histories:q} --traces {input.traces:q} "
        "--output-dir {params.directory:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule tabulate_corpora:
    """Write the table of corpora: documents, characters, what was removed."""
    input:
        expand("results/corpora/{corpus}/stats.json", corpus=provide.used_corpora(SETTINGS)),
    output:
        table=shown("results/tables/overview/corpora.csv"),
        provenance="results/tables/overview/corpora.csv.provenance.json",
    log:
        "results/logs/tabulate_corpora.log",
    benchmark:
        "results/benchmarks/tabulate_corpora.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("tabulate_corpora"),
        code=code("tabulate_corpora"),
        program=program("tabulate_corpora"),
    shell:
        "python {params.program:q} --stats {input:q} --output {output.table:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule tabulate_assets:
    """Write the table of downloads: where each file came from, its checksum, its licence."""
    input:
        [
            f"results/assets/{asset}/{file}.lock.json"
            for asset in provide.used_assets(SETTINGS)
            for file in SETTINGS.assets[asset].files
        ],
    output:
        table=shown("results/tables/overview/assets.csv"),
        provenance="results/tables/overview/assets.csv.provenance.json",
    log:
        "results/logs/tabulate_assets.log",
    benchmark:
        "results/benchmarks/tabulate_assets.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("tabulate_assets"),
        code=code("tabulate_assets"),
        program=program("tabulate_assets"),
    shell:
        "python {params.program:q} --locks {input:q} --output {output.table:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"
