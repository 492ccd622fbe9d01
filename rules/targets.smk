# Names for what people ask for; `snakemake --list` is the menu. Each row of the report stands in config/writeups.yaml.


rule char_gpt:
    """Tables and figures of the first write-up: a character-level GPT on two corpora (A1 to A3)."""
    input:
        *writeups.targets(WRITEUPS, "char_gpt"),


rule ledger:
    """What the write-ups found, scored: results/tables/overview/ledger.csv."""
    input:
        "results/tables/overview/ledger.csv",


rule models:
    """Every language model that the report shows."""
    input:
        expand("results/models/{model}/model.safetensors", model=provide.used_models(SETTINGS)),


rule corpora:
    """Every corpus that the report shows, cleaned and split."""
    input:
        expand("results/corpora/{corpus}/stats.json", corpus=provide.used_corpora(SETTINGS)),


rule fetch:
    """What this configuration has to download, and nothing else."""
    input:
        [f"results/assets/{asset}/{file}" for asset in provide.used_assets(SETTINGS) for file in SETTINGS.assets[asset].files],
