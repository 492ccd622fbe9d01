"""The rerun map: for each leaf of the settings, the rules whose jobs get other settings when it changes.

It is computed in-process through the provider; ``test_dry_runs.py`` shows with real dry runs that a changed slice and a
wanted rule are the same thing. Rules further down run because their inputs change.
"""

from __future__ import annotations

import pytest

from relab.settings.base import Declaration
from relab.settings.config import Config, Resolved, resolve
from relab.settings.document import models_in
from relab.settings.provide import SLICES, provide

CORPUS, MODEL = "corpora/italian", "models/char_gpt"
REPORT = {"build_report"}
TRAIN = {"train_model", *REPORT}
CLEAN = {"clean_corpus", *REPORT}
CHAPTER = {"score_char_gpt", "tabulate_char_gpt", *REPORT}
ASSET = "assets/tiny_italian"
FETCH = {"fetch_asset", *REPORT}

#: path in the raw configuration (the tests' tiniest) → a new value, the rules whose settings it changes
MAP = {
    "scale": ("other", REPORT),
    "about": ("other", REPORT),
    "threads": (2, TRAIN),
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
    f"{CORPUS}/separator": ("\n", {*CLEAN, "train_tokenizer", "train_model"}),
    f"{CORPUS}/limit": (3, CLEAN),
    "tokenizers/characters/note": ("Why.", REPORT),
    "tokenizers/characters/kind": None,  # one kind so far
    "tokenizers/characters/corpus": None,  # swept
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
    "chapters/char_gpt/models": None,  # one sweep so far
    "chapters/char_gpt/progression/steps": ([4], CHAPTER),
    "chapters/char_gpt/progression/where": ({"width": [8]}, {"tabulate_char_gpt", *REPORT}),
}
JOBS = {"fetch_asset": "assets", "clean_corpus": "corpora", "train_tokenizer": "tokenizers", "train_model": "models"}
WILDCARD = {"assets": "asset", "corpora": "corpus", "tokenizers": "tokenizer", "models": "model"}


def all_slices(resolved: Resolved) -> dict[tuple[str, str], str]:
    slices = {}
    for rule in SLICES:
        if kind := JOBS.get(rule):
            for name in getattr(resolved, kind):
                slices[rule, name] = provide(resolved, rule, {WILDCARD[kind]: name})
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


def leaves(model, path=()):
    for name, field in model.model_fields.items():
        inner = models_in(field.annotation)
        if not inner or name in ("reader", "sources"):  # unions, whose members are covered as a whole
            yield (*path, name)
        for group in inner if name not in ("reader", "sources") else ():
            yield from leaves(group, (*path, name))


def test_the_map_covers_every_leaf_of_the_settings():
    declared = {"assets", "corpora", "tokenizers", "models", "files"}
    covered = set()
    for path in MAP:
        words, kept = path.split("/"), []
        while words:
            kept.append(words.pop(0))
            if kept[-1] in declared and words and kept != ["chapters", "char_gpt", "models"]:
                words.pop(0)  # the name of a declaration
        covered.add(tuple(kept))
    sweep = {
        (kind, "sweep")
        for kind, field in Config.model_fields.items()
        for m in models_in(field.annotation)
        if issubclass(m, Declaration)
    }
    unnamed = {("corpora", "name")}  # as for the other kinds
    assert {leaf for leaf in leaves(Config)} - covered - sweep - unnamed == set()


def test_a_changed_corpus_touches_only_its_own_jobs(merged):
    raw = merged("tests/config/tiny.yaml")
    before = all_slices(resolve(raw))
    raw["corpora"]["italian"]["separator"] = "\n"
    after = all_slices(resolve(raw))
    touched = {name for (rule, name) in before if before[rule, name] != after[rule, name]}
    assert touched == {"", "italian", "italian-characters", *(f"italian-w{w}-s{s}" for w in (4, 8) for s in (0, 1))}
