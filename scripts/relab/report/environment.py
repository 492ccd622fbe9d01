"""The templates of pages, with the filters that they use."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from relab.report import ledger, text

TEMPLATES = Path(__file__).resolve().parent / "templates"


def environment(*folders: Path, **names: Any) -> Environment:
    """The templates of ``folders`` and then those of the report, in all of which ``names`` are known, macros included."""
    environment = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"result": ledger.result, "claimed": ledger.claimed, "claim_bar": ledger.bar}
    for function in (text.visible, text.prose, text.inline, text.number, text.moment, text.duration):
        environment.filters[function.__name__] = function
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    # no script runs but this one: the page's policy names its digest
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    environment.globals.update(names, script=Markup(script), script_digest=f"sha256-{digest}")  # macros see globals only
    return environment
