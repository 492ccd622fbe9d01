rule score_char_gpt:
    """Score the character-level GPTs: losses over seeds, and how much of their text stands in the corpus."""
    input:
        histories=expand("results/models/{model}/history.csv", model=CHAR_GPT),
        losses=expand("results/models/{model}/losses.parquet", model=CHAR_GPT),
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
        "python {params.program:q} --histories {input.histories:q} --losses {input.losses:q} --samples {input.samples:q} "
        "--train {input.train:q} --validation {input.validation:q} --output {output.scores:q} --spec {params.spec:q} "
        "--code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule score_texts:
    """Score sampled texts: repetition, diversity, how likely the model finds them, how methods differ."""
    input:
        sampled_texts,
    output:
        scores="results/scores/{writeup}/{role}.parquet",
        provenance="results/scores/{writeup}/{role}.parquet.provenance.json",
    log:
        "results/logs/score_texts/{writeup}/{role}.log",
    benchmark:
        "results/benchmarks/score_texts/{writeup}/{role}.jsonl"
    wildcard_constraints:
        writeup=names(writeup for writeup, _ in TEXT_TABLES),
        role=names(role for _, role in TEXT_TABLES),
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        spec=spec("score_texts"),
        code=code("score_texts"),
        program=program("score_texts"),
    shell:
        "python {params.program:q} --samples {input:q} --output {output.scores:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule score_mingpt:
    """Score the models trained on sentences, and those on a larger corpus: losses, distance from the grammar."""
    input:
        histories=expand("results/models/{model}/history.csv", model=MINGPT + LARGER),
        losses=expand("results/models/{model}/losses.parquet", model=MINGPT + LARGER),
        traces=expand("results/traces/{model}.jsonl", model=MINGPT),
        train=f"results/corpora/{SETTINGS.models[MINGPT[0]].settings.corpus}/train.parquet",
        validation=f"results/corpora/{SETTINGS.models[MINGPT[0]].settings.corpus}/validation.parquet",
        larger_train=f"results/corpora/{SETTINGS.models[LARGER[0]].settings.corpus}/train.parquet",
        tokenizer=f"results/models/{MINGPT[0]}/tokenizer.json",
    output:
        scores="results/scores/mingpt/training.parquet",
        provenance="results/scores/mingpt/training.parquet.provenance.json",
    log:
        "results/logs/score_mingpt.log",
    benchmark:
        "results/benchmarks/score_mingpt.jsonl"
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        tokenizer=lambda wildcards, input: os.path.dirname(input.tokenizer),
        spec=spec("score_mingpt"),
        code=code("score_mingpt"),
        program=program("score_mingpt"),
    shell:
        "python {params.program:q} --histories {input.histories:q} --losses {input.losses:q} --traces {input.traces:q} --train {input.train:q} --validation {input.validation:q} --larger-train {input.larger_train:q} --tokenizer {params.tokenizer:q} --output {output.scores:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule score_classification:
    """Score the classifiers on their test splits: accuracy, F1, and pairs of them on the same rows (A6)."""
    input:
        predictions=expand("results/probes/{probe}/predictions.parquet", probe=SETTINGS.chapters.char_gpt.classification),
        chosen=expand("results/probes/{probe}/chosen.csv", probe=SETTINGS.chapters.char_gpt.classification),
    output:
        scores="results/scores/char_gpt/classification.parquet",
        provenance="results/scores/char_gpt/classification.parquet.provenance.json",
    log:
        "results/logs/score_classification.log",
    benchmark:
        "results/benchmarks/score_classification.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        spec=spec("score_classification"),
        code=code("score_classification"),
        program=program("score_classification"),
    shell:
        "python {params.program:q} --predictions {input.predictions:q} --chosen {input.chosen:q} --output {output.scores:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule score_classifiers:
    """Score the fine-tuned classifiers beside floors and frozen features on the same rows, and pairs of them (A7, E5, E6)."""
    input:
        predictions=classifier_probes("predictions.parquet"),
        finetuned=classifier_results("predictions.parquet"),
        texts=classifier_results("texts.csv"),
    output:
        scores="results/scores/{writeup}/classifiers.parquet",
        provenance="results/scores/{writeup}/classifiers.parquet.provenance.json",
    log:
        "results/logs/score_classifiers/{writeup}.log",
    benchmark:
        "results/benchmarks/score_classifiers/{writeup}.jsonl"
    wildcard_constraints:
        writeup=names(CLASSIFIER_ROWS),
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        spec=spec("score_classifiers"),
        code=code("score_classifiers"),
        program=program("score_classifiers"),
    shell:
        "python {params.program:q} --predictions {input.predictions:q} --finetuned {input.finetuned:q} "
        "--texts {input.texts:q} --output {output.scores:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule score_choice:
    """Score the rankers of choices on their test splits, beside chance, cosine and the longest choice (A8)."""
    input:
        predictions=expand("results/probes/{probe}/predictions.parquet", probe=SETTINGS.chapters.char_gpt.choice),
        chosen=expand("results/probes/{probe}/chosen.csv", probe=SETTINGS.chapters.char_gpt.choice),
    output:
        scores="results/scores/char_gpt/choice.parquet",
        provenance="results/scores/char_gpt/choice.parquet.provenance.json",
    log:
        "results/logs/score_choice.log",
    benchmark:
        "results/benchmarks/score_choice.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        spec=spec("score_choice"),
        code=code("score_choice"),
        program=program("score_choice"),
    shell:
        "python {params.program:q} --predictions {input.predictions:q} --chosen {input.chosen:q} --output {output.scores:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule score_retrieval:
    """Score rankings of documents against the judgments, beside chance, and against BM25 (A9)."""
    input:
        rankings=expand("results/probes/{probe}/rankings.parquet", probe=SETTINGS.chapters.char_gpt.retrieval),
        qrels=probe_data("retrieval", "qrels"),
        corpus=probe_data("retrieval", "corpus"),
        queries=probe_data("retrieval", "queries"),
    output:
        scores="results/scores/char_gpt/retrieval.parquet",
        provenance="results/scores/char_gpt/retrieval.parquet.provenance.json",
    log:
        "results/logs/score_retrieval.log",
    benchmark:
        "results/benchmarks/score_retrieval.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        spec=spec("score_retrieval"),
        code=code("score_retrieval"),
        program=program("score_retrieval"),
    shell:
        "python {params.program:q} --rankings {input.rankings:q} --qrels {input.qrels:q} --corpus {input.corpus:q} --queries {input.queries:q} --output {output.scores:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule score_story_models:
    """Score what tokenizers make of the stories and how models learn from them (D1, D2)."""
    input:
        tokens=expand(
            f"results/tokens/{{tokenizer}}/{STORY_CORPUS}/{{split}}.arrow",
            tokenizer=STORIES.tokenizers,
            split=["train", "validation"],
        ),
        histories=expand("results/models/{model}/history.csv", model=STORY_MODELS),
        losses=expand("results/models/{model}/losses.parquet", model=STORY_MODELS),
        weights=expand("results/models/{model}/model.safetensors", model=STORY_MODELS),
    output:
        scores="results/scores/stories/learning.parquet",
        provenance="results/scores/stories/learning.parquet.provenance.json",
    log:
        "results/logs/score_story_models.log",
    benchmark:
        "results/benchmarks/score_story_models.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("score_story_models"),
        code=code("score_story_models"),
        program=program("score_story_models"),
    shell:
        "python {params.program:q} --tokens {input.tokens:q} --histories {input.histories:q} --losses {input.losses:q} --weights {input.weights:q} "
        "--output {output.scores:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule score_stories:
    """Score judged stories: perplexities, diversity, what is copied, accounts of the temperature (D3 to D5)."""
    input:
        samples=expand("results/samples/{sampling}.jsonl", sampling=STORY_SAMPLINGS),
        judgements="results/judgements/stories.jsonl",
        train=f"results/corpora/{STORY_CORPUS}/train.parquet",
        distributions="results/scores/stories/distributions.parquet",
    output:
        scores="results/scores/stories/judged.parquet",
        provenance="results/scores/stories/judged.parquet.provenance.json",
    log:
        "results/logs/score_stories.log",
    benchmark:
        "results/benchmarks/score_stories.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        spec=spec("score_stories"),
        code=code("score_stories"),
        program=program("score_stories"),
    shell:
        "python {params.program:q} --samples {input.samples:q} --judgements {input.judgements:q} --train {input.train:q} "
        "--distributions {input.distributions:q} --output {output.scores:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule score_claims:
    """Score what the write-ups claim: the ledger."""
    input:
        scores=SCORES,
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


rule score_finetuning:
    """Score finetuned models beside their base: losses, held-out text, what is learnt by heart (B1, B5, C3, C4)."""
    input:
        unpack(finetuned_records),
        readings="results/judgements/{writeup}/{role}.jsonl",
    output:
        scores="results/scores/{writeup}/{role}.parquet",
        provenance="results/scores/{writeup}/{role}.parquet.provenance.json",
    log:
        "results/logs/score_finetuning/{writeup}/{role}.log",
    benchmark:
        "results/benchmarks/score_finetuning/{writeup}/{role}.jsonl"
    wildcard_constraints:
        writeup=names(writeup for writeup, _ in FINETUNED),
        role=names(role for _, role in FINETUNED),
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        tokens=lambda wildcards, input: ["--tokens", *input.tokens] if "tokens" in input.keys() else [],
        spec=spec("score_finetuning"),
        code=code("score_finetuning"),
        program=program("score_finetuning"),
    shell:
        "python {params.program:q} --histories {input.histories:q} --losses {input.losses:q} --samples {input.samples:q} --weights {input.weights:q} "
        "--readings {input.readings:q} --train {input.train:q} --validation {input.validation:q} {params.tokens:q} "
        "--output {output.scores:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"
