"""Settings of the ledger: what the write-ups claim, which scores decide it, and where it can be decided at all.

``config/writeups/{write-up}.claims.yaml`` maps keys to declarations. A declaration with ``cases`` stands for several claims:
the values of a case fill the braces in its other texts, and its ``name`` gives each claim its own id. Figures that a write-up
reports stand in its own file: a table of them may be the cases, and ``{ROW.TABLE.ID.VALUE}`` in a text is one of them.
Importing this module stays cheap: Snakemake reads the claims on every start.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from relab.errors import UserError
from relab.settings.base import Float, Int, Name, Scalar, Settings, Template, check
from relab.settings.layers import read_yaml
from relab.settings.references import unknown
from relab.settings.writeups import FIGURE, Writeups, claim_files, fill_figures


class Predicate(Settings):
    """A condition on one setting: a claim is comparable where all of its conditions hold. Read before any score."""

    setting: str = Field(
        description="Dotted path of the setting, such as corpora.italian.asset. Below a declaration with a sweep it stands for "
        "the values of all members; a list stands for its values."
    )
    one_of: list[Scalar] | None = Field(None, description="Every value is one of these: the write-up's own.", min_length=1)
    exactly: list[Scalar] | None = Field(
        None, description="The values are these, all of them: the write-up's own.", min_length=1
    )
    includes: list[Scalar] | None = Field(None, description="These are among the values.", min_length=1)
    at_least: Float | None = Field(None, description="Every value is at least this.")
    several: Int | None = Field(None, description="There are at least so many different values.", ge=2)

    @model_validator(mode="after")
    def _one_condition(self):
        if sum(value is not None for value in (self.one_of, self.exactly, self.includes, self.at_least, self.several)) != 1:
            raise ValueError("expected exactly one of one_of, exactly, includes, at_least, several")
        return self


class Measure(Settings):
    """One score, the mean over seeds: its experiment, metric and split, and the step where it is measured on the way."""

    experiment: str = Field(
        description="Experiment, or how its name begins: `italian/width 32` stands for `italian/width 32, block 64` too."
    )
    metric: str = Field(description="Metric.")
    step: Literal["first", "last"] | Int | None = Field(None, description="Step, or the first or last one of those scored.")
    split: str = Field("validation", description="Split, as the scores name it.")


class Near(Settings):
    """One of the measures is as good as the value that the write-up reports: the whole interval lies within the tolerance."""

    kind: Literal["near"]
    value: Float = Field(description="The reported value.")
    tolerance: Float = Field(description="How far from it both ends of the interval may lie.", gt=0)
    measures: list[Measure] = Field(
        description="What it may be: any of them. Each further one is a further chance to come out near by accident, at most "
        "2.5 % where it lies on the edge of the tolerance.",
        min_length=1,
    )


class Less(Settings):
    """One measure lies below another by more than a margin: the whole interval of their difference does."""

    kind: Literal["less"]
    lower: Measure = Field(description="The one that must be lower.")
    higher: Measure = Field(description="The one that must be higher.")
    margin: Float = Field(0.0, description="What the interval of the difference must exceed.", ge=0)


class Between(Settings):
    """A measure lies above a floor and below a ceiling, each by more than a margin: both differences' whole intervals do."""

    kind: Literal["between"]
    floor: Measure = Field(description="What it must lie above.")
    measure: Measure = Field(description="The measure.")
    ceiling: Measure = Field(description="What it must lie below.")
    margin: Float = Field(0.0, description="What the intervals of both differences must exceed.", ge=0)


class Falls(Settings):
    """A measure falls from each scored step to the next, with the whole interval of the difference."""

    kind: Literal["falls"]
    measure: Measure = Field(description="The measure, without a step.")


class SmallestAt(Settings):
    """A measure is smaller at one of the scored steps than at each other one, with the whole interval of the difference."""

    kind: Literal["smallest_at"]
    measure: Measure = Field(description="The measure, without a step.")
    step: Int = Field(description="The step.")


class Above(Settings):
    """A measure lies above a value with the whole of its interval."""

    kind: Literal["above"]
    measure: Measure = Field(description="The measure.")
    value: Float = Field(description="What the lower end of the interval must exceed.")


class Below(Settings):
    """A measure lies below a value with the whole of its interval."""

    kind: Literal["below"]
    measure: Measure = Field(description="The measure.")
    value: Float = Field(description="What must exceed the upper end of the interval.")


class Within(Settings):
    """A measure lies in a range with the whole of its interval, as the difference of two that are called equal."""

    kind: Literal["within"]
    measure: Measure = Field(description="The measure.")
    value: Float = Field(0, description="The middle of the range.")
    tolerance: Float = Field(description="How far from it both ends of the interval may lie.", gt=0)


class Always(Settings):
    """Every text or prompt that was measured has one value, the least or the greatest that there is: one exception is enough to
    contradict it. It says nothing of others.
    """

    kind: Literal["always"]
    measure: Measure = Field(description="The measure.")
    value: Float = Field(description="The value of each, and so of their mean.")


class Sometimes(Settings):
    """At least one text or prompt that was measured has another value than the least or the greatest that there is."""

    kind: Literal["sometimes"]
    measure: Measure = Field(description="The measure.")
    value: Float = Field(description="The value that not all may have.")


class Fact(Settings):
    """Nothing could contradict it: it follows from how it is made. The ledger lists it with what was measured."""

    kind: Literal["fact"]
    measure: Measure = Field(description="The measure that is shown.")
    because: str = Field(description="Why it cannot come out otherwise.")


Comparison = Annotated[
    Near | Less | Between | Falls | SmallestAt | Above | Below | Within | Always | Sometimes | Fact, Field(discriminator="kind")
]


class Claim(Settings):
    """One finding of a write-up and what decides it."""

    row: Name = Field(description="Row of the report.")
    writeup: Name = Field(description="Write-up whose scores decide it: results/scores/{writeup}/.")
    says: str = Field(description="The finding in words.")
    source: str = Field(description="Where the write-up says it.")
    comparable: list[Predicate] = Field([], description="Conditions on the settings; where one fails, it is not comparable.")
    reported: list[Float] = Field(
        [],
        description="The write-up's own figure for what decides it, or two whose difference it is, the first less the second; "
        "nothing depends on it. That of `near` is its value.",
        max_length=2,
    )
    comparison: Comparison = Field(description="What decides it.")

    @property
    def reported_value(self) -> float | None:
        """The write-up's own figure for what decides the claim, if it gives one."""
        first, *second = self.reported or [self.comparison.value if isinstance(self.comparison, Near) else None]
        return first - second[0] if second else first


class ClaimFamily(Settings):
    """A declaration: a claim, or one for each of its cases."""

    name: Template | None = Field(None, description="Id of each claim, with keys of its case in braces; by default the key.")
    cases: Annotated[list[dict[str, Scalar]], Field(min_length=1)] | str = Field(
        [{}],
        description="Values that fill the braces, one claim a case; or a table of reported figures by row and name, such as "
        "`ROW.TABLE`: a case each, with its `id`.",
    )


#: The tables of reported figures by row and name: ``ROW.TABLE``.
ReportedTables = Mapping[str, Mapping[str, Mapping[str, Scalar]]]


def reported(writeups: Writeups) -> ReportedTables:
    """The tables of figures that the write-ups report, by row and name."""
    rows = [row for chapter in writeups.chapters for row in chapter.rows]
    return {f"{row.id}.{name}": values for row in rows for name, values in row.reported_figures.items()}


def claims_of(folder: str | Path, writeups: Writeups, more: Mapping[str, Any], chapters: Collection[str]) -> dict[str, Claim]:
    """The claims by id: those of the write-ups' files (beside theirs in ``folder``) in their order, and then a user's own.

    Raises:
        UserError: one sentence naming the file, the key (or line) and what was expected.
    """
    claims: dict[str, Claim] = {}
    tables = reported(writeups)
    for origin, raw in [*((str(path), read_yaml(path)) for path in claim_files(folder, writeups)), ("claims", more)]:
        try:
            for name, claim in parse(raw, tables).items():
                if name in claims:
                    raise UserError(f"{name}: another claim has that id; expected one of its own")
                if claim.writeup not in chapters:
                    raise unknown(claim.writeup, chapters, "chapters", f"{name}.writeup")
                claims[name] = claim
        except UserError as error:
            raise UserError(f"{origin}: {error}") from None
    return claims


def parse(raw: Any, tables: ReportedTables = MappingProxyType({})) -> dict[str, Claim]:
    """The claims by id, from declarations by key, with their cases filled in.

    Raises:
        UserError: naming the key and what was expected.
    """
    if not isinstance(raw, Mapping):
        raise UserError(f"expected declarations by key, found {raw!r}")
    claims: dict[str, Claim] = {}
    for key, declaration in raw.items():
        if not isinstance(declaration, dict):
            raise UserError(f"{key}: expected a group of keys, found {declaration!r}")
        of_family = {name: value for name, value in declaration.items() if name in ClaimFamily.model_fields}
        family = check(ClaimFamily, of_family, key)
        body = {name: value for name, value in declaration.items() if name not in of_family}
        for case in _cases(family.cases, tables, f"{key}.cases"):
            name = str(_fill(family.name or key, case, tables, f"{key}.name"))
            if name in claims:
                raise UserError(f"{key}.name: two claims have the id {name!r}; put what tells its cases apart into the braces")
            claims[name] = check(Claim, _fill(body, case, tables, key), name)
    return claims


def _cases(cases: list[dict[str, Scalar]] | str, tables: ReportedTables, key: str) -> list[dict[str, Scalar]]:
    if isinstance(cases, list):
        return cases
    if cases not in tables:
        raise unknown(cases, tables, "tables of reported figures", key)
    return [{"id": name, **values} for name, values in tables[cases].items()]


def _fill(value: Any, case: Mapping[str, Scalar], tables: ReportedTables, key: str) -> Any:
    """Fill the braces in all texts, from the case and then from the reported figures.

    A text that is nothing but ``{key}`` becomes the value itself, a number say.
    """
    if isinstance(value, dict):
        return {name: _fill(inner, case, tables, f"{key}.{name}") for name, inner in value.items()}
    if isinstance(value, list):
        return [_fill(inner, case, tables, f"{key}.{index}") for index, inner in enumerate(value)]
    if not isinstance(value, str):
        return value
    try:
        figure = FIGURE.fullmatch(value)
        if figure and not figure[5]:
            fill_figures(value, tables)  # refuses what is not reported
            return tables[f"{figure[1]}.{figure[2]}"][figure[3]][figure[4]]
        value = fill_figures(value, tables)
    except ValueError as error:
        raise UserError(f"{key}: {error}") from None
    names = re.findall(r"\{(\w+)\}", value)
    for name in names:
        if name not in case:
            raise UserError(f"{key}: {{{name}}} is not a key of the case (there is {', '.join(case) or 'none'})")
    if re.fullmatch(r"\{\w+\}", value):
        return case[names[0]]
    return re.sub(r"\{(\w+)\}", lambda match: str(case[match[1]]), value)


def settings_named(claims: Mapping[str, Claim], resolved: Any) -> dict[str, list[Any]]:
    """The slice of the configuration that decides what is comparable: each named setting with its values.

    ``resolved`` is the checked configuration (:class:`relab.settings.config.Resolved`), whose defaults are filled in. A
    setting that does not exist in it has no values, and what depends on it is not comparable.
    """
    paths = {condition.setting for claim in claims.values() for condition in claim.comparable}
    return {path: _values(resolved, path) for path in sorted(paths)}


def _values(resolved: Any, path: str) -> list[Any]:
    """Distinct values of a dotted path: of every member below a declaration or of one member, each item of a list."""
    kind, _, rest = path.partition(".")
    roots: list[tuple[Any, str]] = []
    if kind == "threads":
        roots = [(resolved.artefacts, path)]
    elif kind == "rows":
        key, _, below = rest.partition(".")
        roots = [(resolved.declared_rows[key].settings, below)] if key in resolved.declared_rows else []
    elif (members := resolved.artefacts.kinds.get(kind)) is not None:
        roots = [
            (member.settings, rest[len(owner) + 1 :])
            for name, member in members.items()
            for owner in {name, member.declaration}
            if rest.startswith(f"{owner}.")
        ]
    distinct = {repr(value): value for root, inner in roots for value in _values_at(root, inner)}
    return sorted(distinct.values(), key=lambda value: (str(type(value)), value))


def _values_at(value: Any, path: str) -> list[Any]:
    """The values at a dotted path below a value; keys that a user chose, such as names of methods, may hold dots too."""
    if not path:
        is_group = value is None or isinstance(value, (BaseModel, Mapping))
        return [] if is_group else list(value) if isinstance(value, (list, tuple)) else [value]
    if isinstance(value, (list, tuple)):
        return [inner for item in value for inner in _values_at(item, path)]
    if isinstance(value, Mapping):
        keys = [key for key in value if f"{path}.".startswith(f"{key}.")]
        return [inner for key in keys for inner in _values_at(value[key], path[len(key) + 1 :])]
    part, _, rest = path.partition(".")
    return _values_at(getattr(value, part, None), rest)
