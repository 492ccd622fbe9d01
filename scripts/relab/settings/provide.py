"""The one place where a job gets its settings: the slice of the configuration that its rule needs, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from relab.settings.base import canonical, spec
from relab.settings.chapters import Estimate
from relab.settings.config import Resolved, classifier_rows, is_adapter, shown_classifiers
from relab.settings.datasets import SPLITS


def fetch_asset(resolved: Resolved, asset: str, **_: str) -> dict[str, Any]:
    return spec(resolved.assets[asset])


def clean_corpus(resolved: Resolved, corpus: str) -> dict[str, Any]:
    return spec(resolved.corpora[corpus].settings)


def train_tokenizer(resolved: Resolved, tokenizer: str) -> dict[str, Any]:
    settings = resolved.tokenizers[tokenizer].settings
    more = {"separator": resolved.corpora[settings.corpus].settings.separator} if settings.kind == "character" else {}
    return {**spec(settings), **more}


def import_tokenizer(resolved: Resolved, tokenizer: str) -> dict[str, Any]:
    return spec(resolved.tokenizers[tokenizer].settings)


def tokenize_corpus(resolved: Resolved, tokenizer: str, corpus: str) -> dict[str, Any]:
    return {"separator": resolved.corpora[corpus].settings.separator}


def train_model(resolved: Resolved, model: str) -> dict[str, Any]:
    return {**spec(resolved.models[model].settings), "threads": resolved.threads}


def finetune_model(resolved: Resolved, model: str) -> dict[str, Any]:
    return train_model(resolved, model)


def train_adapter(resolved: Resolved, model: str) -> dict[str, Any]:
    return train_model(resolved, model)


def import_model(resolved: Resolved, model: str) -> dict[str, Any]:
    return spec(resolved.models[model].settings)


def sample_texts(resolved: Resolved, sampling: str) -> dict[str, Any]:
    settings = resolved.samplings[sampling].settings
    # the canonical form sorts keys: the order in which tables show the methods is told apart
    return {**spec(settings), "order": list(settings.methods), "threads": resolved.threads}


def import_encoder(resolved: Resolved, model: str) -> dict[str, Any]:
    return spec(resolved.models[model].settings)


def make_dataset(resolved: Resolved, dataset: str, part: str) -> dict[str, Any]:
    """One part of a data set: what only concerns its other parts is left out, so that a change there does not make it anew."""
    settings = resolved.datasets[dataset].settings
    whole = spec(settings)
    if settings.parts == SPLITS:
        whole["limit"] = {name: number for name, number in whole["limit"].items() if name == part}
        if part == "test" and "all" not in whole.get("tables", {}):
            del whole["duplicates"]  # nothing is left out of it
        if "all" not in whole.get("tables", {"all"}):
            if part == "test":
                del whole["draw"]["validation"], whole["tables"]["train"]
                whole["tables"].pop("validation", None)
            del whole["draw"]["test"]
            if "validation" in whole["tables"]:
                whole["draw"].pop("validation", None)
                if part == "validation":
                    del whole["tables"]["train"]
    return {"dataset": whole, "part": part}


def encode_texts(resolved: Resolved, encoder: str, dataset: str, part: str) -> dict[str, Any]:
    return {
        "encoder": spec(resolved.encoders[encoder].settings),
        "columns": text_columns(resolved, dataset, part),
        "threads": resolved.threads,
    }


def text_columns(resolved: Resolved, dataset: str, part: str) -> list[str]:
    """The columns of a part of a data set that hold texts."""
    kind = resolved.datasets[dataset].settings.kind
    return ["text"] if kind in ("classification", "retrieval") else ["question", "choices"]


def fit_classifier(resolved: Resolved, probe: str) -> dict[str, Any]:
    settings = resolved.probes[probe].settings
    labels = resolved.datasets[settings.dataset].settings.labels
    return {**spec(settings), "classes": list(dict.fromkeys(labels.values())), "threads": resolved.threads}


def fit_ranker(resolved: Resolved, probe: str) -> dict[str, Any]:
    return {**spec(resolved.probes[probe].settings), "threads": resolved.threads}


def fit_retriever(resolved: Resolved, probe: str) -> dict[str, Any]:
    settings = resolved.probes[probe].settings
    own = resolved.datasets[settings.dataset].settings.queries_are_documents
    return {**spec(settings), "queries_are_documents": own, "threads": resolved.threads}


def score_classification(resolved: Resolved) -> dict[str, Any]:
    shown = _shown_probes(resolved, "classification")
    return {"probes": {name: fit_classifier(resolved, name) for name in shown}, "order": shown}


def tabulate_classification(resolved: Resolved) -> dict[str, Any]:
    return {**score_classification(resolved), "titles": _dataset_titles(resolved, "classification")}


def score_choice(resolved: Resolved) -> dict[str, Any]:
    shown = _shown_probes(resolved, "choice")
    return {"probes": {name: spec(resolved.probes[name].settings) for name in shown}, "order": shown}


def tabulate_choice(resolved: Resolved) -> dict[str, Any]:
    return {**score_choice(resolved), "titles": _dataset_titles(resolved, "choice")}


def score_retrieval(resolved: Resolved) -> dict[str, Any]:
    shown = _shown_probes(resolved, "retrieval")
    return {"probes": {name: fit_retriever(resolved, name) for name in shown}, "order": shown}


def tabulate_retrieval(resolved: Resolved) -> dict[str, Any]:
    return {**score_retrieval(resolved), "titles": _dataset_titles(resolved, "retrieval")}


def finetune_classifier(resolved: Resolved, classifier: str) -> dict[str, Any]:
    settings = resolved.classifiers[classifier].settings
    labels = resolved.datasets[settings.dataset].settings.labels
    return {**spec(settings), "classes": list(dict.fromkeys(labels.values())), "threads": resolved.threads}


def score_classifiers(resolved: Resolved, writeup: str) -> dict[str, Any]:
    probes, _ = classifier_rows(resolved)[writeup]
    floors = {}
    for name in probes:
        probe = resolved.probes[name].settings
        labels = resolved.datasets[probe.dataset].settings.labels
        floors[name] = {
            "dataset": probe.dataset, "classes": list(dict.fromkeys(labels.values())), "features": probe.features
        }  # fmt: skip
    shown = {}
    for name in shown_classifiers(resolved, writeup):
        member = resolved.classifiers[name]
        model = resolved.models[member.settings.model].declaration
        told = {"declaration": member.declaration, "dataset": member.settings.dataset, "seed": member.settings.seed}
        shown[name] = {**told, "model": model}
    return {"floors": floors, "order": probes, "classifiers": shown, "shown": list(shown)}


def tabulate_classifiers(resolved: Resolved, writeup: str) -> dict[str, Any]:
    told = score_classifiers(resolved, writeup)
    titles = {one["dataset"]: resolved.datasets[one["dataset"]].settings.title for one in told["floors"].values()}
    for name, one in told["classifiers"].items():
        settings = resolved.classifiers[name].settings
        one |= {"pretrained": settings.pretrained, "adaptation": spec(settings.adaptation)}
    return {**told, "titles": titles}


def _shown_probes(resolved: Resolved, row: str) -> list[str]:
    return list(getattr(resolved.chapters.char_gpt, row))


def _dataset_titles(resolved: Resolved, row: str) -> dict[str, str]:
    names = [resolved.probes[name].settings.dataset for name in _shown_probes(resolved, row)]
    return {name: resolved.datasets[name].settings.title for name in names}


def tabulate_datasets(resolved: Resolved) -> dict[str, Any]:
    told = {name: resolved.datasets[name].settings for name in resolved.needed["datasets"]}
    return {"datasets": {name: {"title": one.title, "language": one.language, "kind": one.kind} for name, one in told.items()}}


def score_char_gpt(resolved: Resolved) -> dict[str, Any]:
    chapter = resolved.chapters.char_gpt
    family = resolved.family("models", chapter.models)
    return {
        "models": {
            name: {"corpus": member.settings.corpus, "seed": member.settings.seed, "varied": member.varied}
            for name, member in family.items()
        },
        "steps": chapter.progression.steps,
    }


def tabulate_char_gpt(resolved: Resolved) -> dict[str, Any]:
    where = resolved.chapters.char_gpt.progression.where
    return {**score_char_gpt(resolved), "where": where, "corpora": _titles(resolved)}


def tabulate_tokens(resolved: Resolved) -> dict[str, Any]:
    return spec(resolved.chapters.char_gpt.tokens)


def score_texts(resolved: Resolved, writeup: str, role: str) -> dict[str, Any]:
    return {"samplings": text_tables(resolved)[writeup, role]}


def tabulate_texts(resolved: Resolved, writeup: str, role: str) -> dict[str, Any]:
    return score_texts(resolved, writeup, role)


def tabulate_command(resolved: Resolved) -> dict[str, Any]:
    return {"sampling": spec(resolved.samplings[resolved.chapters.stories.command_line].settings)}


def judge_texts(resolved: Resolved) -> dict[str, Any]:
    judge = resolved.chapters.stories.judge
    return {"samplings": story_samplings(resolved), "human": judge.human, "threads": resolved.threads}


def trace_temperature(resolved: Resolved) -> dict[str, Any]:
    temperature = resolved.chapters.stories.temperature
    settings = [{"temperature": one.temperature, "top_k": one.top_k} for one in temperature.settings]
    told = {"documents": temperature.documents, "characters": temperature.characters}
    return {**told, "settings": settings, "threads": resolved.threads}


def score_stories(resolved: Resolved) -> dict[str, Any]:
    chapter = resolved.chapters.stories
    compared = {"samplings": chapter.temperature.samplings, "settings": [spec(one) for one in chapter.temperature.settings]}
    told = {"human": True, "judge": chapter.judge.model, "equal_tokens": chapter.judge.equal_tokens}
    return {"samplings": story_samplings(resolved), **told, "temperature": compared}


def tabulate_stories(resolved: Resolved) -> dict[str, Any]:
    chapter = resolved.chapters.stories
    models = {name: resolved.samplings[name].settings.model for name in story_samplings(resolved)}
    titles = {name: models[name] for name in chapter.grid}
    told = {"grid": chapter.grid, "models": models, "reported": chapter.reported, "examples": chapter.examples}
    return {**score_stories(resolved), **told, "titles": {**titles, "human": "people"}}


def score_story_models(resolved: Resolved) -> dict[str, Any]:
    chapter = resolved.chapters.stories
    models = {name: resolved.models[name].settings for name in story_models(resolved)}
    first = next(iter(models.values()))
    shown = ("lower_case", "character_coverage", "byte_fallback")
    return {
        "corpus": first.corpus,
        "tokenizers": [
            {"name": name, "vocabulary": one.vocab_size, **one.model_dump(mode="json", include=set(shown))}
            for name, one in ((name, resolved.tokenizers[name].settings) for name in chapter.tokenizers)
        ],
        "limit": chapter.cut,
        "models": {name: one.seed for name, one in models.items()},
        "reads": first.tokenizer,
        "architecture": spec(first.architecture),
    }


def tabulate_story_models(resolved: Resolved) -> dict[str, Any]:
    return score_story_models(resolved)


def tabulate_layers(resolved: Resolved) -> dict[str, Any]:
    memory = resolved.chapters.gpt2_lab.memory
    return {"batch": memory.batch, "tokens": memory.tokens}


def tabulate_generations(resolved: Resolved) -> dict[str, Any]:
    return {"generations": [spec(one) for one in resolved.chapters.generative.generations]}


def estimate_memory(resolved: Resolved) -> dict[str, Any]:
    return spec(Estimate(**resolved.chapters.gpt2_lab.memory.model_dump(exclude={"measured_batch"})))


def measure_memory(resolved: Resolved) -> dict[str, Any]:
    memory = resolved.chapters.gpt2_lab.memory
    return {"batch": memory.measured_batch, "tokens": memory.tokens, "threads": resolved.threads}


def trace_words(resolved: Resolved, model: str) -> dict[str, Any]:
    chapter, settings = resolved.chapters.mingpt, resolved.models[model].settings
    return {
        "words": [spec(one) for one in chapter.words],
        "alternatives": spec(chapter.alternatives),
        "length": chapter.length,
        "reader": spec(resolved.corpora[settings.corpus].settings.reader),
        "seed": settings.seed,
        "threads": resolved.threads,
    }


def score_mingpt(resolved: Resolved) -> dict[str, Any]:
    settings = resolved.models[mingpt_models(resolved)[0]].settings
    held_out = {"evaluated": settings.training.evaluation.blocks, "block": settings.architecture.block}
    return {**_mingpt(resolved), **held_out}


def _mingpt(resolved: Resolved) -> dict[str, Any]:
    """The models of the chapter, and the grammar of the sentences."""
    chapter = resolved.chapters.mingpt
    return {
        "models": _seeds(resolved, chapter.models),
        "larger": _seeds(resolved, chapter.larger),
        "reader": _grammar(resolved),
    }


def tabulate_mingpt(resolved: Resolved) -> dict[str, Any]:
    return {**_mingpt(resolved), "every": resolved.chapters.mingpt.every}


def check_facts(resolved: Resolved) -> dict[str, Any]:
    settings = resolved.models[mingpt_models(resolved)[0]].settings
    return {"architecture": spec(settings.architecture), "seed": settings.seed, "threads": resolved.threads}


def read_passages(resolved: Resolved, writeup: str, role: str) -> dict[str, Any]:
    shown = finetuned_rows(resolved)[writeup, role]
    asked = {"opening": shown.opening} if role == "recital" else {"passages": spec(shown.passages)}
    return {"models": [finetuned_base(resolved, writeup, role), *finetuned_models(resolved, writeup, role)], **asked,
            "threads": resolved.threads}  # fmt: skip


def score_finetuning(resolved: Resolved, writeup: str, role: str) -> dict[str, Any]:
    models = {name: resolved.models[name] for name in finetuned_models(resolved, writeup, role)}
    told = {name: {"experiment": one.declaration, "seed": one.settings.seed} for name, one in models.items()}
    base = finetuned_base(resolved, writeup, role)
    samplings = {}
    if role == "recital":
        members = resolved.family("samplings", resolved.chapters.generative.recital.texts)
        samplings = {"samplings": {member.settings.model: name for name, member in members.items()}}
    return {"role": role, "base": base, "models": told, "order": list(told), **samplings}


def tabulate_finetuning(resolved: Resolved, writeup: str, role: str) -> dict[str, Any]:
    told = score_finetuning(resolved, writeup, role)
    return {**told, "adaptations": {name: spec(resolved.models[name].settings.adaptation) for name in told["models"]}}


def tabulate_adapters(resolved: Resolved) -> dict[str, Any]:
    told = score_finetuning(resolved, "generative", "adapters")
    sizes = [spec(one) for one in resolved.chapters.generative.adapters.sizes]
    return {"base": told["base"], "models": told["models"], "order": told["order"], "sizes": sizes}


def tabulate_rates(resolved: Resolved) -> dict[str, Any]:
    first = resolved.models[finetuned_models(resolved, "gpt2_lab", "code")[0]].settings
    return {"training": spec(first.training), "sheet": spec(resolved.chapters.gpt2_lab.code.sheet)}


def _seeds(resolved: Resolved, declaration: str) -> dict[str, int]:
    return {name: member.settings.seed for name, member in resolved.family("models", declaration).items()}


def _grammar(resolved: Resolved) -> dict[str, Any]:
    corpus = resolved.models[mingpt_models(resolved)[0]].settings.corpus
    return spec(resolved.corpora[corpus].settings.reader)


def tabulate_corpora(resolved: Resolved) -> dict[str, Any]:
    told = {name: resolved.corpora[name].settings for name in resolved.needed["corpora"]}
    return {"corpora": {name: {"title": one.title, "language": one.language} for name, one in told.items()}}


def tabulate_assets(resolved: Resolved) -> dict[str, Any]:
    return {
        "assets": {
            name: resolved.assets[name].model_dump(
                mode="json", include={"about", "purpose", "licence", "package_licence"}, exclude_defaults=True
            )
            for name in resolved.needed["assets"]
        }
    }


def build_report(resolved: Resolved) -> dict[str, Any]:
    """The report records the whole configuration as it was written, but only the downloads that this run uses."""
    config = {**resolved.config, "assets": {name: resolved.config["assets"][name] for name in resolved.needed["assets"]}}
    return {"scale": resolved.scale, "about": resolved.about, "config": _one_notation(config)}


def _one_notation(value: Any) -> Any:
    """One notation for a number that YAML lets people write in several: ``1e-3`` (a text to YAML), ``32.0``."""
    if isinstance(value, dict):
        return {key: _one_notation(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_one_notation(inner) for inner in value]
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):
        value = float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _titles(resolved: Resolved) -> list[dict[str, str]]:
    return [{"name": corpus, "title": resolved.corpora[corpus].settings.title} for corpus in char_gpt_corpora(resolved)]


def char_gpt_models(resolved: Resolved) -> list[str]:
    """The character-level GPTs, in declared order."""
    return list(resolved.family("models", resolved.chapters.char_gpt.models))


def char_gpt_corpora(resolved: Resolved) -> list[str]:
    """The corpora of the character-level GPTs, in declared order."""
    used = {resolved.models[name].settings.corpus for name in char_gpt_models(resolved)}
    return [name for name in resolved.corpora if name in used]


def mingpt_models(resolved: Resolved) -> list[str]:
    """The models trained on sentences of a grammar, in declared order."""
    return list(resolved.family("models", resolved.chapters.mingpt.models))


def larger_models(resolved: Resolved) -> list[str]:
    """The same model on a larger corpus, in declared order."""
    return list(resolved.family("models", resolved.chapters.mingpt.larger))


def story_models(resolved: Resolved) -> list[str]:
    """The models trained on stories, in declared order."""
    return list(resolved.family("models", resolved.chapters.stories.models))


def story_samplings(resolved: Resolved) -> list[str]:
    """The samplings that are judged: those of the grid, and those of other accounts of the temperature."""
    chapter = resolved.chapters.stories
    return list(dict.fromkeys([*chapter.grid, *chapter.temperature.samplings]))


def story_sampled(resolved: Resolved) -> str:
    """The model that the accounts of the temperature are compared on."""
    return resolved.samplings[resolved.chapters.stories.temperature.samplings[0]].settings.model


def finetuned_rows(resolved: Resolved) -> dict[tuple[str, str], Any]:
    """The rows of finetuned models, by write-up and role."""
    generative, lab = resolved.chapters.generative, resolved.chapters.gpt2_lab
    return {
        ("generative", "recital"): generative.recital,
        ("generative", "adapters"): generative.adapters,
        ("gpt2_lab", "code"): lab.code,
        ("gpt2_lab", "books"): lab.books,
    }


def finetuned_models(resolved: Resolved, writeup: str, role: str) -> list[str]:
    """The models of a row of finetuned models, in declared order."""
    shown = finetuned_rows(resolved)[writeup, role]
    return [name for declaration in shown.models for name in resolved.family("models", declaration)]


def finetuned_base(resolved: Resolved, writeup: str, role: str) -> str:
    """The model that those of a row start from."""
    return resolved.models[finetuned_models(resolved, writeup, role)[0]].settings.base


def recital_samplings(resolved: Resolved) -> list[str]:
    """The samplings of the models that learn a text by heart, and of their base."""
    return list(resolved.family("samplings", resolved.chapters.generative.recital.texts))


def text_tables(resolved: Resolved) -> dict[tuple[str, str], list[str]]:
    """The samplings behind each pair of tables of texts, by write-up and role."""
    chapters = resolved.chapters
    return {
        ("char_gpt", "arguments"): [chapters.char_gpt.arguments],
        ("generative", "selection"): list(chapters.generative.selection),
        ("gpt2_lab", "continuations"): [chapters.gpt2_lab.continuations],
        ("stories", "command_line"): [chapters.stories.command_line],
        ("mingpt", "larger_texts"): [chapters.mingpt.larger_texts],
    }


def used_features(resolved: Resolved) -> list[tuple[str, str, str]]:
    """Encoder, data set and part of the features of those probes."""
    probes = [resolved.probes[name].settings for name in resolved.needed["probes"]]
    found = [
        (encoder, probe.dataset, part)
        for probe in probes
        for encoder in probe.encoders
        for part in resolved.datasets[probe.dataset].settings.parts
        if part != "qrels"
    ]
    return list(dict.fromkeys(found))


def bases(resolved: Resolved, model: str) -> list[str]:
    """The models that a finetuned one starts from, the nearest first; none for others."""
    found: list[str] = []
    while (settings := resolved.models[model].settings).kind == "finetuned":
        model = settings.base
        found.append(model)
    return found


def finetuned(resolved: Resolved, adapters: bool) -> list[str]:
    """The models that are finetuned as a whole, or the adapters among them, in declared order."""
    of_kind = [name for name, member in resolved.models.items() if member.settings.kind == "finetuned"]
    return [name for name in of_kind if is_adapter(resolved, name) == adapters]


def tokenizer_of(resolved: Resolved, model: str) -> str:
    """What a language model reads with, as paths name it: the tokenizer that a trained model declares, or for a published one
    the model itself, whose directory holds it. A finetuned model reads as the one that it starts from in the end.
    """
    root = [model, *bases(resolved, model)][-1]
    return getattr(resolved.models[root].settings, "tokenizer", root)


def used_tokens(resolved: Resolved) -> list[tuple[str, str]]:
    """Tokenizer and corpus of those models that are trained here, in the models' order, and of the tokenizers of stories."""
    models = {name: resolved.models[name].settings for name in resolved.needed["models"]}
    pairs = [(tokenizer_of(resolved, name), one.corpus) for name, one in models.items() if one.kind in ("trained", "finetuned")]
    corpus = resolved.models[story_models(resolved)[0]].settings.corpus
    return list(dict.fromkeys([*pairs, *((name, corpus) for name in resolved.chapters.stories.tokenizers)]))


SLICES: dict[str, Callable[..., dict[str, Any]]] = {
    function.__name__: function
    for function in (
        fetch_asset,
        clean_corpus,
        train_tokenizer,
        import_tokenizer,
        tokenize_corpus,
        train_model,
        finetune_model,
        train_adapter,
        import_model,
        import_encoder,
        sample_texts,
        make_dataset,
        encode_texts,
        fit_classifier,
        fit_ranker,
        fit_retriever,
        score_classification,
        tabulate_classification,
        finetune_classifier,
        score_classifiers,
        tabulate_classifiers,
        score_choice,
        tabulate_choice,
        score_retrieval,
        tabulate_retrieval,
        tabulate_datasets,
        score_char_gpt,
        tabulate_char_gpt,
        score_texts,
        tabulate_texts,
        judge_texts,
        trace_temperature,
        score_stories,
        tabulate_stories,
        score_story_models,
        tabulate_story_models,
        tabulate_tokens,
        tabulate_generations,
        tabulate_layers,
        tabulate_command,
        estimate_memory,
        measure_memory,
        trace_words,
        score_mingpt,
        tabulate_mingpt,
        check_facts,
        read_passages,
        score_finetuning,
        tabulate_finetuning,
        tabulate_adapters,
        tabulate_rates,
        tabulate_corpora,
        tabulate_assets,
        build_report,
    )
}


def provide(resolved: Resolved, rule: str, wildcards: Mapping[str, str]) -> str:
    """The settings of one job in canonical form."""
    return canonical(SLICES[rule](resolved, **wildcards))
