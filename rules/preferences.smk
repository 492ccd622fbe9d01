# What learns which of two texts is preferred: reward models, and language models by DPO or by a reward model.


rule train_reward_model:
    """Train a reward model on preferences, and score the test pairs once; killed, it goes on from state/."""
    input:
        unpack(inputs("train_reward_model")),
    output:
        weights="results/reward_models/{reward_model}/model.safetensors",
        config="results/reward_models/{reward_model}/config.json",
        header="results/reward_models/{reward_model}/reward_model.json",
        tokenizer="results/reward_models/{reward_model}/tokenizer.json",
        tokenizer_config="results/reward_models/{reward_model}/tokenizer_config.json",
        history="results/reward_models/{reward_model}/history.csv",
        rewards="results/reward_models/{reward_model}/rewards.parquet",
        provenance="results/reward_models/{reward_model}/model.safetensors.provenance.json",
    log:
        "results/logs/train_reward_model/{reward_model}.log",
    benchmark:
        "results/benchmarks/train_reward_model/{reward_model}.jsonl"
    wildcard_constraints:
        reward_model=made_by("train_reward_model"),
    conda:
        "../envs/train.yaml"
    threads: ARTEFACTS.threads
    resources:
        gpu=gpu,
        # measured at 1,620 MiB for MiniLM and 4,620 for an adapter of SmolLM2, on a CPU, 16 pairs a batch
        mem_mb=memory(5500, with_card=8000),
        runtime=480,
    params:
        model=input_folder("config"),
        directory=output_folder("weights"),
        spec=spec("train_reward_model"),
        code=code("train_reward_model"),
        program=program("train_reward_model"),
    shell:
        recorded(
            "python {params.program:q} --train {input.train:q} --validation {input.validation:q} --test "
            "{input.test:q} --model {params.model:q} --output-dir {params.directory:q} --cards {resources.gpu}"
        )


rule import_reward_model:
    """Turn a published classifier into a reward model: one of its logits is the reward."""
    input:
        unpack(inputs("import_reward_model")),
    output:
        weights="results/reward_models/{reward_model}/model.safetensors",
        config="results/reward_models/{reward_model}/config.json",
        header="results/reward_models/{reward_model}/reward_model.json",
        tokenizer="results/reward_models/{reward_model}/tokenizer.json",
        tokenizer_config="results/reward_models/{reward_model}/tokenizer_config.json",
        provenance="results/reward_models/{reward_model}/model.safetensors.provenance.json",
    log:
        "results/logs/import_reward_model/{reward_model}.log",
    benchmark:
        "results/benchmarks/import_reward_model/{reward_model}.jsonl"
    wildcard_constraints:
        reward_model=made_by("import_reward_model"),
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=memory(2500),
        runtime=120,
    params:
        tokenizer=input_folder("tokenizer"),
        directory=output_folder("weights"),
        spec=spec("import_reward_model"),
        code=code("import_reward_model"),
        program=program("import_reward_model"),
    shell:
        recorded(
            "python {params.program:q} --files {input.files:q} --tokenizer {params.tokenizer:q} "
            "--output-dir {params.directory:q}"
        )


rule train_dpo:
    """Train all weights of a language model on preferences (DPO); killed, it goes on as training does."""
    input:
        unpack(inputs("train_dpo")),
    output:
        **trained(),
    log:
        "results/logs/train_dpo/{model}.log",
    benchmark:
        "results/benchmarks/train_dpo/{model}.jsonl"
    wildcard_constraints:
        model=made_by("train_dpo"),
    conda:
        "../envs/train.yaml"
    threads: ARTEFACTS.threads
    resources:
        gpu=gpu,
        mem_mb=memory(6000, with_card=8000),
        runtime=480,
    params:
        base=input_folder("weights"),
        directory=output_folder("history"),
        spec=spec("train_dpo"),
        code=code("train_dpo"),
        program=program("train_dpo"),
    shell:
        recorded(
            "python {params.program:q} --train {input.train:q} --validation {input.validation:q} --base {params.base:q} "
            "--output-dir {params.directory:q} --cards {resources.gpu}"
        )


rule adapt_by_dpo:
    """Train a LoRA adapter of a language model on preferences (DPO); killed, it goes on as training does."""
    input:
        unpack(inputs("adapt_by_dpo")),
    output:
        **trained(adapter=True),
    log:
        "results/logs/adapt_by_dpo/{model}.log",
    benchmark:
        "results/benchmarks/adapt_by_dpo/{model}.jsonl"
    wildcard_constraints:
        model=made_by("adapt_by_dpo"),
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
        spec=spec("adapt_by_dpo"),
        code=code("adapt_by_dpo"),
        program=program("adapt_by_dpo"),
    shell:
        recorded(
            "python {params.program:q} --train {input.train:q} --validation {input.validation:q} --base {params.base:q} "
            "--output-dir {params.directory:q} --cards {resources.gpu}"
        )


rule train_policy:
    """Train all weights of a language model on the rewards of its own answers; killed, it goes on as training does."""
    input:
        unpack(inputs("train_policy")),
    output:
        **trained(),
    log:
        "results/logs/train_policy/{model}.log",
    benchmark:
        "results/benchmarks/train_policy/{model}.jsonl"
    wildcard_constraints:
        model=made_by("train_policy"),
    conda:
        "../envs/train.yaml"
    threads: ARTEFACTS.threads
    resources:
        gpu=gpu,
        mem_mb=memory(9000, with_card=12000),
        runtime=480,
    params:
        base=input_folder("weights"),
        reward_model=input_folder("reward_weights"),
        directory=output_folder("history"),
        spec=spec("train_policy"),
        code=code("train_policy"),
        program=program("train_policy"),
    shell:
        recorded(
            "python {params.program:q} --train {input.train:q} --validation {input.validation:q} --base {params.base:q} "
            "--reward-model {params.reward_model:q} --output-dir {params.directory:q} --cards {resources.gpu}"
        )


rule adapt_policy:
    """Train a LoRA adapter of a language model on the rewards of its own answers; killed, it goes on as training does."""
    input:
        unpack(inputs("adapt_policy")),
    output:
        **trained(adapter=True),
    log:
        "results/logs/adapt_policy/{model}.log",
    benchmark:
        "results/benchmarks/adapt_policy/{model}.jsonl"
    wildcard_constraints:
        model=made_by("adapt_policy"),
    conda:
        "../envs/train.yaml"
    threads: ARTEFACTS.threads
    resources:
        gpu=gpu,
        mem_mb=memory(4000, with_card=8000),
        runtime=480,
    params:
        base=input_folder("weights"),
        reward_model=input_folder("reward_weights"),
        directory=output_folder("history"),
        spec=spec("adapt_policy"),
        code=code("adapt_policy"),
        program=program("adapt_policy"),
    shell:
        recorded(
            "python {params.program:q} --train {input.train:q} --validation {input.validation:q} --base {params.base:q} "
            "--reward-model {params.reward_model:q} --output-dir {params.directory:q} --cards {resources.gpu}"
        )
