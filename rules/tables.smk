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


rule tabulate_story_models:
    """Write the tables of the tokenizers of stories and of the models that learn from them (D1, D2)."""
    input:
        scores="results/scores/stories/learning.parquet",
        records=expand("results/models/{model}/model.safetensors.provenance.json", model=STORY_MODELS),
        histories=expand(
            "results/models/{model}/{file}", model=STORY_MODELS, file=["history.csv", "speed.csv", "samples.jsonl"]
        ),
    output:
        tokenizers=shown("results/tables/stories/tokenizers.csv"),
        models=shown("results/tables/stories/models.csv"),
        progress=shown("results/tables/stories/progress.csv"),
        speed=shown("results/tables/stories/speed.csv"),
        curve="results/tables/stories/curve.csv",
        provenance="results/tables/stories/tokenizers.csv.provenance.json",
    log:
        "results/logs/tabulate_story_models.log",
    benchmark:
        "results/benchmarks/tabulate_story_models.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        directory=lambda wildcards, output: os.path.dirname(output.tokenizers),
        spec=spec("tabulate_story_models"),
        code=code("tabulate_story_models"),
        program=program("tabulate_story_models"),
    shell:
        "python {params.program:q} --scores {input.scores:q} --records {input.records:q} --output-dir {params.directory:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule tabulate_stories:
    """Write the tables of judged stories and of the accounts of the temperature (D3 to D5)."""
    input:
        samples=expand("results/samples/{sampling}.jsonl", sampling=STORY_SAMPLINGS),
        judgements="results/judgements/stories.jsonl",
        scores="results/scores/stories/judged.parquet",
        distributions="results/scores/stories/distributions.parquet",
    output:
        grid=shown("results/tables/stories/grid.csv"),
        diversity=shown("results/tables/stories/diversity.csv"),
        examples=shown("results/tables/stories/examples.csv"),
        temperature=shown("results/tables/stories/temperature.csv"),
        accounts=shown("results/tables/stories/accounts.csv"),
        provenance="results/tables/stories/grid.csv.provenance.json",
    log:
        "results/logs/tabulate_stories.log",
    benchmark:
        "results/benchmarks/tabulate_stories.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("tabulate_stories"),
        code=code("tabulate_stories"),
        program=program("tabulate_stories"),
    shell:
        "python {params.program:q} --samples {input.samples:q} --judgements {input.judgements:q} --scores {input.scores:q} "
        "--distributions {input.distributions:q} --grid {output.grid:q} --diversity {output.diversity:q} "
        "--examples {output.examples:q} --temperature {output.temperature:q} --accounts {output.accounts:q} "
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


rule tabulate_classification:
    """Write the tables of A6: classifiers and floors, pairs, classes, confusions, learning curves."""
    input:
        scores="results/scores/char_gpt/classification.parquet",
        predictions=expand("results/probes/{probe}/predictions.parquet", probe=SETTINGS.chapters.char_gpt.classification),
        chosen=expand("results/probes/{probe}/chosen.csv", probe=SETTINGS.chapters.char_gpt.classification),
        curves=expand("results/probes/{probe}/learning_curve.csv", probe=SETTINGS.chapters.char_gpt.classification),
    output:
        systems=shown("results/tables/char_gpt/classification.csv"),
        pairs=shown("results/tables/char_gpt/classification_pairs.csv"),
        classes=shown("results/tables/char_gpt/class_f1.csv"),
        confusion=shown("results/tables/char_gpt/confusion.csv"),
        curves=shown("results/tables/char_gpt/learning_curve.csv"),
        provenance="results/tables/char_gpt/classification.csv.provenance.json",
    log:
        "results/logs/tabulate_classification.log",
    benchmark:
        "results/benchmarks/tabulate_classification.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        directory=lambda wildcards, output: os.path.dirname(output.systems),
        spec=spec("tabulate_classification"),
        code=code("tabulate_classification"),
        program=program("tabulate_classification"),
    shell:
        "python {params.program:q} --scores {input.scores:q} --predictions {input.predictions:q} "
        "--chosen {input.chosen:q} --curves {input.curves:q} --output-dir {params.directory:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule tabulate_classifiers:
    """Write the tables of fine-tuned classifiers: beside floors and frozen features, pairs, curves, words split (A7, E5, E6)."""
    input:
        scores="results/scores/{writeup}/classifiers.parquet",
        chosen=classifier_probes("chosen.csv"),
        histories=classifier_results("history.csv"),
        texts=classifier_results("texts.csv"),
    output:
        systems="results/tables/{writeup}/classifiers.csv",
        pairs="results/tables/{writeup}/classifier_pairs.csv",
        curves="results/tables/{writeup}/classifier_curves.csv",
        words="results/tables/{writeup}/split_words.csv",
        provenance="results/tables/{writeup}/classifiers.csv.provenance.json",
    log:
        "results/logs/tabulate_classifiers/{writeup}.log",
    benchmark:
        "results/benchmarks/tabulate_classifiers/{writeup}.jsonl"
    wildcard_constraints:
        writeup=names(CLASSIFIER_ROWS),
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        directory=lambda wildcards, output: os.path.dirname(output.systems),
        spec=spec("tabulate_classifiers"),
        code=code("tabulate_classifiers"),
        program=program("tabulate_classifiers"),
    shell:
        "python {params.program:q} --scores {input.scores:q} --chosen {input.chosen:q} --histories {input.histories:q} "
        "--texts {input.texts:q} --output-dir {params.directory:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule tabulate_choice:
    """Write the tables of A8: rankers and baselines, their training, questions answered rightly and wrongly."""
    input:
        scores="results/scores/char_gpt/choice.parquet",
        predictions=expand("results/probes/{probe}/predictions.parquet", probe=SETTINGS.chapters.char_gpt.choice),
        history=expand("results/probes/{probe}/history.csv", probe=SETTINGS.chapters.char_gpt.choice),
        test=probe_data("choice", "test"),
    output:
        choice=shown("results/tables/char_gpt/choice.csv"),
        curves=shown("results/tables/char_gpt/choice_curves.csv"),
        examples=shown("results/tables/char_gpt/choice_examples.csv"),
        provenance="results/tables/char_gpt/choice.csv.provenance.json",
    log:
        "results/logs/tabulate_choice.log",
    benchmark:
        "results/benchmarks/tabulate_choice.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("tabulate_choice"),
        code=code("tabulate_choice"),
        program=program("tabulate_choice"),
    shell:
        "python {params.program:q} --scores {input.scores:q} --predictions {input.predictions:q} --history {input.history:q} --test {input.test:q} "
        "--choice {output.choice:q} --curves {output.curves:q} --examples {output.examples:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule tabulate_retrieval:
    """Write the tables of A9: rankings and their measures, recall against k, queries with their first documents."""
    input:
        scores="results/scores/char_gpt/retrieval.parquet",
        rankings=expand("results/probes/{probe}/rankings.parquet", probe=SETTINGS.chapters.char_gpt.retrieval),
        corpus=probe_data("retrieval", "corpus"),
        queries=probe_data("retrieval", "queries"),
        qrels=probe_data("retrieval", "qrels"),
    output:
        retrieval=shown("results/tables/char_gpt/retrieval.csv"),
        recall=shown("results/tables/char_gpt/recall.csv"),
        examples=shown("results/tables/char_gpt/retrieval_examples.csv"),
        provenance="results/tables/char_gpt/retrieval.csv.provenance.json",
    log:
        "results/logs/tabulate_retrieval.log",
    benchmark:
        "results/benchmarks/tabulate_retrieval.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("tabulate_retrieval"),
        code=code("tabulate_retrieval"),
        program=program("tabulate_retrieval"),
    shell:
        "python {params.program:q} --scores {input.scores:q} --rankings {input.rankings:q} --corpus {input.corpus:q} --queries {input.queries:q} "
        "--qrels {input.qrels:q} --retrieval {output.retrieval:q} --recall {output.recall:q} --examples {output.examples:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule tabulate_datasets:
    """Write the tables of data sets and of features: rows used and left out, texts encoded and cut."""
    input:
        datasets=expand("results/datasets/{part}.json", part=[f"{dataset}/{part}" for dataset, part in DATASET_PARTS]),
        features=expand("results/features/{part}.json", part=["/".join(one) for one in FEATURES]),
    output:
        datasets=shown("results/tables/overview/datasets.csv"),
        features=shown("results/tables/overview/features.csv"),
        provenance="results/tables/overview/datasets.csv.provenance.json",
    log:
        "results/logs/tabulate_datasets.log",
    benchmark:
        "results/benchmarks/tabulate_datasets.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("tabulate_datasets"),
        code=code("tabulate_datasets"),
        program=program("tabulate_datasets"),
    shell:
        "python {params.program:q} --datasets {input.datasets:q} --features {input.features:q} "
        "--output {output.datasets:q} --output-features {output.features:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule tabulate_corpora:
    """Write the table of corpora: documents, characters, what was removed."""
    input:
        expand("results/corpora/{corpus}/stats.json", corpus=SETTINGS.needed["corpora"]),
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
            for asset in SETTINGS.needed["assets"]
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


rule tabulate_finetuning:
    """Write the tables of finetuned models: beside their base, their texts before and after, losses (B1, B5, C3, C4)."""
    input:
        scores="results/scores/{writeup}/{role}.parquet",
        readings="results/judgements/{writeup}/{role}.jsonl",
        histories=lambda wildcards: finetuned_records(wildcards)["histories"],
        samples=lambda wildcards: finetuned_records(wildcards)["samples"],
    output:
        models="results/tables/{writeup}/{role}.csv",
        texts="results/tables/{writeup}/{role}_texts.csv",
        curve="results/tables/{writeup}/{role}_curve.csv",
        provenance="results/tables/{writeup}/{role}.csv.provenance.json",
    log:
        "results/logs/tabulate_finetuning/{writeup}/{role}.log",
    benchmark:
        "results/benchmarks/tabulate_finetuning/{writeup}/{role}.jsonl"
    wildcard_constraints:
        writeup=names(writeup for writeup, _ in FINETUNED),
        role=names(role for _, role in FINETUNED),
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("tabulate_finetuning"),
        code=code("tabulate_finetuning"),
        program=program("tabulate_finetuning"),
    shell:
        "python {params.program:q} --scores {input.scores:q} --readings {input.readings:q} --histories {input.histories:q} "
        "--samples {input.samples:q} --models {output.models:q} --texts {output.texts:q} --curve {output.curve:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"
