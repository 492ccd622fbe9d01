"""The rerun map: for each leaf of the settings, the rules whose jobs get other settings when it changes.

It is computed in-process through the provider; ``test_dry_runs.py`` shows with real dry runs that a changed slice and a
wanted rule are the same thing. Rules further down run because their inputs change.
"""

from __future__ import annotations

import pytest

from relab.settings.base import Declaration
from relab.settings.config import Config, Resolved, resolve
from relab.settings.document import models_in
from relab.settings.provide import (
    SLICES,
    classifier_rows,
    finetuned_rows,
    mingpt_models,
    provide,
    text_tables,
    used_features,
    used_tokens,
)

CORPUS, MODEL = "corpora/italian", "models/char_gpt"
TUNED, LORA, PREFIX = "models/tuned", "models/tuned_lora", "models/tuned_prefix"
REPORT = {"build_report"}
TRAIN = {"train_model", *REPORT}
FINETUNE, ADAPT = {"finetune_model", *REPORT}, {"train_adapter", *REPORT}
CLEAN = {"clean_corpus", *REPORT}
CHAPTER = {"score_char_gpt", "tabulate_char_gpt", *REPORT}
SAMPLING, SELECTION, SENTENCES = "samplings/command_line", "samplings/selection", "corpora/sentences"
SAMPLE = {"sample_texts", *REPORT}
COMMAND = {*SAMPLE, "tabulate_command"}
TEXTS = {"score_texts", "tabulate_texts", *REPORT}
MEMORY = {"estimate_memory", *REPORT}
TRACE = {"trace_words", *REPORT}
GRAMMAR = {*CLEAN, "trace_words", "score_mingpt", "tabulate_mingpt"}
MINGPT = {"score_mingpt", "tabulate_mingpt", *REPORT}
A_SIZE = {"name": "n", "vocabulary": 9, "context": 16, "width": 4, "layers": 1, "heads": 1}
BALANCED, ANSWERS, PASSAGES = "datasets/balanced", "datasets/multiple_choice", "datasets/passages"
MAKE = {"make_dataset", *REPORT}
CLASSIFY = {"fit_classifier", "score_classification", "tabulate_classification", *REPORT}
TURNED = {"finetune_classifier", *REPORT}
SHOWN = {"score_classifiers", "tabulate_classifiers"}
CLASSIFIER = "classifiers/language_model"
CHOOSE = {"fit_ranker", "score_choice", "tabulate_choice", *REPORT}
LEARNING = {"score_story_models", "tabulate_story_models", *REPORT}
STORIES = {"score_stories", "tabulate_stories", *REPORT}
JUDGE = {"judge_texts", *STORIES}
PIECES, STORY = "tokenizers/stories", "models/stories"
READ = {"read_passages", *REPORT}
TUNE = {"read_passages", "score_finetuning", "tabulate_finetuning", *REPORT}
RETRIEVE = {"fit_retriever", "score_retrieval", "tabulate_retrieval", *REPORT}
ENCODE = {"encode_texts", *REPORT}
A_TABLE = (
    *(("file", "choices.jsonl"), ("delimiter", ","), ("header", ["_id", "text"])),
    *(("encoding", "latin-1"), ("sql", "select 1"), ("where", {"text": "a"}), ("first", 5)),
)
ASSET = "assets/tiny_italian"
FETCH = {"fetch_asset", *REPORT}

#: Jobs on frozen features that depend on the number of threads, or record it.
THREADED = {"encode_texts", "fit_classifier", "fit_ranker", "fit_retriever", "score_classification", "tabulate_classification"}
THREADED |= {"score_retrieval", "tabulate_retrieval", "finetune_classifier"}

#: path in the raw configuration (the tests' tiniest) → a new value, the rules whose settings it changes
MAP = {
    "scale": ("other", REPORT),
    "about": ("other", REPORT),
    "threads": (
        2,
        {
            *(*TRAIN, *FINETUNE, *ADAPT, *THREADED, "sample_texts", "trace_words", "measure_memory", "check_facts"),
            *("judge_texts", "trace_temperature", "read_passages"),
        },
    ),
    f"{ASSET}/about": ("other", {"tabulate_assets", *REPORT}),
    f"{ASSET}/purpose": ("other", {"tabulate_assets", *REPORT}),
    f"{ASSET}/licence": ("CC0-1.0", {"tabulate_assets", *REPORT}),
    f"{ASSET}/package_licence": ("MIT", {"tabulate_assets", *REPORT}),
    f"{ASSET}/missing": ("Ask your librarian.", FETCH),
    f"{ASSET}/files": ({"other.txt": {}}, FETCH),
    f"{ASSET}/files/ruth_jonah_philemon.it.txt/size": (5, FETCH),
    f"{ASSET}/files/ruth_jonah_philemon.it.txt/sha256": ("0" * 64, FETCH),
    f"{ASSET}/sources": ([{"kind": "local", "path": "elsewhere.txt"}], FETCH),
    f"{CORPUS}/title": ("other", {"tabulate_char_gpt", "tabulate_corpora", *REPORT}),
    f"{CORPUS}/language": ("la", {"tabulate_corpora", *REPORT}),
    f"{CORPUS}/note": ("Why.", REPORT),
    f"{CORPUS}/asset": ("tiny_english", {*CLEAN, "tabulate_assets"}),
    f"{CORPUS}/reader": ({"kind": "lyrics", "document": "paragraph", "translation": None}, CLEAN),
    f"{CORPUS}/clean/unicode": ("NFKC", CLEAN),
    f"{CORPUS}/clean/mojibake": (True, CLEAN),
    f"{CORPUS}/clean/fold_case": (True, CLEAN),
    f"{CORPUS}/clean/replace": ({"a": "b"}, CLEAN),
    f"{CORPUS}/clean/minimum_count": (17, CLEAN),
    f"{CORPUS}/clean/keep": ("\u200d", CLEAN),
    f"{CORPUS}/duplicates": ("keep", CLEAN),
    f"{CORPUS}/split/by": ("contiguous", CLEAN),
    f"{CORPUS}/split/validation": (0.3, CLEAN),
    f"{CORPUS}/split/seed": (1, CLEAN),
    f"{CORPUS}/separator": ("\n", {*CLEAN, "train_tokenizer", "tokenize_corpus"}),
    f"{CORPUS}/limit": (3, CLEAN),
    "tokenizers/characters/note": ("Why.", REPORT),
    "tokenizers/characters/kind": None,  # makes it another artefact, by another rule
    "tokenizers/english-bytes/corpus": ("italian", {"train_tokenizer", *REPORT}),
    "tokenizers/english-bytes/vocab_size": (310, {"train_tokenizer", *REPORT}),
    f"{PIECES}/vocab_size": (90, {"train_tokenizer", *LEARNING}),
    f"{PIECES}/lower_case": (False, {"train_tokenizer", *LEARNING}),
    f"{PIECES}/character_coverage": (0.9, {"train_tokenizer", *LEARNING}),
    f"{PIECES}/byte_fallback": (True, {"train_tokenizer", *LEARNING}),
    f"{PIECES}/documents": (10, {"train_tokenizer", *REPORT}),
    "tokenizers/gpt2/asset": ("tiny_italian", {"import_tokenizer", *REPORT}),
    "models/smollm2/kind": None,  # makes it another artefact, by another rule
    "models/smollm2/asset": ("tiny_italian", {"import_model", *REPORT}),
    f"{SENTENCES}/reader": ({"kind": "grammar", "start": "s", "symbols": {"s": ["a b", "b a"]}, "number": 9}, GRAMMAR),
    "models/mingpt/training/reading": None,  # the chapter needs documents
    "models/mingpt_larger/training/reading": ("documents", TRAIN),
    f"{SAMPLING}/note": ("Why.", REPORT),
    f"{SAMPLING}/model": ("mingpt-s0", COMMAND),
    f"{SAMPLING}/prompts": (["Once"], COMMAND),
    f"{SELECTION}/prompts/corpus": ("english", SAMPLE),
    f"{SELECTION}/prompts/split": ("train", SAMPLE),
    f"{SELECTION}/prompts/number": (2, SAMPLE),
    f"{SELECTION}/prompts/tokens": (3, SAMPLE),
    f"{SELECTION}/prompts/human": ("people", SAMPLE),
    f"{SAMPLING}/length": (5, COMMAND),
    f"{SAMPLING}/number": (2, COMMAND),
    f"{SAMPLING}/stop": (False, COMMAND),
    f"{SAMPLING}/seed": (3, COMMAND),
    f"{SAMPLING}/methods/sampling/do_sample": (False, COMMAND),
    f"{SAMPLING}/methods/sampling/temperature": (0.6, COMMAND),
    f"{SAMPLING}/methods/sampling/temperature_rule": ("ignore", COMMAND),
    f"{SAMPLING}/methods/sampling/top_k": (5, COMMAND),
    f"{SAMPLING}/methods/sampling/top_p": (0.5, COMMAND),
    f"{SAMPLING}/methods/sampling/min_p": (0.1, COMMAND),
    f"{SAMPLING}/methods/sampling/no_repeat_ngram_size": (2, COMMAND),
    "samplings/arguments/methods/beam search/num_beams": (3, SAMPLE),
    "samplings/arguments/methods/beam search/early_stopping": (True, SAMPLE),
    "samplings/arguments/methods/beam search/length_penalty": (0.5, SAMPLE),
    "tokenizers/characters/name": ("{corpus}-letters", None),  # the models that name it would be wrong: refused
    f"{MODEL}/note": ("Why.", REPORT),
    f"{MODEL}/name": ("{corpus}-{seed}-{width}", {*CHAPTER}),
    f"{MODEL}/corpus": None,  # swept
    f"{MODEL}/seed": None,  # swept
    f"{MODEL}/tokenizer": ("italian-characters", TRAIN),
    f"{MODEL}/architecture/width": None,  # swept
    f"{MODEL}/architecture/layers": (2, TRAIN),
    f"{MODEL}/architecture/heads": (1, TRAIN),
    f"{MODEL}/architecture/block": (8, TRAIN),
    f"{MODEL}/architecture/dropout": (0.1, TRAIN),
    f"{MODEL}/architecture/activation": ("gelu", TRAIN),
    f"{MODEL}/architecture/initializer_range": (0.1, TRAIN),
    f"{MODEL}/architecture/tied": (True, TRAIN),
    f"{MODEL}/training/steps": (8, TRAIN),
    f"{MODEL}/training/batch": (2, TRAIN),
    f"{MODEL}/training/accumulation": (2, TRAIN),
    f"{MODEL}/training/learning_rate": (0.01, TRAIN),
    f"{MODEL}/training/betas": ([0.9, 0.95], TRAIN),
    f"{MODEL}/training/weight_decay": (0.0, TRAIN),
    f"{MODEL}/training/decay_embeddings": (False, TRAIN),
    f"{MODEL}/training/replacement": (False, TRAIN),
    f"{MODEL}/training/clip": (1.0, TRAIN),
    f"{MODEL}/training/schedule/kind": ("cosine", TRAIN),
    f"{MODEL}/training/schedule/warmup": (2, TRAIN),
    f"{MODEL}/training/schedule/minimum": (0.1, TRAIN),
    f"{MODEL}/training/evaluation/every": (1, TRAIN),
    f"{MODEL}/training/evaluation/blocks": (2, TRAIN),
    f"{MODEL}/training/samples/every": (1, TRAIN),
    f"{MODEL}/training/samples/length": (10, TRAIN),
    f"{MODEL}/training/samples/number": (3, TRAIN),
    f"{MODEL}/training/samples/prompt": ("E", TRAIN),
    f"{MODEL}/training/samples/temperature": (0.5, TRAIN),
    f"{MODEL}/training/samples/top_k": (3, TRAIN),
    f"{TUNED}/base": ("mingpt-s0", FINETUNE),
    f"{TUNED}/block": (8, FINETUNE),
    f"{TUNED}/adaptation/kind": None,  # makes it another artefact, by another rule
    f"{TUNED}/training/keep": ("last", FINETUNE),
    f"{TUNED}/training/gradient_checkpointing": (True, FINETUNE),
    f"{TUNED}/training/schedule": ({"kind": "linear", "warmup": 2, "decay_steps": -1}, FINETUNE),
    f"{LORA}/base": ("tuned", ADAPT),
    f"{LORA}/adaptation/rank": (4, ADAPT),
    f"{LORA}/adaptation/alpha": (16, ADAPT),
    f"{LORA}/adaptation/dropout": (0.1, ADAPT),
    f"{LORA}/adaptation/targets": (["c_attn"], ADAPT),
    f"{LORA}/adaptation/bias": ("all", ADAPT),
    f"{LORA}/quantisation": ("4bit", ADAPT),
    f"{PREFIX}/adaptation/tokens": (5, ADAPT),
    f"{STORY}/training/schedule/decay_steps": None,  # of the linear kind alone: with it above
    f"{STORY}/architecture/initialisation": ("normal", {*TRAIN, *LEARNING}),
    f"{STORY}/training/schedule/factor": (0.5, TRAIN),
    f"{STORY}/training/schedule/patience": (3, TRAIN),
    f"{STORY}/training/early_stopping": (9, TRAIN),
    "models/minilm/kind": None,  # makes it another artefact, by another rule
    f"{BALANCED}/title": ("other", {"tabulate_classification", "tabulate_classifiers", "tabulate_datasets", *REPORT}),
    f"{BALANCED}/language": ("la", {"tabulate_datasets", *REPORT}),
    f"{BALANCED}/note": ("Why.", REPORT),
    f"{BALANCED}/kind": None,  # with the data set of another kind, another probe
    f"{BALANCED}/asset": None,  # its files have other names
    f"{BALANCED}/bad_rows": ("drop", MAKE),
    f"{BALANCED}/tables/all/file": ("choices.jsonl", MAKE),
    f"{BALANCED}/tables/all/delimiter": (",", MAKE),
    f"{BALANCED}/tables/all/header": (["text", "language", "length"], MAKE),
    f"{BALANCED}/tables/all/encoding": ("latin-1", MAKE),
    f"{BALANCED}/tables/all/sql": ("select 1", MAKE),
    f"{BALANCED}/tables/all/where": ({"length": "short"}, MAKE),
    f"{BALANCED}/tables/all/first": (50, MAKE),
    f"{BALANCED}/text": ("length", MAKE),
    f"{BALANCED}/label": ("length", MAKE),
    f"{BALANCED}/labels": ({"0": "English", "1": "Latin"}, {*MAKE, *CLASSIFY, *TURNED, *SHOWN}),
    f"{BALANCED}/duplicates/normalise": (False, MAKE),
    f"{BALANCED}/duplicates/similarity": (0.7, MAKE),
    f"{BALANCED}/duplicates/words": (3, MAKE),
    f"{BALANCED}/draw/test": (0.3, MAKE),
    f"{BALANCED}/draw/validation": (0.3, MAKE),
    f"{BALANCED}/draw/seed": (1, MAKE),
    f"{BALANCED}/limit/train": (30, MAKE),
    f"{BALANCED}/limit/validation": (5, MAKE),
    f"{BALANCED}/limit/test": (5, MAKE),
    f"{ANSWERS}/question": (["question", "answer"], MAKE),
    f"{ANSWERS}/choices": (["a", "b"], MAKE),
    f"{ANSWERS}/answer": ("question", MAKE),
    f"{ANSWERS}/names": ("choices", MAKE),
    f"{ANSWERS}/words": None,  # of questions made of plays, which this scale has none of
    f"{PASSAGES}/queries_are_documents": (True, {*MAKE, *RETRIEVE}),
    f"{PASSAGES}/seed": (1, MAKE),
    f"{PASSAGES}/limit/queries": (5, MAKE),
    f"{PASSAGES}/limit/corpus": (40, MAKE),
    **{f"{PASSAGES}/corpus/{key}": (value, MAKE) for key, value in (*A_TABLE, ("id", "text"), ("text", "_id"))},
    **{f"{PASSAGES}/queries/{key}": (value, MAKE) for key, value in (*A_TABLE, ("id", "text"), ("text", "_id"))},
    **{
        f"{PASSAGES}/qrels/{key}": (value, MAKE)
        for key, value in (*A_TABLE, ("query", "score"), ("document", "score"), ("relevance", "query-id"))
    },
    "encoders/minilm/note": ("Why.", REPORT),
    "encoders/minilm/model": ("smollm2", ENCODE),
    "encoders/minilm/tokens": (16, ENCODE),
    "encoders/minilm/batch_tokens": (64, ENCODE),
    "probes/balanced/note": ("Why.", REPORT),
    "probes/balanced/kind": None,  # makes it another artefact, by another rule
    "probes/balanced/dataset": None,  # one data set a probe of the chapter
    "probes/balanced/encoders": (["tiny"], {*CLASSIFY, *SHOWN}),
    "probes/balanced/pooling": (["last"], {*CLASSIFY, *SHOWN}),
    "probes/balanced/regularisation": ([2], CLASSIFY),
    "probes/balanced/perceptron/hidden": (3, CLASSIFY),
    "probes/balanced/perceptron/penalties": ([0.5], CLASSIFY),
    "probes/balanced/perceptron/batch": (5, CLASSIFY),
    "probes/balanced/perceptron/epochs": (5, CLASSIFY),
    "probes/balanced/perceptron/seeds": ([7], CLASSIFY),
    "probes/balanced/curve/sizes": ([10], CLASSIFY),
    "probes/balanced/curve/draws": (1, CLASSIFY),
    "probes/multiple_choice/scorers/linear/hidden": (3, CHOOSE),
    "probes/multiple_choice/scorers/linear/dropout": (0.5, CHOOSE),
    "probes/multiple_choice/margin": (0.3, CHOOSE),
    "probes/multiple_choice/learning_rate": (0.1, CHOOSE),
    "probes/multiple_choice/weight_decay": (0.5, CHOOSE),
    "probes/multiple_choice/batch": (3, CHOOSE),
    "probes/multiple_choice/epochs": (2, CHOOSE),
    "probes/multiple_choice/patience": (3, CHOOSE),
    "probes/multiple_choice/seeds": ([7], CHOOSE),
    "probes/passages/bm25/k1": (2, RETRIEVE),
    "probes/passages/bm25/b": (0.5, RETRIEVE),
    "probes/passages/bm25/stemmer": ("none", RETRIEVE),
    "probes/passages/bm25/stopwords": ("none", RETRIEVE),
    "probes/passages/fusion": (10, RETRIEVE),
    "probes/passages/depth": (120, RETRIEVE),
    "probes/passages/block": (32, RETRIEVE),
    "chapters/char_gpt/classification": (
        ["balanced"],
        {"score_classification", "tabulate_classification", "tabulate_datasets", *SHOWN, *REPORT},
    ),
    f"{CLASSIFIER}/note": ("Why.", REPORT),
    f"{CLASSIFIER}/name": ("{seed}-lm", SHOWN | REPORT),
    f"{CLASSIFIER}/model": ("smollm2", {*TURNED, *SHOWN}),
    f"{CLASSIFIER}/pretrained": (False, {*TURNED, "tabulate_classifiers"}),
    f"{CLASSIFIER}/dataset": ("balanced", None),  # no floors stand beside it: refused
    f"{CLASSIFIER}/adaptation": ({"kind": "lora"}, {*TURNED, "tabulate_classifiers"}),
    "classifiers/published/adaptation/kind": None,  # makes it another artefact
    "classifiers/published/adaptation/rank": (3, {*TURNED, "tabulate_classifiers"}),
    "classifiers/published/adaptation/alpha": (3, {*TURNED, "tabulate_classifiers"}),
    "classifiers/published/adaptation/dropout": (0.3, {*TURNED, "tabulate_classifiers"}),
    "classifiers/published/adaptation/targets": (["c_fc"], {*TURNED, "tabulate_classifiers"}),
    "classifiers/published/adaptation/bias": ("all", {*TURNED, "tabulate_classifiers"}),
    f"{CLASSIFIER}/tokens": (9, TURNED),
    f"{CLASSIFIER}/seed": None,  # swept
    f"{CLASSIFIER}/training/epochs": (3, TURNED),
    f"{CLASSIFIER}/training/batch": (3, TURNED),
    f"{CLASSIFIER}/training/learning_rate": (0.1, TURNED),
    f"{CLASSIFIER}/training/warmup": (0.5, TURNED),
    f"{CLASSIFIER}/training/weight_decay": (0.5, TURNED),
    f"{CLASSIFIER}/training/clip": (3, TURNED),
    f"{CLASSIFIER}/training/evaluations": (2, TURNED),
    f"{CLASSIFIER}/training/early_stopping": (1, TURNED),
    "chapters/char_gpt/finetuned": None,  # one sweep on these data sets so far
    "chapters/mingpt/sentiment/floors": None,  # one probe on this data set
    "chapters/mingpt/sentiment/classifiers": (["published"], SHOWN | REPORT),
    "chapters/char_gpt/choice": None,  # one probe of this kind
    "chapters/char_gpt/retrieval": None,  # one probe of this kind
    "chapters/char_gpt/models": None,  # one sweep so far
    "chapters/char_gpt/tokens/tokenizer": ("english-bytes", {"tabulate_tokens", *REPORT}),
    "chapters/char_gpt/tokens/texts": (["Hello"], {"tabulate_tokens", *REPORT}),
    "chapters/char_gpt/arguments": ("continuations", TEXTS),
    "models/quotes_lora/adaptation/rank": (4, {*ADAPT, "tabulate_finetuning"}),
    "chapters/generative/recital/models": None,  # the samplings are of these
    "chapters/generative/recital/texts": None,  # one sampling of each of the models
    "chapters/generative/recital/opening": (2, READ),
    "chapters/generative/adapters/models": (["quotes_lora"], {*TUNE, "tabulate_adapters"}),
    "chapters/generative/adapters/passages/number": (2, READ),
    "chapters/generative/adapters/passages/characters": (20, READ),
    "chapters/generative/adapters/sizes": ([], {"tabulate_adapters", *REPORT}),
    "chapters/gpt2_lab/code/models": (["books"], {*TUNE, "tabulate_rates", "tabulate_corpora"}),  # one corpus less
    "chapters/gpt2_lab/code/passages/number": (1, READ),
    "chapters/gpt2_lab/code/passages/characters": (15, READ),
    "chapters/gpt2_lab/code/sheet": ({"kind": "cosine"}, {"tabulate_rates", *REPORT}),
    "chapters/gpt2_lab/books/models": (["code"], {*TUNE, "tabulate_corpora"}),
    "chapters/gpt2_lab/books/passages/number": (2, READ),
    "chapters/gpt2_lab/books/passages/characters": (20, READ),
    "chapters/generative/selection": (["selection"], TEXTS),
    "chapters/generative/generations": ([A_SIZE], {"tabulate_generations", *REPORT}),
    "chapters/gpt2_lab/continuations": ("arguments", TEXTS),
    "chapters/gpt2_lab/model": ("mingpt-s0", REPORT),  # and other files are read
    "chapters/gpt2_lab/memory/sizes": ([A_SIZE], MEMORY),
    "chapters/gpt2_lab/memory/batch": (2, {*MEMORY, "tabulate_layers"}),
    "chapters/gpt2_lab/memory/tokens": (8, {*MEMORY, "tabulate_layers", "measure_memory"}),
    "chapters/gpt2_lab/memory/measured_batch": (3, {"measure_memory", *REPORT}),
    "chapters/stories/command_line": ("continuations", {"tabulate_command", *TEXTS}),
    "chapters/stories/tokenizers": (["stories"], LEARNING),
    "chapters/stories/cut": (20, LEARNING),
    "chapters/stories/models": None,  # one sweep on documents of these tokenizers so far
    "chapters/stories/grid": (["stories_grid"], {"tabulate_stories", *JUDGE}),
    "chapters/stories/examples": ([1], {"tabulate_stories", *REPORT}),
    "chapters/stories/judge/model": ("mingpt-s0", STORIES),  # and other files are read
    "chapters/stories/judge/human": (2, {"judge_texts", *REPORT}),
    "chapters/stories/judge/equal_tokens": (3, STORIES),
    "chapters/stories/reported": ({}, {"tabulate_stories", *REPORT}),
    "chapters/stories/temperature/samplings": (["stories_accounts"], None),  # one of the three accounts alone: refused
    "chapters/stories/temperature/settings": (
        [{"temperature": heat, "top_k": 3, "reported": 30} for heat in (0.1, 1)],
        {"trace_temperature", *STORIES},
    ),
    "chapters/stories/temperature/documents": (2, {"trace_temperature", *REPORT}),
    "chapters/stories/temperature/characters": (9, {"trace_temperature", *REPORT}),
    "chapters/mingpt/models": None,  # one sweep on sentences so far
    "chapters/mingpt/every": (4, {"tabulate_mingpt", *REPORT}),
    "chapters/mingpt/words": ([{"prompt": "I", "temperature": 1}], TRACE),
    "chapters/mingpt/alternatives/prompts": (["I"], TRACE),
    "chapters/mingpt/alternatives/number": (3, TRACE),
    "chapters/mingpt/length": (3, TRACE),
    "chapters/mingpt/larger": ("mingpt", MINGPT),
    "chapters/mingpt/larger_texts": ("arguments", TEXTS),
    "chapters/char_gpt/progression/steps": ([4], CHAPTER),
    "chapters/char_gpt/progression/where": ({"width": [8]}, {"tabulate_char_gpt", *REPORT}),
}
#: rules with a wildcard that stands for an artefact: its kind, and the kinds of its declaration that the rule makes
JOBS = {
    "fetch_asset": ("assets", None),
    "clean_corpus": ("corpora", None),
    "train_tokenizer": ("tokenizers", ("character", "byte_pair", "sentencepiece")),
    "import_tokenizer": ("tokenizers", ("published",)),
    "train_model": ("models", ("trained",)),
    "finetune_model": ("models", ("finetuned",)),
    "train_adapter": ("models", ("adapter",)),
    "import_model": ("models", ("published",)),
    "import_encoder": ("models", ("encoder",)),
    "fit_classifier": ("probes", ("classifier",)),
    "fit_ranker": ("probes", ("ranker",)),
    "fit_retriever": ("probes", ("retriever",)),
    "finetune_classifier": ("classifiers", None),
    "sample_texts": ("samplings", None),
}
WILDCARD = {"assets": "asset", "corpora": "corpus", "tokenizers": "tokenizer", "models": "model", "samplings": "sampling"}
WILDCARD |= {"probes": "probe", "classifiers": "classifier"}


def is_adapter(settings) -> bool:
    return getattr(settings, "is_adapter", False)


def all_slices(resolved: Resolved) -> dict[tuple[str, str], str]:
    slices = {}
    for rule in SLICES:
        if rule in JOBS:
            kind, made = JOBS[rule]
            for name, member in getattr(resolved, kind).items():
                if made is None or ("adapter" if is_adapter(member.settings) else member.settings.kind) in made:
                    slices[rule, name] = provide(resolved, rule, {WILDCARD[kind]: name})
        elif rule in ("score_classifiers", "tabulate_classifiers"):
            for writeup in classifier_rows(resolved):
                slices[rule, writeup] = provide(resolved, rule, {"writeup": writeup})
        elif rule in ("score_texts", "tabulate_texts"):
            for writeup, role in text_tables(resolved):
                slices[rule, role] = provide(resolved, rule, {"writeup": writeup, "role": role})
        elif rule in ("read_passages", "score_finetuning", "tabulate_finetuning"):
            for writeup, role in finetuned_rows(resolved):
                slices[rule, role] = provide(resolved, rule, {"writeup": writeup, "role": role})
        elif rule == "make_dataset":
            for name, member in resolved.datasets.items():
                for part in member.settings.parts:
                    slices[rule, f"{name}/{part}"] = provide(resolved, rule, {"dataset": name, "part": part})
        elif rule == "encode_texts":
            for encoder, name, part in used_features(resolved):
                wildcards = {"encoder": encoder, "dataset": name, "part": part}
                slices[rule, "/".join(wildcards.values())] = provide(resolved, rule, wildcards)
        elif rule == "tokenize_corpus":
            for tokenizer, corpus in used_tokens(resolved):
                wildcards = {"tokenizer": tokenizer, "corpus": corpus}
                slices[rule, f"{tokenizer}/{corpus}"] = provide(resolved, rule, wildcards)
        elif rule == "trace_words":
            for name in mingpt_models(resolved):
                slices[rule, name] = provide(resolved, rule, {"model": name})
        else:
            slices[rule, ""] = provide(resolved, rule, {})
    return slices


def changed(raw, path, value):
    before = all_slices(resolve(raw))
    *parents, leaf = path.split("/")
    place = raw
    for parent in parents:
        place = place.setdefault(parent, {})
    place[leaf] = value
    after = all_slices(resolve(raw))
    # a job that is there in one configuration only is another artefact, not a changed one
    return {rule for (rule, name) in before.keys() & after.keys() if before[rule, name] != after[rule, name]}


@pytest.mark.parametrize("path", [path for path, entry in MAP.items() if entry and entry[1]])
def test_a_leaf_changes_the_settings_of_its_users_and_of_no_other_rule(merged, path):
    value, expected = MAP[path]
    assert changed(merged("tests/config/tiny.yaml"), path, value) == expected


#: Unions and lists of groups, which are covered as a whole.
WHOLE = ("reader", "sources", "generations", "sizes", "words", "settings", "sheet")


def leaves(model, path=()):
    for name, field in model.model_fields.items():
        inner = models_in(field.annotation)
        if not inner or name in WHOLE:
            yield (*path, name)
        for group in inner if name not in WHOLE else ():
            yield from leaves(group, (*path, name))


def test_the_map_covers_every_leaf_of_the_settings():
    declared = {"assets", "corpora", "tokenizers", "models", "samplings", "methods", "files"}
    declared |= {"datasets", "encoders", "probes", "tables", "scorers", "classifiers"}
    covered = set()
    for path in MAP:
        words, kept = path.split("/"), []
        while words:
            kept.append(words.pop(0))
            if kept[-1] in declared and words and kept[0] != "chapters":
                words.pop(0)  # the name of a declaration
        covered.add(tuple(kept))
    sweep = {
        (kind, "sweep")
        for kind, field in Config.model_fields.items()
        for m in models_in(field.annotation)
        if issubclass(m, Declaration)
    }
    unnamed = {(kind, "name") for kind in ("corpora", "samplings", "datasets", "encoders", "probes")}  # as for the other kinds
    assert {leaf for leaf in leaves(Config)} - covered - sweep - unnamed == set()


def test_a_changed_corpus_touches_only_its_own_jobs(merged):
    raw = merged("tests/config/tiny.yaml")
    before = all_slices(resolve(raw))
    raw["corpora"]["italian"]["separator"] = "\n"
    after = all_slices(resolve(raw))
    touched = {name for (rule, name) in before if before[rule, name] != after[rule, name]}
    assert touched == {"", "italian", "italian-characters", "italian-characters/italian"}


@pytest.mark.parametrize(("split", "touched"), [("train", {"train"}), ("validation", {"validation"}), ("test", {"test"})])
def test_a_changed_limit_makes_and_encodes_that_split_alone(merged, split, touched):
    raw = merged("tests/config/tiny.yaml")
    before = all_slices(resolve(raw))
    raw["datasets"]["skewed"]["limit"][split] = 7
    after = all_slices(resolve(raw))
    changed = {name for (rule, name) in before if rule == "make_dataset" and before[rule, name] != after[rule, name]}
    assert changed == {f"skewed/{part}" for part in touched}


def test_published_splits_depend_on_later_ones_only(merged):
    """Duplicates are left out on the earlier side, so that the test split never changes with the others."""
    raw = merged("tests/config/tiny.yaml")
    tables = {name: {"file": "rows.csv"} for name in ("train", "validation", "test")}
    raw["datasets"]["skewed"]["tables"] = {"all": None, **tables}
    before = all_slices(resolve(raw))
    for name, expected in (
        ("train", {"train"}),
        ("validation", {"train", "validation"}),
        ("test", {"train", "validation", "test"}),
    ):
        tables[name]["delimiter"] = ","
        after = all_slices(resolve(raw))
        changed = {one for (rule, one) in before if rule == "make_dataset" and before[rule, one] != after[rule, one]}
        assert changed == {f"skewed/{part}" for part in expected}
        tables[name].pop("delimiter")
    raw["datasets"]["skewed"]["duplicates"] = {"similarity": 0.7}
    after = all_slices(resolve(raw))
    changed = {one for (rule, one) in before if rule == "make_dataset" and before[rule, one] != after[rule, one]}
    assert changed == {"skewed/train", "skewed/validation"}  # no row of the test is left out
