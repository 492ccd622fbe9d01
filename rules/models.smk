rule train_model:
    """Train a language model; killed, it goes on from its last checkpoint under state/ at the next attempt."""
    input:
        unpack(inputs("train_model")),
    output:
        **trained(samples=True),
    log:
        "results/logs/train_model/{model}.log",
    benchmark:
        "results/benchmarks/train_model/{model}.jsonl"
    wildcard_constraints:
        model=made_by("train_model"),
    conda:
        "../envs/train.yaml"
    threads: ARTEFACTS.threads
    resources:
        gpu=gpu,
        # measured at 760 MiB on a CPU; CUDA's libraries take some GB of host memory besides
        mem_mb=memory(2000, with_card=6000),
        runtime=480,
    params:
        tokenizer=input_folder("tokenizer"),
        directory=output_folder("weights"),
        spec=spec("train_model"),
        code=code("train_model"),
        program=program("train_model"),
    shell:
        recorded(
            "python {params.program:q} --train {input.train:q} --validation {input.validation:q} --tokenizer "
            "{params.tokenizer:q} --output-dir {params.directory:q} --cards {resources.gpu}"
        )


rule finetune_model:
    """Train all weights of a model on; killed, it goes on from its last checkpoint under state/ at the next attempt."""
    input:
        unpack(inputs("finetune_model")),
    output:
        **trained(samples=True),
    log:
        "results/logs/finetune_model/{model}.log",
    benchmark:
        "results/benchmarks/finetune_model/{model}.jsonl"
    wildcard_constraints:
        model=made_by("finetune_model"),
    conda:
        "../envs/train.yaml"
    threads: ARTEFACTS.threads
    resources:
        gpu=gpu,
        # measured at 4.1 GiB of SmolLM2-135M on a CPU, 4 blocks of 128 tokens a batch
        mem_mb=memory(5000, with_card=8000),
        runtime=480,
    params:
        base=input_folder("weights"),
        directory=output_folder("history"),
        spec=spec("finetune_model"),
        code=code("finetune_model"),
        program=program("finetune_model"),
    shell:
        recorded(
            "python {params.program:q} --train {input.train:q} --validation {input.validation:q} --base "
            "{params.base:q} --output-dir {params.directory:q} --cards {resources.gpu}"
        )


rule train_adapter:
    """Train an adapter of a model, LoRA or a prefix, whose own weights stay as they are; killed, it goes on as training does."""
    input:
        unpack(inputs("train_adapter")),
    output:
        **trained(adapter=True, samples=True),
    log:
        "results/logs/train_adapter/{model}.log",
    benchmark:
        "results/benchmarks/train_adapter/{model}.jsonl"
    wildcard_constraints:
        model=made_by("train_adapter"),
    conda:
        "../envs/train.yaml"
    threads: ARTEFACTS.threads
    resources:
        gpu=gpu,
        # measured at 2.2 GiB of the same
        mem_mb=memory(3000, with_card=8000),
        runtime=480,
    params:
        base=input_folder("weights"),
        directory=output_folder("history"),
        spec=spec("train_adapter"),
        code=code("train_adapter"),
        program=program("train_adapter"),
    shell:
        recorded(
            "python {params.program:q} --train {input.train:q} --validation {input.validation:q} --base "
            "{params.base:q} --output-dir {params.directory:q} --cards {resources.gpu}"
        )


rule train_on_pairs:
    """Train a model on pairs of a source and its target, from scratch or on; killed, it goes on as training does."""
    input:
        unpack(inputs("train_on_pairs")),
    output:
        **trained(),
    log:
        "results/logs/train_on_pairs/{model}.log",
    benchmark:
        "results/benchmarks/train_on_pairs/{model}.jsonl"
    wildcard_constraints:
        model=made_by("train_on_pairs"),
    conda:
        "../envs/train.yaml"
    threads: ARTEFACTS.threads
    resources:
        gpu=gpu,
        # measured at 5.5 GiB of SmolLM2-135M with all weights trained on a CPU, 8 docstrings a batch
        mem_mb=memory(7000, with_card=8000),
        runtime=480,
    params:
        start=lambda wildcards, input: (
            ["--base", os.path.dirname(input.weights)]
            if "weights" in input.keys()
            else ["--tokenizer", os.path.dirname(input.tokenizer)]
        ),
        directory=output_folder("history"),
        spec=spec("train_on_pairs"),
        code=code("train_on_pairs"),
        program=program("train_on_pairs"),
    shell:
        recorded(
            "python {params.program:q} --train {input.train:q} --validation {input.validation:q} {params.start:q} "
            "--output-dir {params.directory:q} --cards {resources.gpu}"
        )


rule adapt_to_pairs:
    """Train an adapter of a model on pairs of a source and its target; killed, it goes on as training does."""
    input:
        unpack(inputs("adapt_to_pairs")),
    output:
        **trained(adapter=True),
    log:
        "results/logs/adapt_to_pairs/{model}.log",
    benchmark:
        "results/benchmarks/adapt_to_pairs/{model}.jsonl"
    wildcard_constraints:
        model=made_by("adapt_to_pairs"),
    conda:
        "../envs/train.yaml"
    threads: ARTEFACTS.threads
    resources:
        gpu=gpu,
        mem_mb=memory(3000, with_card=8000),
        runtime=480,
    params:
        base=input_folder("weights"),
        directory=output_folder("history"),
        spec=spec("adapt_to_pairs"),
        code=code("adapt_to_pairs"),
        program=program("adapt_to_pairs"),
    shell:
        recorded(
            "python {params.program:q} --train {input.train:q} --validation {input.validation:q} --base {params.base:q} "
            "--output-dir {params.directory:q} --cards {resources.gpu}"
        )


rule import_model:
    """Turn the published files of a language model or an encoder–decoder into a model directory with safetensors in it."""
    input:
        unpack(inputs("import_model")),
    output:
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        generation="results/models/{model}/generation_config.json",
        tokenizer="results/models/{model}/tokenizer.json",
        tokenizer_config="results/models/{model}/tokenizer_config.json",
        provenance="results/models/{model}/model.safetensors.provenance.json",
    log:
        "results/logs/import_model/{model}.log",
    benchmark:
        "results/benchmarks/import_model/{model}.jsonl"
    wildcard_constraints:
        model=made_by("import_model"),
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=memory(2500),
        runtime=120,
    params:
        directory=output_folder("weights"),
        spec=spec("import_model"),
        code=code("import_model"),
        program=program("import_model"),
    shell:
        recorded("python {params.program:q} --files {input.files:q} --output-dir {params.directory:q}")


rule import_encoder:
    """Turn the published files of an encoder into a model directory, without the head it was trained with."""
    input:
        unpack(inputs("import_encoder")),
    output:
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        tokenizer="results/models/{model}/tokenizer.json",
        tokenizer_config="results/models/{model}/tokenizer_config.json",
        provenance="results/models/{model}/model.safetensors.provenance.json",
    log:
        "results/logs/import_encoder/{model}.log",
    benchmark:
        "results/benchmarks/import_encoder/{model}.jsonl"
    wildcard_constraints:
        model=made_by("import_encoder"),
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=memory(2500),
        runtime=120,
    params:
        directory=output_folder("weights"),
        spec=spec("import_encoder"),
        code=code("import_encoder"),
        program=program("import_encoder"),
    shell:
        recorded("python {params.program:q} --files {input.files:q} --output-dir {params.directory:q}")
