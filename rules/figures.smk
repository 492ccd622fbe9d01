rule draw_char_gpt:
    """Draw the losses of the character-level GPTs against the step."""
    input:
        "results/tables/char_gpt/loss_curves.csv",
    output:
        figure=shown("results/figures/char_gpt/loss.svg"),
        provenance="results/figures/char_gpt/loss.svg.provenance.json",
    log:
        "results/logs/draw_char_gpt.log",
    benchmark:
        "results/benchmarks/draw_char_gpt.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec="{}",
        code=code("draw_char_gpt"),
        program=program("draw_char_gpt"),
    shell:
        "python {params.program:q} --curves {input:q} --output {output.figure:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule draw_mingpt:
    """Draw the losses of the models on sentences, and of those on the larger corpus."""
    input:
        "results/tables/mingpt/{part}curve.csv",
    output:
        figure="results/figures/mingpt/{part}loss.svg",
        provenance="results/figures/mingpt/{part}loss.svg.provenance.json",
    log:
        "results/logs/draw_mingpt/{part}loss.log",
    benchmark:
        "results/benchmarks/draw_mingpt/{part}loss.jsonl"
    wildcard_constraints:
        part="(larger_)?",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec="{}",
        code=code("draw_mingpt"),
        program=program("draw_mingpt"),
    shell:
        "python {params.program:q} --curves {input:q} --output {output.figure:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule draw_classification:
    """Draw A6: the data sets side by side, confusions, learning curves."""
    input:
        systems="results/tables/char_gpt/classification.csv",
        confusion="results/tables/char_gpt/confusion.csv",
        curves="results/tables/char_gpt/learning_curve.csv",
    output:
        systems=shown("results/figures/char_gpt/classification.svg"),
        confusion=shown("results/figures/char_gpt/confusion.svg"),
        curves=shown("results/figures/char_gpt/learning_curve.svg"),
        provenance="results/figures/char_gpt/classification.svg.provenance.json",
    log:
        "results/logs/draw_classification.log",
    benchmark:
        "results/benchmarks/draw_classification.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        directory=lambda wildcards, output: os.path.dirname(output[0]),
        spec="{}",
        code=code("draw_classification"),
        program=program("draw_classification"),
    shell:
        "python {params.program:q} --systems {input.systems:q} --confusion {input.confusion:q} --curves {input.curves:q} "
        "--output-dir {params.directory:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule draw_classifiers:
    """Draw losses and accuracies of fine-tuned classifiers over the epochs (A7, E5, E6)."""
    input:
        "results/tables/{writeup}/classifier_curves.csv",
    output:
        figure="results/figures/{writeup}/classifiers.svg",
        provenance="results/figures/{writeup}/classifiers.svg.provenance.json",
    log:
        "results/logs/draw_classifiers/{writeup}.log",
    benchmark:
        "results/benchmarks/draw_classifiers/{writeup}.jsonl"
    wildcard_constraints:
        writeup=names(CLASSIFIER_ROWS),
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec="{}",
        code=code("draw_classifiers"),
        program=program("draw_classifiers"),
    shell:
        "python {params.program:q} --curves {input:q} --output {output.figure:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule draw_choice:
    """Draw A8: accuracy of the rankers over the epochs of their training."""
    input:
        "results/tables/char_gpt/choice_curves.csv",
    output:
        figure=shown("results/figures/char_gpt/choice.svg"),
        provenance="results/figures/char_gpt/choice.svg.provenance.json",
    log:
        "results/logs/draw_choice.log",
    benchmark:
        "results/benchmarks/draw_choice.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec="{}",
        code=code("draw_choice"),
        program=program("draw_choice"),
    shell:
        "python {params.program:q} --curves {input:q} --output {output.figure:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule draw_retrieval:
    """Draw A9: recall against the number of documents looked at."""
    input:
        "results/tables/char_gpt/recall.csv",
    output:
        figure=shown("results/figures/char_gpt/retrieval.svg"),
        provenance="results/figures/char_gpt/retrieval.svg.provenance.json",
    log:
        "results/logs/draw_retrieval.log",
    benchmark:
        "results/benchmarks/draw_retrieval.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec="{}",
        code=code("draw_retrieval"),
        program=program("draw_retrieval"),
    shell:
        "python {params.program:q} --recall {input:q} --output {output.figure:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule draw_story_models:
    """Draw the losses of the models of stories, with the drops of the learning rate (D2)."""
    input:
        "results/tables/stories/curve.csv",
    output:
        figure="results/figures/stories/loss.svg",
        provenance="results/figures/stories/loss.svg.provenance.json",
    log:
        "results/logs/draw_story_models.log",
    benchmark:
        "results/benchmarks/draw_story_models.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec="{}",
        code=code("draw_story_models"),
        program=program("draw_story_models"),
    shell:
        "python {params.program:q} --curves {input:q} --output {output.figure:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule draw_finetuning:
    """Draw the losses of finetuned models against the tokens that they read (B1, B5, C3, C4)."""
    input:
        "results/tables/{writeup}/{role}_curve.csv",
    output:
        figure="results/figures/{writeup}/{role}_loss.svg",
        provenance="results/figures/{writeup}/{role}_loss.svg.provenance.json",
    log:
        "results/logs/draw_finetuning/{writeup}/{role}.log",
    benchmark:
        "results/benchmarks/draw_finetuning/{writeup}/{role}.jsonl"
    wildcard_constraints:
        writeup=names(writeup for writeup, _ in FINETUNED),
        role=names(role for _, role in FINETUNED),
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec="{}",
        code=code("draw_finetuning"),
        program=program("draw_finetuning"),
    shell:
        "python {params.program:q} --curves {input:q} --output {output.figure:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule draw_rates:
    """Draw the learning rates of the sheet's scheduler beside those that were meant (C3)."""
    input:
        "results/tables/gpt2_lab/code_rates.csv",
    output:
        figure=shown("results/figures/gpt2_lab/code_rates.svg"),
        provenance="results/figures/gpt2_lab/code_rates.svg.provenance.json",
    log:
        "results/logs/draw_rates.log",
    benchmark:
        "results/benchmarks/draw_rates.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec="{}",
        code=code("draw_rates"),
        program=program("draw_rates"),
    shell:
        "python {params.program:q} --rates {input:q} --output {output.figure:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"
