# What learns which of two texts is preferred, beside the language models of models.smk: reward models.


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
        mem_mb=8000 if CARDS else 5500,
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
            "{input.test:q} --model {params.model:q} --output-dir {params.directory:q} --state state --cards {resources.gpu}"
        )
