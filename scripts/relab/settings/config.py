"""The whole configuration: checked as one, cross references included, before a job starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from relab.errors import UserError
from relab.settings.assets import Asset
from relab.settings.base import Int, Settings, check, documentation, expand, without_null
from relab.settings.chapters import Chapters
from relab.settings.classifiers import FinetunedClassifier
from relab.settings.corpora import Corpus
from relab.settings.datasets import AnyDataset, tables_of
from relab.settings.encoders import Encoder
from relab.settings.models import Model, Training
from relab.settings.probes import AnyProbe
from relab.settings.samplings import CorpusPrompts, Sampling
from relab.settings.tokenizers import Tokenizer

#: Kinds of declared artefacts that may be swept, in the order data flows, with their type.
KINDS: dict[str, Any] = {
    "corpora": Corpus,
    "tokenizers": Tokenizer,
    "models": Model,
    "samplings": Sampling,
    "datasets": AnyDataset,
    "encoders": Encoder,
    "probes": AnyProbe,
    "classifiers": FinetunedClassifier,
}

#: The kind of data set that each kind of probe is fitted on.
TASKS = {"classifier": ("classification",), "ranker": ("choice", "next_speech"), "retriever": ("retrieval",)}


class Config(Settings):
    """Everything in ``config/config.yaml`` with its overlays and in ``config/assets.yaml``."""

    scale: str = documentation("Name of the scale, shown at the top of the report.", default="unnamed")
    about: str = documentation("What the scale is, shown at the top of the report.", default="")
    threads: Int = Field(
        1, description="Compute threads of a training or sampling job. The number changes the last bits of the results.", ge=1
    )
    assets: dict[str, Asset] = Field(description="Downloads by name; see config/assets.yaml.")
    corpora: dict[str, Corpus] = Field(description="Corpora by name.")
    tokenizers: dict[str, Tokenizer] = Field(description="Tokenizers by name.")
    models: dict[str, Model] = Field(description="Language models by name.")
    samplings: dict[str, Sampling] = Field(description="Sampled texts by name.")
    datasets: dict[str, AnyDataset] = Field(description="Data sets by name.")
    encoders: dict[str, Encoder] = Field(description="Frozen encoders by name.")
    probes: dict[str, AnyProbe] = Field(description="What is fitted on frozen features, by name.")
    classifiers: dict[str, FinetunedClassifier] = Field(description="Networks fine-tuned as classifiers, by name.")
    chapters: Chapters = Field(description="What the chapters of the report show.")


@dataclass(frozen=True)
class Member:
    """An expanded artefact: its settings, the varied values that name it, the key of its declaration."""

    settings: Any
    varied: dict[str, Any]
    declaration: str


@dataclass(frozen=True)
class Resolved:
    """The checked configuration with all sweeps expanded; the kinds of :data:`KINDS` map names to members."""

    config: dict[str, Any]
    scale: str
    about: str
    threads: int
    assets: dict[str, Asset]
    corpora: dict[str, Member]
    tokenizers: dict[str, Member]
    models: dict[str, Member]
    samplings: dict[str, Member]
    datasets: dict[str, Member]
    encoders: dict[str, Member]
    probes: dict[str, Member]
    classifiers: dict[str, Member]
    chapters: Chapters

    def family(self, kind: str, declaration: str) -> dict[str, Member]:
        """The members of one declaration, in declared order."""
        return {name: member for name, member in getattr(self, kind).items() if member.declaration == declaration}


def resolve(raw: dict[str, Any]) -> Resolved:
    """Check a raw configuration (as merged from its layers) and expand its sweeps.

    Raises:
        UserError: one sentence naming the key, what was found and what was expected.
    """
    raw = without_null(raw)
    unknown = {**raw, **{kind: {} for kind in KINDS}}
    config = check(Config, unknown, "")
    members = {kind: _members(kind, model, raw.get(kind)) for kind, model in KINDS.items()}
    resolved = Resolved(
        config=raw,
        scale=config.scale,
        about=config.about,
        threads=config.threads,
        assets=config.assets,
        chapters=config.chapters,
        **members,
    )
    _check_references(resolved)
    return resolved


def _members(kind: str, model: Any, declarations: Any) -> dict[str, Member]:
    if not isinstance(declarations, dict):
        raise UserError(f"{kind}: expected declarations by name, found {declarations!r}")
    for key, raw in declarations.items():
        if not isinstance(raw, dict):
            raise UserError(f"{kind}.{key}: expected a group of keys, found {raw!r}")
        sweep = raw.get("sweep", {})
        if not isinstance(sweep, dict):
            raise UserError(f"{kind}.{key}.sweep: expected keys with lists of values, found {sweep!r}")
    return {
        name: Member(check(model, plain, f"{kind}.{key}"), varied, key)
        for name, (plain, varied, key) in expand(kind, declarations).items()
    }


def _check_references(resolved: Resolved) -> None:
    """Every artefact that another one names must be declared."""
    for name, member in resolved.corpora.items():
        if member.settings.asset is not None:
            _known(resolved.assets, "assets", member.settings.asset, f"corpora.{name}.asset")
    for kind in ("tokenizers", "models"):
        for name, member in getattr(resolved, kind).items():
            for key in ("asset", "corpus", "tokenizer"):
                if hasattr(member.settings, key):
                    plural = {"asset": "assets", "corpus": "corpora", "tokenizer": "tokenizers"}[key]
                    _known(getattr(resolved, plural), plural, getattr(member.settings, key), f"{kind}.{name}.{key}")
    _check_bases(resolved)
    for name, member in resolved.samplings.items():
        _known(resolved.models, "models", member.settings.model, f"samplings.{name}.model")
        if resolved.models[member.settings.model].settings.kind == "encoder":
            raise UserError(f"samplings.{name}.model: {member.settings.model!r} is an encoder, expected a language model")
        if isinstance(member.settings.prompts, CorpusPrompts):
            _known(resolved.corpora, "corpora", member.settings.prompts.corpus, f"samplings.{name}.prompts.corpus")
    _check_probes(resolved)
    _check_classifiers(resolved)
    _check_chapters(resolved)


def _check_bases(resolved: Resolved) -> None:
    """Finetuned models start from a language model that is there, in the end from one that did not start from another."""
    for name, member in resolved.models.items():
        seen, place = [name], f"models.{name}.base"
        while member.settings.kind == "finetuned":
            base = member.settings.base
            _known(resolved.models, "models", base, f"models.{seen[-1]}.base")
            if base in seen:
                raise UserError(f"{place}: expected a model to start from, found a circle: {' → '.join([*seen, base])}")
            seen.append(base)
            member = resolved.models[base]
            _language_model(resolved, base, place)
            _no_adapter(resolved, base, place)
        root = seen[-1]
        if len(seen) > 1 and root in resolved.tokenizers and member.settings.kind == "published":
            asset = getattr(resolved.tokenizers[root].settings, "asset", None)
            if asset != member.settings.asset:
                raise UserError(
                    f"tokenizers.{root}: expected another name, or the asset {member.settings.asset}, since models.{root} is "
                    f"what models.{name} starts from and its own tokenizer has that name, too; found the asset {asset}"
                )


def _language_model(resolved: Resolved, model: str, place: str) -> None:
    if resolved.models[model].settings.kind == "encoder":
        raise UserError(f"{place}: {model!r} is an encoder, expected a language model")


def _no_adapter(resolved: Resolved, model: str, place: str) -> None:
    if is_adapter(resolved, model):
        raise UserError(f"{place}: {model!r} is an adapter, expected a model with weights of its own")


def is_adapter(resolved: Resolved, model: str) -> bool:
    """Whether a model is an adapter beside its base."""
    return getattr(resolved.models[model].settings, "is_adapter", False)


def _check_probes(resolved: Resolved) -> None:
    """Data sets find their files, encoders their models, probes a data set that they can learn from."""
    for name, member in resolved.datasets.items():
        settings, place = member.settings, f"datasets.{name}"
        _known(resolved.assets, "assets", settings.asset, f"{place}.asset")
        names = set(getattr(settings, "tables", {"all"}))
        if names != {"all"} and ("all" in names or not {"train", "test"} <= names):
            raise UserError(f"{place}.tables: expected all alone, or train and test (and validation), found {', '.join(names)}")
        for key, table in tables_of(settings).items():
            _known(resolved.assets[settings.asset].files, f"files of {settings.asset}", table.file, f"{place}.{key}.file")
    for name, member in resolved.encoders.items():
        _known(resolved.models, "models", member.settings.model, f"encoders.{name}.model")
        _no_adapter(resolved, member.settings.model, f"encoders.{name}.model")
    for name, member in resolved.probes.items():
        settings, place = member.settings, f"probes.{name}"
        _known(resolved.datasets, "datasets", settings.dataset, f"{place}.dataset")
        kind, expected = resolved.datasets[settings.dataset].settings.kind, TASKS[settings.kind]
        if kind not in expected:
            raise UserError(f"{place}.dataset: {settings.dataset!r} is of the kind {kind}, expected {' or '.join(expected)}")
        for encoder in settings.encoders:
            _known(resolved.encoders, "encoders", encoder, f"{place}.encoders")


def _check_classifiers(resolved: Resolved) -> None:
    """Fine-tuned classifiers find a network with weights of its own and a data set of texts with classes."""
    for name, member in resolved.classifiers.items():
        settings, place = member.settings, f"classifiers.{name}"
        _known(resolved.models, "models", settings.model, f"{place}.model")
        _no_adapter(resolved, settings.model, f"{place}.model")
        _known(resolved.datasets, "datasets", settings.dataset, f"{place}.dataset")
        if (kind := resolved.datasets[settings.dataset].settings.kind) != "classification":
            raise UserError(f"{place}.dataset: {settings.dataset!r} is of the kind {kind}, expected classification")
        architecture = getattr(resolved.models[settings.model].settings, "architecture", None)
        if architecture is not None and settings.tokens > architecture.block:
            raise UserError(
                f"{place}.tokens: expected at most {architecture.block}, the context of models.{settings.model}, found "
                f"{settings.tokens}"
            )


def _check_shown_classifiers(resolved: Resolved) -> None:
    """The rows of fine-tuned classifiers show those on the data sets of the floors that stand beside them, one at least."""
    chapters = resolved.chapters
    floors, place = chapters.mingpt.sentiment.floors, "chapters.mingpt.sentiment"
    of_kind = {name for name, member in resolved.probes.items() if member.settings.kind == "classifier"}
    _known(of_kind, "probes of the kind classifier", floors, f"{place}.floors")
    declared = {member.declaration for member in resolved.classifiers.values()}
    shown = (
        ("chapters.char_gpt.finetuned", chapters.char_gpt.finetuned, chapters.char_gpt.classification),
        (f"{place}.classifiers", chapters.mingpt.sentiment.classifiers, [floors]),
    )
    for key, declarations, probes in shown:
        sets = [resolved.probes[probe].settings.dataset for probe in probes]
        for declaration in declarations:
            _known(declared, "classifiers", declaration, key)
            members = resolved.family("classifiers", declaration)
            if any(set(member.varied) - {"dataset", "seed"} for member in members.values()):
                raise UserError(f"{key}: expected classifiers that differ in data set and seed, found {', '.join(members)}")
            if not (found := {member.settings.dataset for member in members.values()}) & set(sets):
                raise UserError(
                    f"{key}: {declaration} is on {' and '.join(sorted(found))}, of which no floors stand in that row; expected "
                    f"a classifier on {' or '.join(sets)} (name its data sets in the classifier's sweep)"
                )


def _check_shown_probes(resolved: Resolved) -> None:
    """The rows of frozen features show probes of their kind, each of a data set of its own."""
    chapter = resolved.chapters.char_gpt
    for key, kind in (("classification", "classifier"), ("choice", "ranker"), ("retrieval", "retriever")):
        names, place = getattr(chapter, key), f"chapters.char_gpt.{key}"
        of_kind = {name for name, member in resolved.probes.items() if member.settings.kind == kind}
        for name in names:
            _known(of_kind, f"probes of the kind {kind}", name, place)
        datasets = [resolved.probes[name].settings.dataset for name in names]
        if twice := sorted({one for one in datasets if datasets.count(one) > 1}):
            raise UserError(f"{place}: two probes are fitted on {twice[0]!r}, expected one a data set")


def _check_chapters(resolved: Resolved) -> None:
    chapters = resolved.chapters
    _check_char_gpt(resolved)
    _check_shown_probes(resolved)
    _check_shown_classifiers(resolved)
    _known(resolved.tokenizers, "tokenizers", chapters.char_gpt.tokens.tokenizer, "chapters.char_gpt.tokens.tokenizer")
    _known(resolved.models, "models", chapters.gpt2_lab.model, "chapters.gpt2_lab.model")
    _no_adapter(resolved, chapters.gpt2_lab.model, "chapters.gpt2_lab.model")
    _check_mingpt(resolved)
    _check_stories(resolved)
    _check_finetuned(resolved)
    shown = [
        ("char_gpt.arguments", chapters.char_gpt.arguments),
        *(("generative.selection", name) for name in chapters.generative.selection),
        ("gpt2_lab.continuations", chapters.gpt2_lab.continuations),
        *(("stories.grid", name) for name in chapters.stories.grid),
        *(("stories.temperature.samplings", name) for name in chapters.stories.temperature.samplings),
        ("stories.command_line", chapters.stories.command_line),
        ("mingpt.larger_texts", chapters.mingpt.larger_texts),
    ]
    for place, name in shown:
        _known(resolved.samplings, "samplings", name, f"chapters.{place}")
    _check_story_samplings(resolved)


def _check_char_gpt(resolved: Resolved) -> None:
    chapter, place = resolved.chapters.char_gpt, "chapters.char_gpt"
    family = _trained_family(resolved, chapter.models, f"{place}.models")
    keys = set().union(*(member.varied for member in family.values())) - {"seed"}
    for key, values in chapter.progression.where.items():
        _known(keys, "varied keys of that sweep (the seeds are always all shown)", key, f"{place}.progression.where")
        varied = {member.varied[key] for member in family.values()}
        if not varied & set(values):
            raise UserError(f"{place}.progression.where.{key}: none of {values} is among its values {sorted(varied)}")
    for name, member in family.items():
        if member.settings.training.samples is None:
            raise UserError(f"models.{name}.training.samples: required, since {place} shows the text sampled on the way")
        for step in chapter.progression.steps:
            _check_step(name, member.settings.training, step, f"{place}.progression.steps")


def _check_mingpt(resolved: Resolved) -> None:
    chapter, place = resolved.chapters.mingpt, "chapters.mingpt"
    for key in ("models", "larger"):
        family = _trained_family(resolved, getattr(chapter, key), f"{place}.{key}")
        if any(set(member.varied) - {"seed"} for member in family.values()):
            raise UserError(f"{place}.{key}: expected models that differ in their seed alone, found {', '.join(family)}")
    for name, member in resolved.family("models", chapter.models).items():
        if resolved.corpora[member.settings.corpus].settings.reader.kind != "grammar":
            raise UserError(
                f"models.{name}.corpus: expected one drawn from a grammar, since {place}.models shows its probabilities"
            )
        if member.settings.training.reading != "documents":
            raise UserError(f"models.{name}.training.reading: expected documents, since {place}.models reads sentences")
        if chapter.every % member.settings.training.evaluation.every:
            raise UserError(
                f"{place}.every: {chapter.every} is no multiple of the {member.settings.training.evaluation.every} steps "
                f"between two evaluations of models.{name}"
            )


def _check_stories(resolved: Resolved) -> None:
    chapter, place = resolved.chapters.stories, "chapters.stories"
    family = _trained_family(resolved, chapter.models, f"{place}.models")
    if any(set(member.varied) - {"seed"} for member in family.values()):
        raise UserError(f"{place}.models: expected models that differ in their seed alone, found {', '.join(family)}")
    model = next(iter(family.values())).settings
    of_kind = {name for name, one in resolved.tokenizers.items() if one.settings.kind == "sentencepiece"}
    for name in chapter.tokenizers:
        _known(of_kind, "tokenizers of the kind sentencepiece", name, f"{place}.tokenizers")
        if (corpus := resolved.tokenizers[name].settings.corpus) != model.corpus:
            raise UserError(f"{place}.tokenizers: {name!r} is trained on {corpus!r}, the models of {place} on {model.corpus!r}")
    _known(chapter.tokenizers, f"tokenizers of {place}", model.tokenizer, f"models.{chapter.models}.tokenizer")
    if model.training.reading != "documents":
        raise UserError(f"models.{chapter.models}.training.reading: expected documents, since {place} reads stories")
    if model.training.samples is None:
        raise UserError(f"models.{chapter.models}.training.samples: required, since {place} shows the text sampled on the way")
    _known(resolved.models, "models", chapter.judge.model, f"{place}.judge.model")
    if resolved.models[chapter.judge.model].settings.kind == "encoder":
        raise UserError(f"{place}.judge.model: {chapter.judge.model!r} is an encoder, expected a language model")


def _check_story_samplings(resolved: Resolved) -> None:
    """What the chapter shows of samplings must be sampled; they are known already."""
    chapter, place = resolved.chapters.stories, "chapters.stories"
    compared = {resolved.samplings[name].settings.model for name in chapter.temperature.samplings}
    if len(compared) > 1 or not compared <= set(resolved.family("models", chapter.models)):
        found = ", ".join(sorted(compared))
        raise UserError(f"{place}.temperature.samplings: expected samplings of one of the models of {place}, found {found}")
    for name in chapter.grid:
        settings = resolved.samplings[name].settings
        fewest = min(settings.number if method.do_sample else 1 for method in settings.methods.values())
        if max(chapter.examples) >= fewest:
            raise UserError(
                f"{place}.examples: expected numbers below {fewest}, of which {name} has texts, found {max(chapter.examples)}"
            )
    for name, methods in chapter.reported.items():
        _known(chapter.grid, f"samplings of {place}.grid", name, f"{place}.reported")
        for method in methods:
            _known(resolved.samplings[name].settings.methods, f"methods of {name}", method, f"{place}.reported.{name}")


def _check_finetuned(resolved: Resolved) -> None:
    """The rows of finetuned models show models of one base and one corpus, and texts before and after."""
    chapters = resolved.chapters
    rows = {"generative": ("recital", "adapters"), "gpt2_lab": ("code", "books")}
    declarations = {member.declaration for member in resolved.models.values() if member.settings.kind == "finetuned"}
    for chapter, role in ((chapter, role) for chapter, roles in rows.items() for role in roles):
        shown, place = getattr(getattr(chapters, chapter), role), f"chapters.{chapter}.{role}"
        members: dict[str, Member] = {}
        for declaration in shown.models:
            _known(declarations, "finetuned models", declaration, f"{place}.models")
            members |= resolved.family("models", declaration)
        if any(set(member.varied) - {"seed"} for member in members.values()):
            raise UserError(f"{place}.models: expected models that differ in their seed alone, found {', '.join(members)}")
        for key in ("base", "corpus"):
            if len(found := sorted({getattr(member.settings, key) for member in members.values()})) > 1:
                raise UserError(f"{place}.models: expected models of one {key}, found {', '.join(found)}")
        for name, member in members.items():
            if chosen := member.settings.training.chosen_by_validation:
                raise UserError(f"models.{name}.training.{chosen}, since {place} scores the validation split")
        if role != "recital" and (lacking := [name for name, one in members.items() if one.settings.training.samples is None]):
            raise UserError(f"models.{lacking[0]}.training.samples: required, since {place} shows texts before and after")
    recital = chapters.generative.recital
    place = "chapters.generative.recital.texts"
    _known({member.declaration for member in resolved.samplings.values()}, "samplings", recital.texts, place)
    sampled = sorted(member.settings.model for member in resolved.family("samplings", recital.texts).values())
    own = [name for declaration in recital.models for name in resolved.family("models", declaration)]
    expected = sorted([resolved.models[own[0]].settings.base, *own])
    if sampled != expected:
        raise UserError(f"{place}: expected a sampling of each of {', '.join(expected)}, found {', '.join(sampled)}")


def _trained_family(resolved: Resolved, declaration: str, place: str) -> dict[str, Member]:
    """The members of a declaration of trained models."""
    trained = {member.declaration for member in resolved.models.values() if member.settings.kind == "trained"}
    _known(trained, "trained models", declaration, place)
    return resolved.family("models", declaration)


def _check_step(name: str, training: Training, step: int, place: str) -> None:
    """A step whose text and loss are shown must be one at which the model is sampled and evaluated."""
    for doing, every in (("sampled", training.samples.every), ("evaluated", training.evaluation.every)):
        if not 0 <= step <= training.steps or (step % every and step != training.steps):
            raise UserError(
                f"{place}: {step} is not a step at which models.{name} is {doing} (every {every} steps from 0, and at "
                f"{training.steps})"
            )


def _known(known: Any, kind: str, name: str, place: str) -> None:
    if name not in known:
        import difflib

        close = difflib.get_close_matches(str(name), [str(one) for one in known], n=1)
        raise UserError(f"{place}: {name!r} is not among the {kind}" + (f"; did you mean {close[0]!r}?" if close else ""))
