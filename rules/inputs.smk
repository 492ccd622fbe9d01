# Which files a rule reads, where its wildcards alone do not say it.


def corpus_files(wildcards):
    """The files of the asset that a corpus is read from."""
    asset = SETTINGS.corpora[wildcards.corpus].settings.asset
    return asset_files(asset) if asset else []


def asset_files(asset):
    """The files of an asset."""
    return expand("results/assets/{asset}/{file}", asset=asset, file=SETTINGS.assets[asset].files)


def published_tokenizer(wildcards):
    """The files of the asset that a published tokenizer is imported from, weights apart."""
    files = asset_files(SETTINGS.tokenizers[wildcards.tokenizer].settings.asset)
    return [path for path in files if not path.endswith((".safetensors", ".bin"))]


def published_model(wildcards):
    """The files of the asset that a published model is imported from."""
    return asset_files(SETTINGS.models[wildcards.model].settings.asset)


def tokenizer_corpus(wildcards):
    """The splits of the corpus that a tokenizer is made from."""
    corpus = SETTINGS.tokenizers[wildcards.tokenizer].settings.corpus
    return {split: f"results/corpora/{corpus}/{split}.parquet" for split in ("train", "validation")}


def tokens_inputs(wildcards):
    """The splits of a corpus and the tokenizer that turns them into token ids."""
    splits = {split: f"results/corpora/{wildcards.corpus}/{split}.parquet" for split in ("train", "validation")}
    return {**splits, **tokenizer_files(wildcards.tokenizer)}


def tokenizer_files(tokenizer):
    """The files of a tokenizer directory; for the name of a published model alone, those that lie in its own."""
    names = {"tokenizer": "tokenizer.json", "tokenizer_config": "tokenizer_config.json"}
    folder = "tokenizers" if tokenizer in SETTINGS.tokenizers else "models"
    return {key: f"results/{folder}/{tokenizer}/{name}" for key, name in names.items()}


def model_inputs(wildcards):
    """The corpus as token ids, and the tokenizer, that a model is trained with."""
    tokenizer, corpus = provide.tokenizer_of(SETTINGS, wildcards.model), SETTINGS.models[wildcards.model].settings.corpus
    splits = {split: f"results/tokens/{tokenizer}/{corpus}/{split}.arrow" for split in ("train", "validation")}
    return {**splits, **tokenizer_files(tokenizer)}


def finetuning_inputs(wildcards):
    """The corpus as token ids that a model is trained with, and the model that it starts from, whose tokenizer it keeps."""
    splits = {split: path for split, path in model_inputs(wildcards).items() if split in ("train", "validation")}
    return {**splits, **model_files(SETTINGS.models[wildcards.model].settings.base)}


def sampling_inputs(wildcards):
    """The model of a sampling, and the corpus where prompts are taken from one."""
    settings = SETTINGS.samplings[wildcards.sampling].settings
    prompts = settings.prompts
    corpus = {} if isinstance(prompts, list) else {"corpus": f"results/corpora/{prompts.corpus}/{prompts.split}.parquet"}
    return {**model_files(settings.model), **corpus}


def model_files(model):
    """The files that open a model with its tokenizer, for an adapter those of its base too; `weights` is its own."""
    names = {"tokenizer": "tokenizer.json", "tokenizer_config": "tokenizer_config.json"}
    if settings.is_adapter(SETTINGS, model):
        names |= {"weights": "adapter_model.safetensors", "config": "adapter_config.json"}
        base = {f"base_{key}": path for key, path in model_files(SETTINGS.models[model].settings.base).items()}
    else:
        names |= {"weights": "model.safetensors", "config": "config.json", "generation": "generation_config.json"}
        base = {}
    return {**{key: f"results/models/{model}/{name}" for key, name in names.items()}, **base}


def model_weights(models):
    """The file of the weights of each model."""
    return [model_files(model)["weights"] for model in models]


def traced_model(wildcards):
    """A model trained on sentences, and the sentences."""
    corpus = SETTINGS.models[wildcards.model].settings.corpus
    return {**model_files(wildcards.model), "train": f"results/corpora/{corpus}/train.parquet"}


def sampled_texts(wildcards):
    """The texts that a pair of tables shows."""
    return expand("results/samples/{sampling}.jsonl", sampling=TEXT_TABLES[wildcards.writeup, wildcards.role])


def finetuned_inputs(wildcards):
    """The models of a row of finetuned models, their base first, and the splits of their corpus."""
    models = provide.finetuned_models(SETTINGS, wildcards.writeup, wildcards.role)
    models = [provide.finetuned_base(SETTINGS, wildcards.writeup, wildcards.role), *models]
    more = [path for model in models for key, path in model_files(model).items() if key != "weights"]
    corpus = SETTINGS.models[models[-1]].settings.corpus
    splits = {split: f"results/corpora/{corpus}/{split}.parquet" for split in ("train", "validation")}
    return {"weights": model_weights(models), "more": list(dict.fromkeys(more)), **splits}


def finetuned_records(wildcards):
    """What a row of finetuned models is scored from: histories, texts, weights, splits, and for B1 both as token ids."""
    models = provide.finetuned_models(SETTINGS, wildcards.writeup, wildcards.role)
    base, corpus = SETTINGS.models[models[0]].settings.base, SETTINGS.models[models[0]].settings.corpus
    found = {
        "histories": expand("results/models/{model}/history.csv", model=models),
        "losses": expand("results/models/{model}/losses.parquet", model=models),
        "samples": expand("results/models/{model}/samples.jsonl", model=models),
        "weights": model_weights([base, *models]),
        **{split: f"results/corpora/{corpus}/{split}.parquet" for split in ("train", "validation")},
    }
    if wildcards.role == "recital":
        found["samples"] = expand("results/samples/{sampling}.jsonl", sampling=provide.recital_samplings(SETTINGS))
        tokenizer = provide.tokenizer_of(SETTINGS, base)
        found["tokens"] = [f"results/tokens/{tokenizer}/{corpus}/{split}.arrow" for split in ("train", "validation")]
    return found


def dataset_files(wildcards):
    """The files of the asset that a part of a data set is made from: those that its settings name, or all where it names none."""
    given = provide.make_dataset(SETTINGS, wildcards.dataset, wildcards.part)["dataset"]
    tables = given.get("tables") or {part: given[part] for part in datasets.PARTS if part in given}
    own = {table["file"] for table in tables.values()}
    return [path for path in asset_files(given["asset"]) if not own or os.path.basename(path) in own]


def features_inputs(wildcards):
    """The part of a data set and the model that encodes it."""
    model = SETTINGS.encoders[wildcards.encoder].settings.model
    files = {key: path for key, path in model_files(model).items() if key != "generation"}
    return {"part": f"results/datasets/{wildcards.dataset}/{wildcards.part}.parquet", **files}


def probe_splits(wildcards):
    """The splits of the data set that a probe is fitted on."""
    dataset = SETTINGS.probes[wildcards.probe].settings.dataset
    return {split: f"results/datasets/{dataset}/{split}.parquet" for split in datasets.SPLITS}


def probe_parts(wildcards):
    """Documents and queries of the data set of a retriever."""
    dataset = SETTINGS.probes[wildcards.probe].settings.dataset
    return {part: f"results/datasets/{dataset}/{part}.parquet" for part in ("corpus", "queries")}


def probe_features(wildcards, parts=datasets.SPLITS):
    """The features that a probe is fitted on, by all of its encoders."""
    probe = SETTINGS.probes[wildcards.probe].settings
    return [f"results/features/{encoder}/{probe.dataset}/{part}.safetensors" for encoder in probe.encoders for part in parts]


def classifier_inputs(wildcards):
    """The splits of a data set, and the network that is fine-tuned on it; of a random one its configuration alone."""
    settings = SETTINGS.classifiers[wildcards.classifier].settings
    splits = {split: f"results/datasets/{settings.dataset}/{split}.parquet" for split in datasets.SPLITS}
    wanted = ("config", "tokenizer", "tokenizer_config", *(["weights"] if settings.pretrained else []))
    return {**splits, **{key: path for key, path in model_files(settings.model).items() if key in wanted}}


def classifier_probes(file):
    """A file of each of the probes that stand beside a write-up's fine-tuned classifiers."""
    return lambda wildcards: expand("results/probes/{probe}/{file}", probe=CLASSIFIER_ROWS[wildcards.writeup][0], file=file)


def classifier_results(file):
    """A file of each of a write-up's fine-tuned classifiers."""
    return lambda wildcards: expand(
        "results/classifiers/{classifier}/{file}", classifier=provide.shown_classifiers(SETTINGS, wildcards.writeup), file=file
    )


def probe_data(row, part):
    """One part of the data set of each probe that a row shows."""
    shown = getattr(SETTINGS.chapters.char_gpt, row)
    return [f"results/datasets/{SETTINGS.probes[name].settings.dataset}/{part}.parquet" for name in shown]


#: Figures whose job's record stands beside another one.
WITH_ANOTHER = ("results/figures/char_gpt/confusion.svg", "results/figures/char_gpt/learning_curve.svg")

#: The output of each kind of probe that its record stands beside.
PROBE_RECORDS = {"classifier": "predictions.parquet", "ranker": "predictions.parquet", "retriever": "rankings.parquet"}


def records(wildcards):
    """The records of every job behind the report, which say how each table and figure came to be."""
    assets = {asset: SETTINGS.assets[asset].files for asset in SETTINGS.needed["assets"]}
    made = [
        *(f"results/assets/{asset}/{file}" for asset, files in assets.items() for file in files),
        *expand("results/corpora/{corpus}/train.parquet", corpus=SETTINGS.needed["corpora"]),
        *expand("results/tokenizers/{tokenizer}/tokenizer.json", tokenizer=SETTINGS.needed["tokenizers"]),
        *(f"results/tokens/{tokenizer}/{corpus}/train.arrow" for tokenizer, corpus in provide.used_tokens(SETTINGS)),
        *model_weights(SETTINGS.needed["models"]),
        *expand("results/samples/{sampling}.jsonl", sampling=SETTINGS.needed["samplings"]),
        "results/judgements/stories.jsonl",
        *(f"results/judgements/{writeup}/{role}.jsonl" for writeup, role in FINETUNED),
        *expand("results/traces/{model}.jsonl", model=MINGPT),
        *(f"results/datasets/{dataset}/{part}.parquet" for dataset, part in DATASET_PARTS),
        *(f"results/features/{'/'.join(one)}.safetensors" for one in FEATURES),
        *(f"results/probes/{name}/{PROBE_RECORDS[SETTINGS.probes[name].settings.kind]}" for name in SETTINGS.needed["probes"]),
        *expand("results/classifiers/{classifier}/predictions.parquet", classifier=SETTINGS.needed["classifiers"]),
        *expand("results/tables/{writeup}/classifiers.csv", writeup=CLASSIFIER_ROWS),
        *SCORES,
        *(f"results/tables/{writeup}/{role}.csv" for writeup, role in TEXT_TABLES),
        *(f"results/tables/{writeup}/{role}.csv" for writeup, role in FINETUNED),
        "results/tables/char_gpt/loss_curves.csv",
        "results/tables/char_gpt/classification.csv",
        "results/tables/char_gpt/choice.csv",
        "results/tables/char_gpt/retrieval.csv",
        "results/tables/gpt2_lab/layers.csv",
        "results/tables/gpt2_lab/measured_memory.csv",
        "results/tables/stories/tokenizers.csv",
        "results/tables/stories/grid.csv",
        "results/tables/stories/command.csv",
        "results/tables/mingpt/losses.csv",
        "results/tables/overview/corpora.csv",
        "results/tables/overview/datasets.csv",
        "results/tables/overview/assets.csv",
        "results/tables/overview/ledger.csv",
        *(path for path in writeups.targets(WRITEUPS)[1] if path not in WITH_ANOTHER),
    ]
    return [f"{path}.provenance.json" for path in dict.fromkeys(made)]
