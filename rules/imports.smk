# Published networks and tokenizers, turned into directories that Transformers opens, with safetensors in them.

IMPORTED = {"weights": "model.safetensors", "config": "config.json"}
IMPORTED |= {"tokenizer": "tokenizer.json", "tokenizer_config": "tokenizer_config.json"}
IMPORTED["provenance"] = f"model.safetensors{RECORD}"
TOKENIZER = {"tokenizer": "tokenizer.json", "config": "tokenizer_config.json", "provenance": f"tokenizer.json{RECORD}"}

# What is imported, and the outputs.
IMPORTS = {
    "import_tokenizer": ("a tokenizer", TOKENIZER),
    "import_model": ("a language model or an encoder–decoder", {**IMPORTED, "generation": "generation_config.json"}),
    "import_encoder": ("an encoder, without the head it was trained with", IMPORTED),
    "import_reward_model": (
        "a classifier as a reward model: one of its logits is the reward",
        {**IMPORTED, "header": "reward_model.json"},
    ),
}


def published_files(wildcards, input):
    """What an import reads, as options of its program: the published files, and the folder of a tokenizer apart from them."""
    files = [input.files] if isinstance(input.files, str) else input.files
    return ["--files", *files] + (["--tokenizer", os.path.dirname(input.tokenizer)] if "tokenizer" in input.keys() else [])


for RULE, (WHAT, NAMES) in IMPORTS.items():
    KIND = MAKERS[RULE][1]
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
        resources:
            mem_mb=memory(2500),
            runtime=120,
        params:
            read=published_files,
            directory=output_folder("tokenizer"),
            spec=spec(RULE),
            code=code(RULE),
            program=program(RULE),
        shell:
            recorded("python {params.program:q} {params.read:q} --output-dir {params.directory:q}")

    describe(RULE, f"Import {WHAT}, from the published files.")
