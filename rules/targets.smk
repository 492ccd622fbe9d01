# Names for what people ask for; `snakemake --list` is the menu. Each row of the report stands in config/writeups.yaml.


rule char_gpt:
    """Tables and figures of the first write-up: a character-level GPT on two corpora, frozen features (A1 to A9)."""
    input:
        *writeups.targets(WRITEUPS, "char_gpt"),


rule generative:
    """Tables and figures of the second write-up: a text learnt by heart, selecting tokens, adapters, sizes (B1, B2, B5, B7)."""
    input:
        *writeups.targets(WRITEUPS, "generative"),


rule gpt2_lab:
    """Tables and figures of the third write-up: continuations, layers, memory, fine-tuning of a GPT-2 (C1 to C4)."""
    input:
        *writeups.targets(WRITEUPS, "gpt2_lab"),


rule stories:
    """Tables and figures of the fourth write-up: a story generator and its judge (D1 to D6)."""
    input:
        *writeups.targets(WRITEUPS, "stories"),


rule mingpt:
    """Tables and figures of the fifth write-up: a small GPT on a small and a larger corpus, as a classifier (E1 to E7)."""
    input:
        *writeups.targets(WRITEUPS, "mingpt"),


rule ledger:
    """What the write-ups found, scored: results/tables/overview/ledger.csv."""
    input:
        "results/tables/overview/ledger.csv",


rule models:
    """Every language model that the report shows."""
    input:
        model_weights(SETTINGS.needed["models"]),


rule samples:
    """Every sampling that the report shows."""
    input:
        expand("results/samples/{sampling}.jsonl", sampling=SETTINGS.needed["samplings"]),


rule datasets:
    """Every data set that the report shows, in splits."""
    input:
        expand("results/datasets/{part}.parquet", part=[f"{dataset}/{part}" for dataset, part in DATASET_PARTS]),


rule classifiers:
    """Every network fine-tuned as a classifier that the report shows."""
    input:
        expand("results/classifiers/{classifier}/predictions.parquet", classifier=SETTINGS.needed["classifiers"]),


rule features:
    """Every text that the report's probes need, encoded."""
    input:
        expand("results/features/{part}.safetensors", part=["/".join(one) for one in FEATURES]),


rule corpora:
    """Every corpus that the report shows, cleaned and split."""
    input:
        expand("results/corpora/{corpus}/stats.json", corpus=SETTINGS.needed["corpora"]),


rule fetch:
    """What this configuration has to download, and nothing else."""
    input:
        [f"results/assets/{asset}/{file}" for asset in SETTINGS.needed["assets"] for file in SETTINGS.assets[asset].files],
