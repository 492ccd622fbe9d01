# Looking inside models and tokenizers.


rule tabulate_tokens:
    """Write the table of what a tokenizer makes of variants of one text."""
    input:
        tokenizer=f"results/tokenizers/{SETTINGS.chapters.char_gpt.tokens.tokenizer}/tokenizer.json",
        config=f"results/tokenizers/{SETTINGS.chapters.char_gpt.tokens.tokenizer}/tokenizer_config.json",
    output:
        table=shown("results/tables/char_gpt/tokens.csv"),
        scores="results/scores/char_gpt/tokens.parquet",
        provenance="results/scores/char_gpt/tokens.parquet.provenance.json",
    log:
        "results/logs/tabulate_tokens.log",
    benchmark:
        "results/benchmarks/tabulate_tokens.jsonl"
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        tokenizer=lambda wildcards, input: os.path.dirname(input.tokenizer),
        spec=spec("tabulate_tokens"),
        code=code("tabulate_tokens"),
        program=program("tabulate_tokens"),
    shell:
        "python {params.program:q} --tokenizer {params.tokenizer:q} --output {output.table:q} --scores {output.scores:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule tabulate_generations:
    """Count the parameters of the GPT generations from their configurations."""
    output:
        table=shown("results/tables/generative/generations.csv"),
        scores="results/scores/generative/generations.parquet",
        provenance="results/scores/generative/generations.parquet.provenance.json",
    log:
        "results/logs/tabulate_generations.log",
    benchmark:
        "results/benchmarks/tabulate_generations.jsonl"
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("tabulate_generations"),
        code=code("tabulate_generations"),
        program=program("tabulate_generations"),
    shell:
        "python {params.program:q} --output {output.table:q} --scores {output.scores:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule tabulate_layers:
    """Write the tables of a model's layers and of its configuration."""
    input:
        config=f"results/models/{SETTINGS.chapters.gpt2_lab.model}/config.json",
    output:
        layers=shown("results/tables/gpt2_lab/layers.csv"),
        configuration=shown("results/tables/gpt2_lab/configuration.csv"),
        provenance="results/tables/gpt2_lab/layers.csv.provenance.json",
    log:
        "results/logs/tabulate_layers.log",
    benchmark:
        "results/benchmarks/tabulate_layers.jsonl"
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        model=lambda wildcards, input: os.path.dirname(input.config),
        spec=spec("tabulate_layers"),
        code=code("tabulate_layers"),
        program=program("tabulate_layers"),
    shell:
        "python {params.program:q} --model {params.model:q} --layers {output.layers:q} --configuration {output.configuration:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule estimate_memory:
    """Compute the memory that training each size of GPT-2 takes."""
    output:
        table=shown("results/tables/gpt2_lab/memory.csv"),
        scores="results/scores/gpt2_lab/memory.parquet",
        provenance="results/scores/gpt2_lab/memory.parquet.provenance.json",
    log:
        "results/logs/estimate_memory.log",
    benchmark:
        "results/benchmarks/estimate_memory.jsonl"
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("estimate_memory"),
        code=code("estimate_memory"),
        program=program("estimate_memory"),
    shell:
        "python {params.program:q} --output {output.table:q} --scores {output.scores:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule measure_memory:
    """Measure the memory that training a model takes, in two steps of it."""
    input:
        **model_files(SETTINGS.chapters.gpt2_lab.model),
    output:
        table=shown("results/tables/gpt2_lab/measured_memory.csv"),
        provenance="results/tables/gpt2_lab/measured_memory.csv.provenance.json",
    log:
        "results/logs/measure_memory.log",
    benchmark:
        "results/benchmarks/measure_memory.jsonl"
    conda:
        "../envs/train.yaml"
    threads: SETTINGS.threads
    resources:
        gpu=gpu,
        mem_mb=8000,
        runtime=60,
    params:
        model=lambda wildcards, input: os.path.dirname(input.weights),
        spec=spec("measure_memory"),
        code=code("measure_memory"),
        program=program("measure_memory"),
    shell:
        "python {params.program:q} --model {params.model:q} --output {output.table:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule tabulate_command:
    """Write the table of the sampling command's options beside those of the write-up."""
    output:
        table=shown("results/tables/stories/command.csv"),
        provenance="results/tables/stories/command.csv.provenance.json",
    log:
        "results/logs/tabulate_command.log",
    benchmark:
        "results/benchmarks/tabulate_command.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("tabulate_command"),
        code=code("tabulate_command"),
        program=program("tabulate_command"),
    shell:
        "python {params.program:q} --output {output.table:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule check_facts:
    """Check what the write-up says of its model on a model of that architecture."""
    input:
        **model_files(MINGPT[0]),
        train=f"results/corpora/{SETTINGS.models[MINGPT[0]].settings.corpus}/train.parquet",
    output:
        table=shown("results/tables/mingpt/facts.csv"),
        scores="results/scores/mingpt/facts.parquet",
        provenance="results/scores/mingpt/facts.parquet.provenance.json",
    log:
        "results/logs/check_facts.log",
    benchmark:
        "results/benchmarks/check_facts.jsonl"
    conda:
        "../envs/train.yaml"
    threads: SETTINGS.threads
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        model=lambda wildcards, input: os.path.dirname(input.weights),
        spec=spec("check_facts"),
        code=code("check_facts"),
        program=program("check_facts"),
    shell:
        "python {params.program:q} --model {params.model:q} --train {input.train:q} --output {output.table:q} --scores {output.scores:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule tabulate_adapters:
    """Count the trained parameters by module, of adapters and of full fine-tuning (B5)."""
    input:
        weights=model_weights([ADAPTERS_BASE, *ADAPTERS]),
    output:
        table=shown("results/tables/generative/adapters_parameters.csv"),
        scores="results/scores/generative/adapters_parameters.parquet",
        provenance="results/scores/generative/adapters_parameters.parquet.provenance.json",
    log:
        "results/logs/tabulate_adapters.log",
    benchmark:
        "results/benchmarks/tabulate_adapters.jsonl"
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        spec=spec("tabulate_adapters"),
        code=code("tabulate_adapters"),
        program=program("tabulate_adapters"),
    shell:
        "python {params.program:q} --weights {input.weights:q} --output {output.table:q} --scores {output.scores:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule tabulate_rates:
    """Write the learning rates of the sheet's scheduler beside those that were meant (C3)."""
    output:
        table=shown("results/tables/gpt2_lab/code_rates.csv"),
        scores="results/scores/gpt2_lab/code_rates.parquet",
        provenance="results/scores/gpt2_lab/code_rates.parquet.provenance.json",
    log:
        "results/logs/tabulate_rates.log",
    benchmark:
        "results/benchmarks/tabulate_rates.jsonl"
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("tabulate_rates"),
        code=code("tabulate_rates"),
        program=program("tabulate_rates"),
    shell:
        "python {params.program:q} --output {output.table:q} --scores {output.scores:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"
