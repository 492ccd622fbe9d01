"""The whole configuration: checked as one, cross references included, before a job starts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import Field

from relab.errors import UserError
from relab.settings import references
from relab.settings.assets import Asset
from relab.settings.base import Int, Settings, check, documentation, expand, without_null
from relab.settings.chapters import Chapters
from relab.settings.classifiers import FinetunedClassifier
from relab.settings.corpora import Corpus
from relab.settings.datasets import AnyDataset, tables_of
from relab.settings.encoders import Encoder
from relab.settings.models import Model, Training
from relab.settings.probes import AnyProbe
from relab.settings.samplings import Sampling
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

    @cached_property
    def artefacts(self) -> references.Artefacts:
        """All artefacts by kind and name: their settings, and the keys of their declarations."""
        declared = {
            kind: {name: (member.settings, member.declaration) for name, member in getattr(self, kind).items()}
            for kind in KINDS
        }
        return {"assets": {name: (asset, name) for name, asset in self.assets.items()}, **declared}

    @cached_property
    def needed(self) -> dict[str, list[str]]:
        """What the report needs: the names of artefacts by kind, in declared order."""
        named = references.references(self.chapters, "chapters")
        roots = [one for one in named if one.reference.kind != "classifiers"]  # of whose sweeps a row may show a part
        shown = [name for writeup in classifier_rows(self) for name in shown_classifiers(self, writeup)]
        roots += [references.Named("chapters", references.Reference("classifiers"), name) for name in shown]
        return references.needed(roots, self.artefacts)

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
    """Every artefact that another one or a chapter names must be declared, and be what it must."""
    owners = [(f"{kind}.{name}", member.settings) for kind in KINDS for name, member in getattr(resolved, kind).items()]
    for key, settings in [*owners, ("chapters", resolved.chapters)]:
        for named in references.references(settings, key):
            references.check(named, resolved.artefacts)
    _check_bases(resolved)
    _check_datasets(resolved)
    _check_classifiers(resolved)
    _check_chapters(resolved)


def _check_bases(resolved: Resolved) -> None:
    """Finetuned models start in the end from one that did not start from another, whose tokenizer is told from others."""
    for name, member in resolved.models.items():
        seen = [name]
        while member.settings.kind == "finetuned":
            base = member.settings.base
            if base in seen:
                circle = " → ".join([*seen, base])
                raise UserError(f"models.{name}.base: expected a model to start from, found a circle: {circle}")
            seen.append(base)
            member = resolved.models[base]
        root = seen[-1]
        if len(seen) > 1 and root in resolved.tokenizers and member.settings.kind == "published":
            asset = getattr(resolved.tokenizers[root].settings, "asset", None)
            if asset != member.settings.asset:
                raise UserError(
                    f"tokenizers.{root}: expected another name, or the asset {member.settings.asset}, since models.{root} is "
                    f"what models.{name} starts from and its own tokenizer has that name, too; found the asset {asset}"
                )


def is_adapter(resolved: Resolved, model: str) -> bool:
    """Whether a model is an adapter beside its base."""
    return getattr(resolved.models[model].settings, "is_adapter", False)


def _check_datasets(resolved: Resolved) -> None:
    """Data sets find their files, in tables that make up all splits."""
    for name, member in resolved.datasets.items():
        settings, place = member.settings, f"datasets.{name}"
        names = set(getattr(settings, "tables", {"all"}))
        if names != {"all"} and ("all" in names or not {"train", "test"} <= names):
            raise UserError(f"{place}.tables: expected all alone, or train and test (and validation), found {', '.join(names)}")
        for key, table in tables_of(settings).items():
            _known(resolved.assets[settings.asset].files, f"files of {settings.asset}", table.file, f"{place}.{key}.file")


def _check_classifiers(resolved: Resolved) -> None:
    """Fine-tuned classifiers read no more than their networks can."""
    for name, member in resolved.classifiers.items():
        settings, place = member.settings, f"classifiers.{name}"
        architecture = getattr(resolved.models[settings.model].settings, "architecture", None)
        if architecture is not None and settings.tokens > architecture.block:
            raise UserError(
                f"{place}.tokens: expected at most {architecture.block}, the context of models.{settings.model}, found "
                f"{settings.tokens}"
            )


def classifier_rows(resolved: Resolved) -> dict[str, tuple[list[str], list[str]]]:
    """Of the write-ups that show fine-tuned classifiers: the probes that stand beside them, and their declarations."""
    chapters = resolved.chapters
    return {
        "char_gpt": (list(chapters.char_gpt.classification), list(chapters.char_gpt.finetuned)),
        "mingpt": ([chapters.mingpt.sentiment.floors], list(chapters.mingpt.sentiment.classifiers)),
    }


def shown_classifiers(resolved: Resolved, writeup: str) -> list[str]:
    """The fine-tuned classifiers of a write-up on the data sets of the probes beside them, in the order of its row."""
    probes, declarations = classifier_rows(resolved)[writeup]
    sets = {resolved.probes[probe].settings.dataset for probe in probes}
    members = [one for declaration in declarations for one in resolved.family("classifiers", declaration).items()]
    return [name for name, member in members if member.settings.dataset in sets]


def _check_shown_classifiers(resolved: Resolved) -> None:
    """The rows of fine-tuned classifiers show those on the data sets of the floors that stand beside them, one at least."""
    places = {"char_gpt": "chapters.char_gpt.finetuned", "mingpt": "chapters.mingpt.sentiment.classifiers"}
    for writeup, (probes, declarations) in classifier_rows(resolved).items():
        key = places[writeup]
        sets = [resolved.probes[probe].settings.dataset for probe in probes]
        for declaration in declarations:
            members = resolved.family("classifiers", declaration)
            if any(set(member.varied) - {"dataset", "seed"} for member in members.values()):
                raise UserError(f"{key}: expected classifiers that differ in data set and seed, found {', '.join(members)}")
            if not (found := {member.settings.dataset for member in members.values()}) & set(sets):
                raise UserError(
                    f"{key}: {declaration} is on {' and '.join(sorted(found))}, of which no floors stand in that row; expected "
                    f"a classifier on {' or '.join(sets)} (name its data sets in the classifier's sweep)"
                )


def _check_shown_probes(resolved: Resolved) -> None:
    """The rows of frozen features show probes each of a data set of its own."""
    chapter = resolved.chapters.char_gpt
    for key in ("classification", "choice", "retrieval"):
        datasets = [resolved.probes[name].settings.dataset for name in getattr(chapter, key)]
        if twice := sorted({one for one in datasets if datasets.count(one) > 1}):
            raise UserError(f"chapters.char_gpt.{key}: two probes are fitted on {twice[0]!r}, expected one a data set")


def _check_chapters(resolved: Resolved) -> None:
    _check_char_gpt(resolved)
    _check_shown_probes(resolved)
    _check_shown_classifiers(resolved)
    _check_mingpt(resolved)
    _check_stories(resolved)
    _check_finetuned(resolved)
    _check_story_samplings(resolved)


def _check_char_gpt(resolved: Resolved) -> None:
    chapter, place = resolved.chapters.char_gpt, "chapters.char_gpt"
    family = resolved.family("models", chapter.models)
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
        family = resolved.family("models", getattr(chapter, key))
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
    family = resolved.family("models", chapter.models)
    if any(set(member.varied) - {"seed"} for member in family.values()):
        raise UserError(f"{place}.models: expected models that differ in their seed alone, found {', '.join(family)}")
    model = next(iter(family.values())).settings
    for name in chapter.tokenizers:
        if (corpus := resolved.tokenizers[name].settings.corpus) != model.corpus:
            raise UserError(f"{place}.tokenizers: {name!r} is trained on {corpus!r}, the models of {place} on {model.corpus!r}")
    _known(chapter.tokenizers, f"tokenizers of {place}", model.tokenizer, f"models.{chapter.models}.tokenizer")
    if model.training.reading != "documents":
        raise UserError(f"models.{chapter.models}.training.reading: expected documents, since {place} reads stories")
    if model.training.samples is None:
        raise UserError(f"models.{chapter.models}.training.samples: required, since {place} shows the text sampled on the way")


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
    for chapter, role in ((chapter, role) for chapter, roles in rows.items() for role in roles):
        shown, place = getattr(getattr(chapters, chapter), role), f"chapters.{chapter}.{role}"
        members: dict[str, Member] = {}
        for declaration in shown.models:
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
    sampled = sorted(member.settings.model for member in resolved.family("samplings", recital.texts).values())
    own = [name for declaration in recital.models for name in resolved.family("models", declaration)]
    expected = sorted([resolved.models[own[0]].settings.base, *own])
    if sampled != expected:
        raise UserError(f"{place}: expected a sampling of each of {', '.join(expected)}, found {', '.join(sampled)}")


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
        raise references.unknown(name, known, kind, place)
