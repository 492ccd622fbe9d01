"""What the jobs need that write the tables of what all rows rest on, the ledger and the page."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field

from relab.artefacts.registry import KINDS
from relab.rows.contents import Contents, contents
from relab.rows.placing import UserChapter, place_rows
from relab.settings import claims
from relab.settings.base import Scalar, Settings, check
from relab.settings.config import Resolved
from relab.settings.writeups import OVERVIEW, Writeups


class PageSpec(Settings):
    """Settings of the job that builds the report."""

    scale: str = Field(description="Name of the scale.")
    about: str = Field("", description="What the scale is.")
    config: dict[str, Any] = Field({}, description="The configuration as it was written; the comparison of runs reads it.")
    overview: list[str] = Field([], description="The tables of what all rows rest on that there are.")


class LedgerSpec(Settings):
    """Settings of the job that scores the claims."""

    settings: dict[str, list[Scalar]] = Field(description="Values of each setting that a claim's conditions name.")
    rows: list[str] = Field(description="The rows that the report shows; the claims of others are left out.")
    claims: dict[str, Any] = Field({}, description="A user's own claims.")
    chapters: list[str] = Field([], description="A user's own chapters, whose scores claims may read too.")


def overview_tables(resolved: Resolved) -> dict[str, str]:
    """The files of the tables of what all rows rest on, by name; without those that would be empty."""
    there = {
        "corpora": resolved.needed["corpora"],
        "datasets": resolved.needed["datasets"],
        "features": features(resolved),
        "assets": resolved.needed["assets"],
    }
    return {name: f"results/tables/{OVERVIEW}/{name}.csv" for name, found in there.items() if found}


def tables(resolved: Resolved) -> list[str]:
    """The files of all tables that the report shows."""
    return resolved.contents.with_overview(overview_tables(resolved)).targets()[0]


def overview_spec(resolved: Resolved) -> dict[str, Any]:
    """What readers are told about corpora, data sets and downloads."""
    artefacts, needed = resolved.artefacts, resolved.needed
    keys = {"corpora": ("title", "language"), "datasets": ("title", "language", "kind")}
    found: dict[str, Any] = {
        kind: {name: artefacts.kinds[kind][name].settings.model_dump(mode="json", include=set(kept)) for name in needed[kind]}
        for kind, kept in keys.items()
    }
    kept = {"about", "purpose", "licence", "package_licence"}
    found["assets"] = {
        name: artefacts.assets[name].settings.model_dump(mode="json", include=kept, exclude_defaults=True)
        for name in needed["assets"]
    }
    return found


def features(resolved: Resolved) -> list[str]:
    """The files of the vectors of texts that the report needs."""
    return resolved.derived("features", ".safetensors")


def scores(resolved: Resolved) -> list[str]:
    """Every file of scores that the report rests on."""
    return [path for row in resolved.rows.values() for path in row.scores]


def ledger_spec(resolved: Resolved) -> dict[str, Any]:
    """The settings of the job that scores the claims."""
    return {
        "settings": claims.settings_named(resolved.claims_shown, resolved),
        "rows": [section.id for chapter in resolved.contents.chapters for section in chapter.rows],
        "claims": resolved.config.get("claims", {}),
        "chapters": list(resolved.config.get("chapters", {})),
    }


def page_spec(resolved: Resolved) -> dict[str, Any]:
    """The report records the whole configuration as it was written, but only the downloads that this run uses."""
    config = {key: value for key, value in resolved.config.items() if key != "catalogue"}
    config["assets"] = {name: config["assets"][name] for name in resolved.needed["assets"]}
    tables = list(overview_tables(resolved))
    return {"scale": resolved.scale, "about": resolved.about, "config": _one_notation(config), "overview": tables}


def page_contents(spec: PageSpec, writeups: Writeups) -> Contents:
    """The contents of the report, from the settings of the job that builds it."""
    chapters = {key: check(UserChapter, raw, f"chapters.{key}") for key, raw in spec.config.get("chapters", {}).items()}
    rows = place_rows(spec.config.get("rows", {}), writeups, chapters)
    return contents(writeups, chapters, rows, spec.config.get("report", {}).get("rows")).with_overview(spec.overview)


def _one_notation(value: Any) -> Any:
    """One notation for a number that YAML lets people write in several: ``1e-3`` (a text to YAML), ``32.0``."""
    if isinstance(value, dict):
        return {key: _one_notation(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_one_notation(inner) for inner in value]
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):
        value = float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def records(resolved: Resolved) -> list[str]:
    """The records of every job behind the report, which say how each table and figure came to be."""
    made = [file for kind in KINDS.values() for file in resolved.needed_of(kind)]
    made += [*resolved.derived("tokens", "/train.arrow"), *features(resolved)]
    made += [f"results/tables/{OVERVIEW}/{name}" for name in (*([OVERVIEW] if overview_tables(resolved) else ()), "ledger.csv")]
    found = [f"{path}.provenance.json" for path in made]
    return found + [record for row in resolved.rows.values() for record in row.records()]
