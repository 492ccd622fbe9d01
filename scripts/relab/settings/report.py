"""Inputs and settings of the jobs that write the overview, the ledger and the page."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from pydantic import Field

from relab.artefacts.registry import KINDS
from relab.rows.contents import Contents, contents
from relab.rows.declared import UserChapter, declared_rows
from relab.settings import claims
from relab.settings.base import Scalar, Settings, canonical, check
from relab.settings.config import Resolved
from relab.settings.writeups import OVERVIEW, Writeups

LEDGER = f"results/tables/{OVERVIEW}/ledger.csv"


class PageSpec(Settings):
    """Settings of the job that builds the report."""

    scale: str = Field(description="Name of the scale.")
    about: str = Field("", description="What the scale is.")
    config: dict[str, Any] = Field({}, description="The configuration as it was written; the comparison of runs reads it.")
    overview: list[str] = Field([], description="The tables of what all rows rest on that there are.")
    order: list[str] = Field(
        [], description="Keys of a user's own rows and chapters in declared order, which the configuration here has lost."
    )


class LedgerSpec(Settings):
    """Settings of the job that scores the claims."""

    settings: dict[str, list[Scalar]] = Field(description="Values of each setting that a claim's conditions name.")
    rows: list[str] = Field(description="The rows that the report shows; the claims of others are left out.")
    claims: dict[str, Any] = Field({}, description="A user's own claims.")
    chapters: list[str] = Field([], description="A user's own chapters, whose scores claims may read too.")


def overview_tables(resolved: Resolved) -> dict[str, str]:
    """The files of the tables of what all rows rest on, by name; without those that would be empty."""
    rests_on = {
        "corpora": resolved.needed["corpora"],
        "datasets": resolved.needed["datasets"],
        "features": features(resolved),
        "assets": resolved.needed["assets"],
    }
    return {name: f"results/tables/{OVERVIEW}/{name}.csv" for name, artefacts in rests_on.items() if artefacts}


def tables(resolved: Resolved) -> list[str]:
    """The files of all tables that the report shows."""
    return resolved.contents.with_overview(overview_tables(resolved)).targets()[0]


def overview_spec(resolved: Resolved) -> dict[str, Any]:
    """The metadata of corpora, data sets and downloads that the overview shows."""
    keys = {
        "corpora": {"title", "language"},
        "datasets": {"title", "language", "kind"},
        "assets": {"about", "purpose", "licence", "package_licence"},
    }
    return {
        kind: {
            name: resolved.artefacts.kinds[kind][name].settings.model_dump(
                mode="json", include=shown, exclude_defaults=kind == "assets"
            )
            for name in resolved.needed[kind]
        }
        for kind, shown in keys.items()
    }


def features(resolved: Resolved) -> list[str]:
    """The files of the vectors of texts that the report needs."""
    return resolved.derived("features", ".safetensors")


def scores(resolved: Resolved) -> list[str]:
    """Every file of scores that the report rests on."""
    return [path for row in resolved.rows.values() for path in row.scores]


def ledger_spec(resolved: Resolved) -> dict[str, Any]:
    """The settings of the job that scores the claims."""
    chapters = [] if resolved.rehearsal else resolved.contents.chapters
    return {
        "settings": claims.settings_named(resolved.claims_shown, resolved),
        "rows": [section.id for chapter in chapters for section in chapter.rows],
        "claims": {} if resolved.rehearsal else resolved.config.get("claims", {}),
        "chapters": list(resolved.config.get("chapters", {})),
    }


def claims_digest(resolved: Resolved) -> str:
    """A digest of the claims, whose files hold prose too: an edited caption scores nothing anew."""
    claims_shown = {name: claim.model_dump(mode="json") for name, claim in resolved.claims_shown.items()}
    return hashlib.sha256(canonical(claims_shown).encode()).hexdigest()[:16]


def page_spec(resolved: Resolved) -> dict[str, Any]:
    """The report records the whole configuration as it was written, but only the downloads that this run uses."""
    config = {**resolved.config, "assets": {name: resolved.config["assets"][name] for name in resolved.needed["assets"]}}
    page = {"scale": resolved.scale, "about": resolved.about, "config": _normalised_numbers(config)}
    rows = [key for key, row in resolved.declared_rows.items() if row.settings.title]
    order = [*rows, *resolved.config.get("chapters", {})]
    return {**page, "overview": list(overview_tables(resolved)), "order": order}


def page_contents(spec: PageSpec, writeups: Writeups) -> Contents:
    """The contents of the report, from the settings of the job that builds it."""
    raw_rows, raw_chapters = (
        {key: group[key] for key in sorted(group, key=lambda key: spec.order.index(key) if key in spec.order else -1)}
        for group in (spec.config.get("rows", {}), spec.config.get("chapters", {}))
    )
    chapters = {key: check(UserChapter, raw, f"chapters.{key}") for key, raw in raw_chapters.items()}
    rows = declared_rows(raw_rows, writeups, chapters)
    return contents(writeups, chapters, rows, spec.config.get("report", {}).get("rows")).with_overview(spec.overview)


def _normalised_numbers(value: Any) -> Any:
    """Numbers in a single notation, whatever was written: ``1e-3`` (a text to YAML), ``32.0``."""
    if isinstance(value, dict):
        return {key: _normalised_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_normalised_numbers(inner) for inner in value]
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):
        value = float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def records(resolved: Resolved) -> list[str]:
    """The records of every job behind the report, which say how each table and figure came to be."""
    outputs = [file for kind in KINDS.values() for file in resolved.needed_files(kind)]
    outputs += [*resolved.derived("tokens", "/train.arrow"), *features(resolved)]
    outputs += [f"results/tables/{OVERVIEW}/{OVERVIEW}"] * bool(overview_tables(resolved)) + [LEDGER]
    of_rows = [record for row in resolved.rows.values() for record in row.records()]
    return [f"{path}.provenance.json" for path in outputs] + of_rows
