# Trainings: networks of random weights or trained on, with all of their weights or by an adapter. Killed, each goes on from its
# last checkpoint under state/ at the next attempt.


def trained(*, adapter=False, samples=False):
    """The outputs of the training of a language model: its files or those of its adapter, those of the last step, what was
    measured on the way; with `samples` texts sampled on the way, too."""
    weights = "adapter_model.safetensors" if adapter else "model.safetensors"
    names = {"weights": weights, "config": "adapter_config.json" if adapter else "config.json"}
    if not adapter:
        names["generation"] = "generation_config.json"
    last = {("last" if name == "weights" else f"last_{name}"): f"last/{file}" for name, file in names.items()}
    names |= {"tokenizer": "tokenizer.json", "tokenizer_config": "tokenizer_config.json"} | last
    names |= {"history": "history.csv", "losses": "losses.parquet", "speed": "speed.csv"}
    if samples:
        names["samples"] = "samples.jsonl"
    return {**names, "provenance": f"{weights}{RECORD}"}


# Of a network with a head of one or more scores, which are taken of the test split once.
SCORER = {"weights": "model.safetensors", "config": "config.json", "tokenizer": "tokenizer.json"}
SCORER |= {"tokenizer_config": "tokenizer_config.json", "history": "history.csv"}
REWARDS = {"header": "reward_model.json", "rewards": "rewards.parquet", "provenance": f"model.safetensors{RECORD}"}
PREDICTIONS = {"texts": "texts.csv", "predictions": "predictions.parquet", "provenance": f"predictions.parquet{RECORD}"}
ADAPTER = {"weights": "adapter_model.safetensors", "adapter": "adapter_config.json"}

# What a training does, its outputs, and the MB that it asks for, on a CPU and with a card. Measured on a CPU, in MiB: 760 of
# small models from scratch; SmolLM2-135M, 4 blocks of 128 tokens a batch, 4,100, by an adapter 2,200; on pairs, 8 a batch, 5,500;
# rewards, 16 pairs a batch, 1,620 of MiniLM and 4,620 of an adapter of SmolLM2; classes 1,300 and 2,780. CUDA's libraries take
# some GB of host memory besides.
TRAININGS = {
    "train_model": ("a language model of random weights", trained(samples=True), 2000, 6000),
    "finetune_model": ("all weights of a language model on", trained(samples=True), 5000, 8000),
    "train_adapter": ("an adapter of a language model, LoRA or a prefix", trained(adapter=True, samples=True), 3000, 8000),
    "train_on_pairs": ("a model on pairs of a source and its target, from scratch or on", trained(), 7000, 8000),
    "adapt_to_pairs": ("an adapter of a model on pairs of a source and its target", trained(adapter=True), 3000, 8000),
    "train_dpo": ("all weights of a language model on preferences (DPO)", trained(), 6000, 8000),
    "adapt_by_dpo": ("a LoRA adapter of a language model on preferences (DPO)", trained(adapter=True), 3000, 8000),
    "train_policy": ("all weights of a language model on the rewards of its own answers (PPO)", trained(), 9000, 12000),
    "adapt_policy": (
        "a LoRA adapter of a language model on the rewards of its own answers (PPO)",
        trained(adapter=True),
        4000,
        8000,
    ),
    "train_reward_model": ("a reward model on preferences, and score the test pairs once", SCORER | REWARDS, 5500, 8000),
    "finetune_classifier": ("a network as a classifier, and predict the test split once", SCORER | PREDICTIONS, 3500, 8000),
    "finetune_classifier_by_adapter": (
        "an adapter of a network as a classifier, and predict the test split once",
        SCORER | ADAPTER | PREDICTIONS,
        3500,
        8000,
    ),
}


def training_files(wildcards, input):
    """What a training reads, as options of its program: the splits, the folder that it starts from, that of a reward model."""
    words = [word for split in SPLITS if split in input.keys() for word in (f"--{split}", input[split])]
    for option, key in (("--base", "config"), ("--tokenizer", "tokenizer")):
        if key in input.keys():
            words += [option, os.path.dirname(input[key])]
            break
    return words + (["--reward-model", os.path.dirname(input.reward_weights)] if "reward_weights" in input.keys() else [])


for RULE, (DOES, NAMES, MB, MB_WITH_CARD) in TRAININGS.items():
    KIND, PROGRAM = MAKERS[RULE][1], RULE.removesuffix("_by_adapter")
    MADE = {name: f"results/{KIND.name}/{{{KIND.wildcard}}}/{file}" for name, file in NAMES.items()}

    rule:
        name:
            RULE
        input:
            unpack(inputs(RULE)),
        output:
            **MADE,
        log:
            f"results/logs/{RULE}/{{{KIND.wildcard}}}.log",
        benchmark:
            f"results/benchmarks/{RULE}/{{{KIND.wildcard}}}.jsonl"
        wildcard_constraints:
            **{KIND.wildcard: made_by(RULE)},
        conda:
            "../envs/train.yaml"
        threads: ARTEFACTS.threads
        resources:
            gpu=gpu,
            mem_mb=memory(MB, with_card=MB_WITH_CARD),
            runtime=480,
        params:
            read=training_files,
            directory=output_folder("history"),
            spec=spec(RULE),
            code=code(PROGRAM),
            program=program(PROGRAM),
        shell:
            recorded("python {params.program:q} {params.read:q} --output-dir {params.directory:q} --cards {resources.gpu}")

    describe(RULE, f"Train {DOES}; killed, it goes on from its last checkpoint at the next attempt.")
