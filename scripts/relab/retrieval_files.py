"""Files of test collections of retrieval: documents and queries of SMART, topics and judgments of TREC."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import unescape
from itertools import zip_longest

from relab.errors import UserError

#: Rows with their locations in messages.
Rows = Iterator[tuple[str, dict[str, str | int]]]

#: A mark of SMART: a letter that begins a field, or I and the id that begin a text.
_MARK = re.compile(r"\.([A-Z])(?:\s+(.*))?")
_SMART_COLUMNS = {"T": "title", "A": "author", "B": "source", "W": "text"}

_TOPIC = re.compile(r"<top(?:ic)?(?:\s([^<>]*))?>(.*?)</top(?:ic)?\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?([a-z][\w-]*)[^<>]*>", re.IGNORECASE)
_NUMBER_ATTRIBUTE = re.compile(r"""\b(?:number|id)\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
_TOPIC_COLUMNS = {"num": "id", "desc": "description", "narr": "narrative"}
#: What stands before the text of a topic's field.
_LABEL = re.compile(
    r"\A(number|topic|domain|description|narrative|summary|nationality|(concept|factor|definition)\(s\))\s*:", re.IGNORECASE
)
_AROUND_TOPICS = re.compile(r"<[?!/]?(?!top(ic)?\b)[a-z][^<>]*>", re.IGNORECASE)
_ENTITY = re.compile(r"&#?\w+;")

#: The columns of judgments by their number.
_JUDGMENT_COLUMNS = {3: ("query", "document", "relevance"), 4: ("query", "iteration", "document", "relevance")}
#: What stands behind the document in the judgments of SMART, all of which are of relevant documents.
_OF_SMART = ["0", "0.000000"]
_JUDGMENT = re.compile(r"\S+(\s+\S+){1,2}\s+([+-]?\d+|0\.000000)")


def smart_rows(lines: Iterable[str], name: str) -> Rows:
    """The texts of a file of SMART (Cranfield, CISI, Medline): ``id`` (.I), ``number`` from 1 in the order of the file, and the
    fields that a text has: ``title`` (.T), ``author`` (.A), ``source`` (.B), ``text`` (.W), others by their letters.

    Raises:
        UserError: text before the first `.I` or before a field, an `.I` without an id.
    """
    row, field, location, count = None, None, "", 0
    for number, line in enumerate(lines, 1):
        mark = _MARK.fullmatch(line.strip())
        if mark and mark[1] == "I":
            if row is not None:
                yield location, _joined(row)
            location, count = f"{name}, line {number}", count + 1
            if not mark[2] or len(mark[2].split()) > 1:
                raise UserError(f"{location}: expected an id after .I, found {mark[2]!r}")
            row, field = {"id": [mark[2]], "number": count}, None
        elif row is not None and mark:
            field = row.setdefault(_SMART_COLUMNS.get(mark[1], mark[1]), [])
            field.append(f"{mark[2] or ''}\n")
        elif field is not None:
            field.append(line)
        elif line.strip():
            expected = "`.I` and an id" if row is None else "a field such as `.W`"
            raise UserError(f"{name}, line {number}: expected {expected}, found {line.strip()[:40]!r}")
    if row is not None:
        yield location, _joined(row)


def topic_rows(lines: Iterable[str], name: str) -> Rows:
    """The topics of TREC, in tags that need not be closed or in XML: ``id`` (the number without zeros before it), ``title``,
    ``description``, ``narrative``, and further fields by their tags.

    Raises:
        UserError: no topic, one without an end or a number, text between topics.
    """
    text, position = "".join(lines), 0
    for topic in _TOPIC.finditer(text):
        _check_nothing_between(text, position, topic.start(), name)
        position = topic.end()
        location = _line(text, topic.start(), name)
        yield location, _topic(topic[1] or "", topic[2], location)
    _check_nothing_between(text, position, len(text), name)


def judgment_rows(lines: Iterable[str], name: str, header: Sequence[str] | None = None) -> Rows:
    """The judgments of TREC, parted by any blanks: ``query``, ``iteration`` (where there are four), ``document`` and
    ``relevance``, or what a header names. Those of SMART (CISI: query, document, ``0 0.000000``) have the relevance 1.

    Raises:
        UserError: lines of another number of cells.
    """
    for number, line in enumerate(lines, 1):
        if cells := line.split():
            if len(cells) == 4 and cells[2:] == _OF_SMART and header in (None, _JUDGMENT_COLUMNS[3]):
                cells = [*cells[:2], "1"]
            header = header or _JUDGMENT_COLUMNS.get(len(cells))
            if header is None or len(cells) != len(header):
                expected = f"the {len(header)} cells {', '.join(header)}" if header else "a query, a document and a grade"
                raise UserError(f"{name}, line {number}: expected {expected}, found {len(cells)} cells")
            yield f"{name}, line {number}", dict(zip(header, cells, strict=True))


def format_of(lines: Iterable[str]) -> str | None:
    """The format that lines from the beginning of a file are of; None for any other text."""
    lines = [line.strip() for line in lines if line.strip()]
    if lines and (mark := _MARK.fullmatch(lines[0])) and mark[1] == "I" and mark[2]:
        return "smart"
    if lines and re.match(r"(<[?!][^>]*>\s*)*<top(ic)?s?\b", " ".join(lines), re.IGNORECASE):
        return "topics"
    return "qrels" if lines and all(map(_JUDGMENT.fullmatch, lines)) else None


def _joined(row: dict[str, list[str] | int]) -> dict[str, str | int]:
    return {name: "".join(value).strip() if isinstance(value, list) else value for name, value in row.items()}


def _line(text: str, position: int, name: str) -> str:
    return f"{name}, line {text.count(chr(10), 0, position) + 1}"


def _check_nothing_between(text: str, start: int, end: int, name: str) -> None:
    """Refuse what stands between topics, but for the tags of XML around them."""
    stray = re.search(r"\S(.*\S)?", _AROUND_TOPICS.sub(lambda tag: " " * len(tag[0]), text[start:end]))
    if stray:
        location = _line(text, start + stray.start(), name)
        raise UserError(f"{location}: expected a topic from <top> or <topic> to its end, found {stray[0][:40]!r}")


def _topic(attributes: str, text: str, location: str) -> dict[str, str]:
    parts: dict[str, list[str]] = {}
    if number := _NUMBER_ATTRIBUTE.search(attributes):
        parts["id"] = [number[1]]
    tags, field = list(_TAG.finditer(text)), None
    for tag, following in zip_longest(tags, tags[1:]):
        column = tag[1].lower()
        if not tag[0].startswith("</"):
            field = parts.setdefault(_TOPIC_COLUMNS.get(column, column), [])
        if field is not None:
            field.append(text[tag.end() : following.start() if following else None].strip())
    topic = {column: _without_label("\n".join(filter(None, texts))) for column, texts in parts.items()}
    if not topic.get("id"):
        raise UserError(f"{location}: expected a topic with a number (<num>), found none")
    return topic | {"id": topic["id"].lstrip("0") or "0" if topic["id"].isdigit() else topic["id"]}


def _without_label(text: str) -> str:
    return _ENTITY.sub(lambda entity: unescape(entity[0]), _LABEL.sub("", text, count=1).strip())
