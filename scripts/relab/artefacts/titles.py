"""What tables and figures call models, encoders and tokenizers: their titles, by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from relab.artefacts.kind import Artefacts

#: The kinds of artefacts that have titles which stand for their names in tables, the first before the others of one name.
TITLED = ("models", "encoders", "tokenizers")


def titles(artefacts: Artefacts, needed: Mapping[str, Collection[str]]) -> dict[str, str]:
    """The titles of those artefacts (``needed``, names by kind) that have one, by the name of the artefact.

    Members of a sweep that share a title are told apart by what varies among them; the declaration has the shared one.
    """
    shown: dict[str, str] = {}
    for kind in TITLED:
        for name in needed[kind]:
            member = artefacts.kinds[kind][name]
            title = member.settings.title
            if not title:
                continue
            family = list(artefacts.family(kind, member.declaration).values())
            alike = [sibling for sibling in family if sibling.settings.title == title]
            varied = [key for key in member.varied if len({str(sibling.varied[key]) for sibling in alike}) > 1]
            shown.setdefault(name, ", ".join([title, *(f"{key} {member.varied[key]}" for key in varied)]))
            if len(alike) == len(family):
                shown.setdefault(member.declaration, title)
    return shown
