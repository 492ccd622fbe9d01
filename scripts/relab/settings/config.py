"""The whole configuration: checked as one, references included, before a job starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, create_model

from relab.artefacts.kind import Artefacts, Files, Kind, Member
from relab.artefacts.registry import KINDS
from relab.artefacts.titles import titles
from relab.errors import UserError
from relab.rows.contents import Contents, contents
from relab.rows.contract import DeclaredRow, Step
from relab.rows.declared import UserChapter, declared_rows
from relab.rows.registry import kinds, row_kind
from relab.settings import claims, references
from relab.settings.base import Int, Name, Settings, check, documentation, expand, without_null
from relab.settings.layers import as_meant, read_yaml
from relab.settings.writeups import Writeups, load

#: The files of the write-ups.
WRITEUPS = Path(__file__).resolve().parents[3] / "config" / "writeups"

#: Keys by their old path, and what they are called now.
RENAMED = WRITEUPS.parent / "renamed.yaml"


class ReportSettings(Settings):
    """What the report shows."""

    rows: list[Name] | None = Field(
        None, description="The rows that it shows, by their ids; nothing else is computed. None: all.", min_length=1
    )


def config_model(row: Any = dict[str, Any]) -> type[Settings]:
    """The type of the whole of ``config/config.yaml`` with its overlays and of ``config/assets.yaml``.

    ``row`` is the type of a row: a free mapping, as long as its kind is not known.
    """
    fields: dict[str, Any] = {
        "scale": (str, documentation("Name of the scale, shown at the top of the report.", default="unnamed")),
        "about": (str, documentation("What the scale is, shown at the top of the report.", default="")),
        "rehearsal": (
            bool,
            Field(False, description="Whether this is a rehearsal on stand-ins (`relab rehearse`): no claim is scored."),
        ),
        "threads": (
            Int,
            Field(
                1,
                description="Compute threads of a training or sampling job. The number changes the last bits of the results.",
                ge=1,
            ),
        ),
        **{
            kind.name: (dict[str, kind.type], Field(description=f"{kind.about.rstrip(',')}, by name."))
            for kind in KINDS.values()
        },
        "rows": (dict[Name, row], Field(description="The rows of the report by key: a write-up's id, or a name of your own.")),
        "chapters": (dict[Name, UserChapter], Field({}, description="Chapters of your own, after those of the write-ups.")),
        "claims": (dict[str, Any], Field({}, description="Claims of your own, as those of `config/writeups/*.claims.yaml`.")),
        "report": (ReportSettings, Field(ReportSettings(), description="What the report shows.")),
    }
    return create_model("Config", __base__=Settings, __doc__="Everything that a run is made from.", **fields)


_Config = config_model()


@dataclass(frozen=True)
class Resolved:
    """The checked configuration, with all sweeps expanded."""

    config: dict[str, Any]
    scale: str
    about: str
    artefacts: Artefacts
    declared_rows: dict[str, DeclaredRow]
    contents: Contents
    claims: dict[str, claims.Claim]

    @property
    def rows(self) -> dict[str, DeclaredRow]:
        """The rows that the report shows, by key."""
        return self.contents.rows

    @property
    def rehearsal(self) -> bool:
        """Whether the run is a rehearsal on stand-ins."""
        return bool(self.config.get("rehearsal"))

    @cached_property
    def needed(self) -> dict[str, list[str]]:
        """What the report needs: the names of artefacts by kind, in declared order."""
        roots = [named for row in self.rows.values() for named in row.settings.references(row.paths, self.artefacts)]
        return references.needed(roots, self.artefacts.kinds)

    @cached_property
    def steps(self) -> list[tuple[DeclaredRow, Step]]:
        """The steps of the rows, a job each."""
        return [(row, step) for row in self.rows.values() for step in row.settings.steps]

    def titled(self, row: DeclaredRow, step: Step) -> dict[str, Any]:
        """What the tables of a step call the artefacts that its row needs, and in which columns; nothing without tables."""
        if not step.tables:
            return {}
        roots = row.settings.references(row.paths, self.artefacts)
        needed = references.needed(roots, self.artefacts.kinds)
        by_name = titles(self.artefacts, needed) | row.settings.titles(self.artefacts)
        return {"columns": row.settings.TITLED, "titles": by_name} if by_name else {}

    def needed_files(self, kind: Kind) -> list[str]:
        """The files of all artefacts of a kind that the report needs."""
        return [file for name in self.needed[kind.name] for file in kind.files(self.artefacts, name)]

    @cached_property
    def _inputs(self) -> list[str]:
        """The files that the jobs behind the report read."""
        jobs: list[Files] = [row.settings.inputs(step.name, row.paths, self.artefacts) for row, step in self.steps]
        jobs += [
            job for kind in KINDS.values() for name in self.needed[kind.name] for job in _inputs(kind, self.artefacts, name)
        ]
        paths = [path for job in jobs for paths in job.values() for path in ([paths] if isinstance(paths, str) else paths)]
        return list(dict.fromkeys(paths))

    def derived(self, stage: str, ending: str) -> list[str]:
        """The files of a stage whose artefacts are not declared but follow from others: token ids, vectors of texts."""
        return [path for path in self._inputs if path.startswith(f"results/{stage}/") and path.endswith(ending)]

    @property
    def claims_shown(self) -> dict[str, claims.Claim]:
        """The claims of the rows that the report shows."""
        shown = {section.id for chapter in self.contents.chapters for section in chapter.rows}
        return {name: claim for name, claim in self.claims.items() if claim.row in shown}


#: Rules whose artefacts are not declared: they follow from two declared ones.
DERIVED = ("tokenize_corpus", "encode_texts")


def _inputs(kind: Kind, artefacts: Artefacts, name: str) -> list[Files]:
    """The files that the jobs read that make an artefact."""
    settings = artefacts.kinds[kind.name][name].settings
    makers = [maker for maker in kind.makers if maker.rule not in DERIVED and maker.makes(settings)]
    if kind.name == "datasets":  # a job a part
        return [maker.inputs(artefacts, dataset=name, part=part) for maker in makers for part in settings.parts]
    return [maker.inputs(artefacts, **{kind.wildcard: name}) for maker in makers if kind.name != "assets"]


def resolve(raw: dict[str, Any], folder: str | Path = WRITEUPS) -> Resolved:
    """Check a raw configuration (as merged from its layers), expand its sweeps, and place its rows among the write-ups'.

    Raises:
        UserError: one sentence naming the key, what was found and what was expected.
    """
    raw = _as_meant(without_null(raw))
    _check_renamed(raw)
    config = check(_Config, {**raw, **{kind: {} for kind in KINDS}}, "")
    artefacts = Artefacts({name: _members(kind, raw.get(name)) for name, kind in KINDS.items()}, config.threads)
    writeups = load(folder)
    _check_chapters(config.chapters, writeups)
    rows = declared_rows(config.rows, writeups, config.chapters)
    _check_references(artefacts, rows)
    shown = contents(writeups, config.chapters, rows, config.report.rows)
    chapters = {chapter.key for chapter in writeups.chapters} | set(config.chapters)
    all_claims = claims.claims_of(folder, writeups, config.claims, chapters)
    _check_claims(all_claims, writeups, rows)
    if config.rehearsal:  # stand-ins show nothing of what is claimed
        all_claims = {}
    return Resolved(raw, config.scale, config.about, artefacts, rows, shown, all_claims)


def _check_claims(all_claims: Mapping[str, claims.Claim], writeups: Writeups, rows: Mapping[str, DeclaredRow]) -> None:
    """A claim of a section that there is not would never be shown; what a run leaves out is a section still."""
    sections = [section.id for chapter in writeups.chapters for section in chapter.rows]
    sections += [key for key, row in rows.items() if row.settings.title]
    for name, claim in all_claims.items():
        if claim.row not in sections:
            raise references.unknown(claim.row, sections, "rows of the report", f"claims.{name}.row")


def _as_meant(raw: dict[str, Any]) -> dict[str, Any]:
    """The raw configuration without words of which only the types of the settings say whether they are text."""
    rows = raw.get("rows")
    if isinstance(rows, dict):
        known = kinds()
        meanings = {
            key: [row_kind(row["kind"], key)] for key, row in rows.items() if isinstance(row, dict) and row.get("kind") in known
        }
        raw = {**raw, "rows": {key: as_meant(row, *meanings.get(key, ())) for key, row in rows.items()}}
    return as_meant(raw, _Config)


def _check_renamed(raw: Mapping[str, Any]) -> None:
    """Refuse keys that were called otherwise before, with their new names."""
    for old, new in read_yaml(RENAMED).items():
        group: Any = raw
        for key in old.split("."):
            group = group.get(key) if isinstance(group, dict) else None
        if group is not None:
            raise UserError(f"{old}: this key has moved; expected {new}")


def _check_chapters(chapters: Mapping[str, UserChapter], writeups: Writeups) -> None:
    for chapter in writeups.chapters:
        if chapter.key in chapters:
            raise UserError(f"chapters.{chapter.key}: a write-up has that key; expected another one")


def _members(kind: Kind, declarations: Any) -> dict[str, Member]:
    if not isinstance(declarations, dict):
        raise UserError(f"{kind.name}: expected declarations by name, found {declarations!r}")
    for key, raw in declarations.items():
        if not isinstance(raw, dict):
            raise UserError(f"{kind.name}.{key}: expected a group of keys, found {raw!r}")
        sweep = raw.get("sweep", {})
        if kind.swept and not isinstance(sweep, dict):
            raise UserError(f"{kind.name}.{key}.sweep: expected keys with lists of values, found {sweep!r}")
    members = expand(kind.name, declarations) if kind.swept else {key: (raw, {}, key) for key, raw in declarations.items()}
    return {
        name: Member(check(kind.type, plain, f"{kind.name}.{key}"), varied, key)
        for name, (plain, varied, key) in members.items()
    }


def _check_references(artefacts: Artefacts, rows: Mapping[str, DeclaredRow]) -> None:
    """What an artefact or a row names must be declared, and be what it must; then it must go together."""
    groups = [(member.settings, f"{kind}.{name}") for kind in KINDS for name, member in artefacts.kinds[kind].items()]
    groups += [(row.settings, row.paths.key) for row in rows.values()]
    for settings, key in groups:
        for named in references.references(settings, key):
            references.check(named, artefacts.kinds)
    for kind, members in artefacts.kinds.items():
        for name in members:
            KINDS[kind].check(artefacts, name)
    for row in rows.values():
        row.settings.check(row.paths, artefacts)
