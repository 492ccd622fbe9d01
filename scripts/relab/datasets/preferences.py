"""Rows of preference data, ``prompt, chosen, rejected``: what columns, dialogues, messages and labelled texts become.

Texts stay as they stand: of dialogues and labelled texts an answer begins with the blank that parts it from its prompt, so
that both together are the whole text.

What is left out is counted. ``equal_sides``: bad rows with the same answer twice, which prefer none; ``outside_limits``: rows
with a side that is too short, too long or not of the form asked for. Of labelled texts all counts are of texts:
``outside_limits`` also of those without a word after their prompt; ``other_label``; ``repeated``: those that were read before,
but for blanks; ``without_partner``: those in no pair.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from relab.comparable import comparable
from relab.datasets.draws import PARTNERS, random_keys
from relab.datasets.pairs import fits
from relab.datasets.tables import BadRow, TableReader
from relab.errors import UserError
from relab.settings.datasets import PreferencesDataset, Side, Table
from relab.settings.preferences import Dialogues, LabelledTexts, Messages, TextColumns
from relab.tabular import cell_value

#: What an answer begins after in a dialogue.
ANSWER = "\n\nAssistant:"


class EqualAnswers(BadRow):
    """A row that holds the same answer twice."""

    counted = "equal_sides"


def preference_rows(reader: TableReader, table: Table, dataset: PreferencesDataset) -> list[dict[str, str]]:
    """The rows ``prompt, chosen, rejected`` of a table.

    Raises:
        UserError: a bad row, such as one without an answer or with two equal ones, unless such rows are left out; labelled
            texts of which no pair can be made.
    """
    form, sides = dataset.form, dataset.sides
    reader.counts.update(dict.fromkeys(("outside_limits", "equal_sides"), 0))
    if form.kind == "labelled":
        return _labelled_rows(reader, table, dataset)
    columns = [form.chosen, form.rejected, *filter(None, [getattr(form, "prompt", None)])]
    rows = list(reader.read(table, columns, lambda row: _joined(_checked(_PARSERS[form.kind](row, form)), form)))
    kept = [row for row in rows if all(fits(row[side].strip(), limits) for side, limits in sides.items())]
    reader.counts["outside_limits"] += len(rows) - len(kept)
    return kept


def _checked(row: dict[str, str]) -> dict[str, str]:
    """The row, checked to have a prompt and two different answers."""
    for side, text in row.items():
        if not text.strip():
            raise BadRow(f"expected a text as {side}, found none")
    if row["chosen"].split() == row["rejected"].split():
        raise EqualAnswers("expected two different answers, found the same one twice")
    return row


def _joined(row: dict[str, str], form: TextColumns | Dialogues | Messages) -> dict[str, str]:
    """The row with what parts a prompt from an answer, which dialogues hold already, before the answers."""
    join = getattr(form, "join", "")
    return {**row, **{side: join + row[side] for side in ("chosen", "rejected")}}


def _text(row: Mapping[str, Any], column: str) -> str:
    """The text of a cell as it stands."""
    value = cell_value(row, column)
    if isinstance(value, str) and value.strip():
        return value
    raise BadRow(f"column {column!r}: expected a text, found {_instead(value)}")


def _instead(value: Any) -> str:
    """What stands in place of a text or of messages; it may be too long to be shown."""
    return (
        "none"
        if value is None or isinstance(value, str) and not value.strip()
        else f"a value of the type {type(value).__name__}"
    )


def _from_columns(row: Mapping[str, Any], form: TextColumns) -> dict[str, str]:
    return {side: _text(row, getattr(form, side)) for side in ("prompt", "chosen", "rejected")}


def _from_dialogues(row: Mapping[str, Any], form: Dialogues) -> dict[str, str]:
    chosen, rejected = _text(row, form.chosen), _text(row, form.rejected)
    shared = os.path.commonprefix([chosen, rejected])
    before = shared.rfind(ANSWER)
    if not shared[: max(before, 0)].strip():
        columns = f"columns {form.chosen!r} and {form.rejected!r}"
        raise BadRow(f"{columns}: expected dialogues with the same beginning before {ANSWER!r}, found none")
    start = before + len(ANSWER)
    return {"prompt": shared[:start], "chosen": chosen[start:], "rejected": rejected[start:]}


def _from_messages(row: Mapping[str, Any], form: Messages) -> dict[str, str]:
    chosen, rejected = (_messages(cell_value(row, column), column) for column in (form.chosen, form.rejected))
    if chosen[:-1] != rejected[:-1]:
        columns = f"columns {form.chosen!r} and {form.rejected!r}"
        raise BadRow(f"{columns}: expected the same messages before the last one, found different ones")
    if form.prompt and isinstance(cell_value(row, form.prompt), str):
        prompt = _text(row, form.prompt)
    else:
        prompt = _contents(_messages(cell_value(row, form.prompt), form.prompt) if form.prompt else chosen[:-1])
    return {"prompt": prompt, "chosen": chosen[-1][1], "rejected": rejected[-1][1]}


def _messages(value: Any, column: str) -> list[tuple[str, str]]:
    """The role and the content of each message of a cell."""
    messages = [message if isinstance(message, Mapping) else {} for message in (value if isinstance(value, list) else [])]
    if not messages or not all(isinstance(message.get(key), str) for message in messages for key in ("role", "content")):
        expected = "expected a list of messages, each with a role and a content"
        raise BadRow(f"column {column!r}: {expected}, found {_instead(value)}")
    return [(message["role"], message["content"]) for message in messages]


def _contents(messages: list[tuple[str, str]]) -> str:
    return "\n\n".join(content for _, content in messages)


_PARSERS = {"columns": _from_columns, "dialogues": _from_dialogues, "messages": _from_messages}


class _Candidate(NamedTuple):
    """A labelled text that may become a side of a pair."""

    index: int  #: among the texts that were read
    prompt: str
    answer: str
    is_preferred: bool


def _labelled_rows(reader: TableReader, table: Table, dataset: PreferencesDataset) -> list[dict[str, str]]:
    """Pairs of labelled texts with the same prompt, partners drawn by the seed, in the order of the preferred texts."""
    form = dataset.form
    reader.counts.update(dict.fromkeys(("other_label", "repeated", "without_partner"), 0))

    def parse(row: Mapping[str, Any]) -> dict[str, str]:
        return {"text": _text(row, form.text).strip(), "label": comparable(cell_value(row, form.label))}

    texts = list(reader.read(table, [form.text, form.label], parse))
    candidates = list(_candidates(texts, form, dataset.sides, reader.counts))
    pairs = _draw_pairs(candidates, random_keys(len(texts), dataset.draw.seed, PARTNERS), form.pairs)
    if not pairs:
        beginning = "first word" if form.words == 1 else f"first {form.words} words"
        expected = f"expected two texts with the same {beginning}, labelled {form.preferred!r} and {form.other!r}"
        preferred = sum(candidate.is_preferred for candidate in candidates)
        found = f"found none among {preferred} and {len(candidates) - preferred} texts"
        raise UserError(f"{table.file}, columns {form.text!r} and {form.label!r}: {expected}, {found}")
    reader.counts["without_partner"] += len(candidates) - 2 * len(pairs)
    return [{"prompt": chosen.prompt, "chosen": chosen.answer, "rejected": rejected.answer} for chosen, rejected in pairs]


def _candidates(
    texts: list[dict[str, str]], form: LabelledTexts, sides: Mapping[str, Side], counts: Counter[str]
) -> Iterator[_Candidate]:
    """The texts that have one of the two labels, are read for the first time and are within the limits; others are counted."""
    known: set[str] = set()  # texts, but for blanks
    for index, row in enumerate(texts):
        if row["label"] not in (form.preferred, form.other):
            counts["other_label"] += 1
            continue
        is_preferred, words = row["label"] == form.preferred, row["text"].split(maxsplit=form.words)
        answer = words[-1] if len(words) > form.words else ""
        prompt = row["text"].removesuffix(answer).rstrip()
        limits = {"prompt": prompt, "chosen" if is_preferred else "rejected": answer}
        compared = " ".join(row["text"].split())
        if compared in known:
            counts["repeated"] += 1
        elif not answer or not all(fits(text, sides.get(side, Side())) for side, text in limits.items()):
            counts["outside_limits"] += 1
        else:
            yield _Candidate(index, prompt, row["text"].removeprefix(prompt), is_preferred)
        known.add(compared)


def _draw_pairs(candidates: list[_Candidate], keys: np.ndarray, most: int | None) -> list[tuple[_Candidate, _Candidate]]:
    """Pairs of a preferred candidate and another one of the same prompt: as many as there can be, or ``most`` of a prompt.

    ``keys``: a random key for each text, ``[texts]``; of each side those with the smallest keys are taken, in their order.
    """
    by_prompt: dict[str, tuple[list[_Candidate], list[_Candidate]]] = defaultdict(lambda: ([], []))
    for candidate in sorted(candidates, key=lambda candidate: keys[candidate.index]):
        by_prompt[candidate.prompt][0 if candidate.is_preferred else 1].append(candidate)
    pairs = [pair for preferred, others in by_prompt.values() for pair in list(zip(preferred, others, strict=False))[:most]]
    return sorted(pairs, key=lambda pair: pair[0].index)
