"""What a changed setting makes run again, as properties of every setting that the tests' tiniest configuration has.

Jobs are compared in-process by what Snakemake compares: their settings and their files. ``test_dry_runs.py`` shows with real
dry runs that a changed job and a wanted one are the same thing. Jobs further down run because their inputs change.
"""

from __future__ import annotations

import collections
import copy
import dataclasses
import functools
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from support.jobs import all_jobs

from relab.artefacts.kind import Artefacts, Member
from relab.artefacts.registry import MAKERS
from relab.errors import UserError
from relab.settings import references
from relab.settings.base import _is_documentation
from relab.settings.config import Resolved, resolve
from relab.settings.references import Named, Reference

CHECKOUT = Path(__file__).resolve().parents[2]

#: Keys of a declaration that name its members and are gone once it is expanded.
EXPANDED = ("sweep", "name", "note")

Jobs = Mapping[tuple[str, str], str]

#: Settings are changed unchecked, to values that some types do not allow: that they count is all that is asked.
pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")


@functools.cache
def tiny() -> Resolved:
    from snakemake.utils import update_config

    merged: dict = {}
    for name in ("config/assets.yaml", "config/config.yaml", "tests/config/tiny.yaml"):
        update_config(merged, yaml.safe_load((CHECKOUT / name).read_text(encoding="utf-8")))
    return resolve(merged)


@functools.cache
def tiny_jobs() -> Jobs:
    return all_jobs(tiny())


def leaves(settings: BaseModel, path: tuple[Any, ...] = (), read: bool = False) -> Iterator[tuple[tuple[Any, ...], Any, bool]]:
    """The settings in a group by path: the value, and whether it, or the group, is only read by people."""
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if name != "kind" and (path or name not in EXPANDED):  # of another kind it has other settings
            yield from _leaves(value, (*path, name), read or _is_documentation(field))


def _leaves(value: Any, path: tuple[Any, ...], read: bool) -> Iterator[tuple[tuple[Any, ...], Any, bool]]:
    if isinstance(value, BaseModel):
        yield from leaves(value, path, read)
    elif isinstance(value, dict) and any(isinstance(inner, BaseModel) for inner in value.values()):
        name, inner = next(iter(value.items()))
        yield from _leaves(inner, (*path, name), read)
    elif isinstance(value, (list, tuple)) and value and isinstance(value[0], BaseModel):
        yield from _leaves(value[0], (*path, 0), read)
    else:
        yield path, value, read


def another(value: Any, reference: Reference | None) -> Any:
    """A value other than this one; of a reference the name of another artefact, or of another declaration."""
    if reference is not None:
        members = tiny().artefacts.kinds[reference.kind]
        names = dict.fromkeys(member.declaration if reference.family else name for name, member in members.items())
        listed = value if isinstance(value, (list, tuple)) else [value]
        others = [name for name in names if name not in listed]
        return others[:1] if isinstance(value, (list, tuple)) else others[0]
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, dict):
        return {**value, "more": next(iter(value.values()), "x")}
    if isinstance(value, (list, tuple)):
        return [*value, another(value[-1], None)] if value else ["x"]
    return "x"


def referred(settings: BaseModel, path: tuple[Any, ...]) -> Reference | None:
    """What a setting names, where it names artefacts directly."""
    group: Any = settings
    for step in path[:-1]:
        group = getattr(group, step) if isinstance(step, str) and isinstance(group, BaseModel) else group[step]
    field = type(group).model_fields.get(path[-1]) if isinstance(group, BaseModel) else None
    if field is None:
        return None
    for metadata in (field.metadata, *(typing.get_args(inner) for inner in typing.get_args(field.annotation))):
        for one in metadata:
            if isinstance(one, Reference):
                return one
    return None


def changed(settings: BaseModel, path: tuple[Any, ...], value: Any) -> BaseModel:
    """A copy of some settings with another value at a path, unchecked."""
    step, *rest = path
    inner = getattr(settings, step)
    return settings.model_copy(update={step: _changed(inner, rest, value) if rest else value})


def _changed(inner: Any, path: list[Any], value: Any) -> Any:
    if isinstance(inner, BaseModel):
        return changed(inner, tuple(path), value)
    step, *rest = path
    copied = copy.copy(inner) if isinstance(inner, dict) else list(inner)
    copied[step] = _changed(copied[step], rest, value) if rest else value
    return copied


def with_artefact(kind: str, name: str, settings: BaseModel) -> Resolved:
    """The tiniest configuration with other settings of one artefact."""
    artefacts, member = tiny().artefacts, tiny().artefacts.kinds[kind][name]
    members = {**artefacts.kinds[kind], name: Member(settings, member.varied, member.declaration)}
    kinds = {**artefacts.kinds, kind: members}
    return dataclasses.replace(tiny(), artefacts=Artefacts(kinds, artefacts.threads))


def differing(after: Jobs) -> set[tuple[str, str]]:
    """The jobs of both configurations that differ; one that is there in one only is another artefact, not a changed one."""
    return {job for job in tiny_jobs().keys() & after.keys() if tiny_jobs()[job] != after[job]}


@functools.cache
def needed_by(job: tuple[str, str]) -> dict[str, list[str]]:
    """The artefacts that a job's own artefacts are or need, by kind and name."""
    rule, name = job
    rows = {row.job(step): row for row, step in tiny().steps}
    artefacts = tiny().artefacts
    if rule in rows:
        roots = list(rows[rule].settings.references(rows[rule].paths, artefacts))
    elif rule in MAKERS:
        first = MAKERS[rule][1].name
        parts = name.split("/")
        kinds = {"tokenize_corpus": ("tokenizers", "corpora"), "encode_texts": ("encoders", "datasets")}.get(rule, (first,))
        roots = [Named("", Reference(kind), part) for kind, part in zip(kinds, parts, strict=False)]
        if rule == "tokenize_corpus" and parts[0] in artefacts.models:  # its own tokenizer goes by the model's name
            roots.append(Named("", Reference("models"), parts[0]))
    else:
        return tiny().needed
    return references.needed(roots, artefacts.kinds)


def members() -> Iterator[tuple[str, str]]:
    """One artefact of each declaration; of assets that only a larger scale needs, one of each form."""
    for kind, declared in tiny().artefacts.kinds.items():
        seen = set()
        for name, member in declared.items():
            alike = member.declaration
            if kind == "assets" and name not in tiny().needed[kind]:
                alike = tuple((path[0], path[-1]) for path, *_ in leaves(member.settings))
            if alike not in seen:
                seen.add(alike)
                yield kind, name


@functools.cache
def compared() -> dict[tuple[str, str], list[tuple[tuple[Any, ...], Any, bool]]]:
    """The settings to change, by kind and name of the artefact: each of the last artefact that has it."""
    last = {}
    for kind, name in members():
        settings = tiny().artefacts.kinds[kind][name].settings
        for path, value, read in leaves(settings):
            keys = tuple(step for step in path if isinstance(step, str))
            last[kind, type(settings), keys] = (name, (path, value, read))
    chosen = collections.defaultdict(list)
    for (kind, *_), (name, leaf) in last.items():
        chosen[kind, name].append(leaf)
    return chosen


@pytest.mark.parametrize(("kind", "name"), list(compared()))
def test_a_setting_of_an_artefact_reaches_its_job_and_none_but_those_that_need_it(kind, name):
    settings = tiny().artefacts.kinds[kind][name].settings
    for path, value, read in compared()[kind, name]:
        place = ".".join(map(str, (kind, name, *path)))
        try:
            after = all_jobs(with_artefact(kind, name, changed(settings, path, another(value, referred(settings, path)))))
        except (UserError, KeyError, AttributeError, TypeError, ValueError):
            continue  # a value that cannot be is used, since it is refused
        touched = differing(after)
        own = {job for job in touched if job[0] in MAKERS and MAKERS[job[0]][1].name == kind and name in job[1].split("/")}
        assert read or own or kind == "datasets", f"{place} reaches no job of its own"
        assert read or touched, f"{place} reaches no job"
        for job in touched:
            assert name in needed_by(job)[kind], f"{place} reaches {job}, which does not need it"


@pytest.mark.parametrize("key", list(tiny().rows))
def test_a_setting_of_a_row_reaches_one_of_its_jobs_and_no_other(key):
    row = tiny().rows[key]
    before = {job for job in tiny_jobs() if job[0] in {row.job(step) for step in row.settings.steps}}
    for path, value, read in leaves(row.settings):
        if read or path[0] in ("kind", "chapter", "title", "text", "files"):
            continue
        place = ".".join(map(str, (row.paths.key, *path)))
        other = changed(row.settings, path, another(value, referred(row.settings, path)))
        rows = {**tiny().rows, key: dataclasses.replace(row, settings=other)}
        contents = dataclasses.replace(tiny().contents, rows=rows)
        try:
            after = all_jobs(dataclasses.replace(tiny(), contents=contents))
        except (UserError, KeyError, AttributeError, TypeError, ValueError, IndexError):
            continue
        touched = differing(after) | (before ^ {job for job in after if job in before})
        assert touched & before or len(after) != len(tiny_jobs()), f"{place} reaches none of its jobs"
        overview = {("tabulate_overview", ""), ("score_claims", ""), ("build_report", "")}
        assert touched <= before | overview, f"{place} reaches {touched - before - overview}"


def test_a_changed_limit_makes_and_encodes_that_split_alone(merged):
    for split in ("train", "validation", "test"):
        raw = merged("tests/config/tiny.yaml")
        raw["datasets"]["skewed"]["limit"][split] = 7
        touched = differing(all_jobs(resolve(raw)))
        assert {job for job in touched if job[0] == "make_dataset"} == {("make_dataset", f"skewed/{split}")}
        assert not {job for job in touched if job[0] == "encode_texts"}, "it runs because its input changes"


def test_published_splits_depend_on_later_ones_only(merged):
    """Duplicates are left out on the earlier side, so that the test split never changes with the others."""
    raw = merged("tests/config/tiny.yaml")
    tables = {name: {"file": "rows.csv"} for name in ("train", "validation", "test")}
    raw["datasets"]["skewed"]["tables"] = {"all": None, **tables}
    before = all_jobs(resolve(raw))

    def made() -> set[str]:
        after = all_jobs(resolve(raw))
        return {name for (rule, name) in before if rule == "make_dataset" and before[rule, name] != after[rule, name]}

    for name, expected in (
        ("train", {"train"}),
        ("validation", {"train", "validation"}),
        ("test", {"train", "validation", "test"}),
    ):
        tables[name]["delimiter"] = ","
        assert made() == {f"skewed/{part}" for part in expected}
        tables[name].pop("delimiter")
    raw["datasets"]["skewed"]["duplicates"] = {"similarity": 0.7}
    assert made() == {"skewed/train", "skewed/validation"}  # no row of the test is left out


REPORT = "build_report"
#: path in the raw configuration → a new value, and the rules whose jobs it changes
PINNED = {
    "scale": ("other", {REPORT}),
    "models/char_gpt/training/learning_rate": (0.5, {"train_model", "score_claims", REPORT}),  # a condition names it
    "models/char_gpt/note": ("Why.", {REPORT}),
    "corpora/italian/separator": ("\n", {"clean_corpus", "train_tokenizer", "tokenize_corpus", REPORT}),
    "corpora/italian/title": ("Other", {"tabulate_loss_curves", "tabulate_overview", REPORT}),
    "datasets/skewed/title": ("Other", {"tabulate_classification", "tabulate_classifiers", "tabulate_overview", REPORT}),
    "encoders/minilm/tokens": (7, {"encode_texts", REPORT}),
    "encoders/minilm/precision": ("bfloat16", {"encode_texts", REPORT}),
    "samplings/arguments/length": (3, {"sample_texts", REPORT}),
    "samplings/arguments/precision": ("bfloat16", {"sample_texts", REPORT}),
    "rows/E1/every": (4, {"tabulate_losses", REPORT}),
    "rows/D4/judge/human": (2, {"measure_judged", REPORT}),
    "rows/D4/precision": ("bfloat16", {"measure_judged", "trace_judged", REPORT}),
    "rows/A4/texts": (["Hi"], {"tabulate_tokens", REPORT, "score_claims"}),
    "assets/tiny_italian/about": ("Other", {"tabulate_overview", REPORT}),
}


@pytest.mark.parametrize("path", PINNED)
def test_what_a_change_makes_run(merged, path):
    value, expected = PINNED[path]
    raw = merged("tests/config/tiny.yaml")
    *parents, leaf = path.split("/")
    group = raw
    for parent in parents:
        group = group.setdefault(parent, {})
    group[leaf] = value
    assert {rule for rule, _ in differing(all_jobs(resolve(raw)))} == expected
