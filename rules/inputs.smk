# Which files a rule reads, where its wildcards alone do not say it.


def corpus_files(wildcards):
    """The files of the asset that a corpus is read from."""
    asset = SETTINGS.corpora[wildcards.corpus].settings.asset
    return expand("results/assets/{asset}/{file}", asset=asset, file=SETTINGS.assets[asset].files)


def tokenizer_corpus(wildcards):
    """The splits of the corpus that a tokenizer is made from."""
    corpus = SETTINGS.tokenizers[wildcards.tokenizer].settings.corpus
    return {split: f"results/corpora/{corpus}/{split}.parquet" for split in ("train", "validation")}


def model_inputs(wildcards):
    """The corpus and the tokenizer that a model is trained with."""
    model = SETTINGS.models[wildcards.model].settings
    return {
        "train": f"results/corpora/{model.corpus}/train.parquet",
        "validation": f"results/corpora/{model.corpus}/validation.parquet",
        "tokenizer": f"results/tokenizers/{model.tokenizer}/tokenizer.json",
        "tokenizer_config": f"results/tokenizers/{model.tokenizer}/tokenizer_config.json",
    }


def records(wildcards):
    """The records of every job behind the report, which say how each table and figure came to be."""
    chosen = provide.used_models(SETTINGS)
    corpora = provide.used_corpora(SETTINGS)
    tokenizers = dict.fromkeys(SETTINGS.models[model].settings.tokenizer for model in chosen)
    assets = {asset: SETTINGS.assets[asset].files for asset in provide.used_assets(SETTINGS)}
    return [
        *(f"results/assets/{asset}/{file}.provenance.json" for asset, files in assets.items() for file in files),
        *expand("results/corpora/{corpus}/train.parquet.provenance.json", corpus=corpora),
        *expand("results/tokenizers/{tokenizer}/tokenizer.json.provenance.json", tokenizer=tokenizers),
        *expand("results/models/{model}/model.safetensors.provenance.json", model=chosen),
        "results/scores/char_gpt/scores.parquet.provenance.json",
        "results/tables/char_gpt/loss_curves.csv.provenance.json",
        "results/tables/overview/corpora.csv.provenance.json",
        "results/tables/overview/assets.csv.provenance.json",
        "results/tables/overview/ledger.csv.provenance.json",
        "results/figures/char_gpt/loss.svg.provenance.json",
    ]
