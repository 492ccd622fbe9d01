"""What the files of a folder are together, and the settings that read them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relab.comparable import comparable
from relab.errors import UserError
from relab.inspection import Facts, artefact_name, inspect
from relab.tabular import TableFormat, cell_value, read_rows

#: Words in the names of files and columns that say what they hold.
_JUDGMENTS, _QUERIES = re.compile("qrel|judg", re.IGNORECASE), re.compile("quer|qry|topic|qid", re.IGNORECASE)
_DOCUMENTS = re.compile("doc|corpus|passage|pid", re.IGNORECASE)


@dataclass(frozen=True)
class Folder:
    """What a folder holds in words, and the settings that read it."""

    lines: list[str]
    settings: Mapping[str, Any]

    def overlay(self) -> Mapping[str, Any]:
        """The settings."""
        return self.settings


def inspect_folder(path: Path) -> Folder:
    """Read the files of a folder and say what they are together: a data set that ``datasets`` saved (``save_to_disk``), or
    documents, queries and judgments (BEIR, SMART, TREC).

    Raises:
        UserError: a folder of other files; the message says what was looked for.
    """
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        return _saved(path)
    tables: dict[str, Facts] = {}
    for member in _members(path):
        with suppress(UserError):  # a file of another kind beside those of the collection
            if (facts := inspect(path / member)).columns:
                tables[member] = facts
    judgments = [member for member, facts in tables.items() if facts.is_judgments or _JUDGMENTS.search(member)]
    texts = sorted(set(tables) - set(judgments), key=lambda member: (bool(_QUERIES.search(member)), -tables[member].rows))
    if not judgments or len(texts) < 2:
        found = ", ".join(tables) or "none"
        raise UserError(
            f"{path}: is a folder, expected a file, what save_to_disk of datasets wrote, or documents, queries and judgments "
            f"(a name with `qrel`), found the tables {found}"
        )
    chosen = next((member for member in judgments if "test" in Path(member).stem.lower()), judgments[0])
    members = {"corpus": texts[0], "queries": texts[-1], "qrels": chosen}
    return Folder(
        [f"{path}: documents, queries and judgments", *(line for table in members.values() for line in tables[table].lines)],
        _retrieval(path, {part: (member, tables[member]) for part, member in members.items()}),
    )


def _saved(path: Path) -> Folder:
    """What ``save_to_disk`` wrote: the shards of one split or of several, and the names of classes."""
    splits = _json(path / "dataset_dict.json", "splits") if (path / "dataset_dict.json").is_file() else [""]
    name, files = artefact_name(path.resolve().name), {}
    for split in splits:
        shards = [shard["filename"] for shard in _json(path / split / "state.json", "_data_files")]
        if not shards:
            raise UserError(f"{path / split}: expected rows, found none")
        # of several, a zip of those that match: other numbers of shards may lie beside them
        member = shards[0] if len(shards) == 1 else re.sub(r"\d+-of-", "*-of-", shards[0])
        files[split] = (f"{split or name}.{'arrow' if len(shards) == 1 else 'zip'}", (Path(split) / member).as_posix())
    first = splits[0] if "train" not in splits else "train"
    facts = inspect(next(iter(sorted(path.glob(files[first][1])))))
    features = _json(path / first / "dataset_info.json", "features") or {}
    labels = {column: feature["names"] for column, feature in features.items() if "names" in feature}
    tables = {split: file for split, (file, _) in files.items()}
    declared = facts.declarations(name, path.name, _published(tables), labels)
    return Folder(
        [f"{path}: saved by datasets, {', '.join(filter(None, splits)) or 'one split'}", *facts.lines],
        {"assets": {name: local_asset(path, dict(files.values()))}, **declared},
    )


def _published(tables: Mapping[str, str]) -> dict[str, str]:
    """The tables of splits by the names that a data set knows; one of them alone is for all splits."""
    known = {re.sub("^(valid|val|dev)$", "validation", split): file for split, file in tables.items()}
    known = {split: file for split, file in known.items() if split in ("train", "validation", "test")}
    if "train" in known and "test" not in known and "validation" in known:
        known["test"] = known.pop("validation")
    return known if {"train", "test"} <= set(known) else {"all": next(iter(tables.values()))}


def _json(file: Path, key: str) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))[key]
    except (OSError, ValueError, LookupError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{file}: expected `{key}`, as save_to_disk of datasets writes it, found none ({reason})") from None


def _members(path: Path) -> Iterator[str]:
    """The files of a folder and of the folders in it, by their paths in it."""
    for file in sorted([*path.glob("*"), *path.glob("*/*")]):
        member = file.relative_to(path)
        if file.is_file() and not any(part.startswith(".") for part in member.parts):
            yield member.as_posix()


def local_asset(path: Path, files: Mapping[str, str]) -> dict[str, Any]:
    """The declaration of an asset of some files of a folder, each with its path (or a pattern) in it."""
    members = {file: member for file, member in files.items() if file != member}
    source = {"kind": "local", "path": str(path.resolve())} | ({"members": members} if members else {})
    return {"about": path.name, "licence": "your own", "files": {file: {} for file in files}, "sources": [source]}


def _retrieval(path: Path, tables: Mapping[str, tuple[str, Facts]]) -> dict[str, Any]:
    """The settings of a retrieval data set of a folder; ``tables``: the path and the facts of the file of each part."""
    files = {part: re.sub(r"[^A-Za-z0-9._-]+", "_", member).lstrip("._-") for part, (member, _) in tables.items()}
    sources = {part: {"file": files[part]} | _form(facts) for part, (_, facts) in tables.items()}
    judgments = _judgments(tables["qrels"][1])
    judged: defaultdict[str, set[str]] = defaultdict(set)
    for row in _rows(tables["qrels"][1]):
        for part in ("query", "document"):
            judged[part].add(comparable(cell_value(row, judgments[part])))
    corpus, queries = _documents(tables["corpus"][1], judged["document"]), _documents(tables["queries"][1], judged["query"])
    name = artefact_name(path.resolve().name)
    declared = {"kind": "retrieval", "corpus": sources["corpus"] | corpus, "queries": sources["queries"] | queries}
    dataset = {"title": path.name, "asset": name, **declared, "qrels": sources["qrels"] | judgments}
    asset = local_asset(path, {files[part]: member for part, (member, _) in tables.items()})
    return {"assets": {name: asset}, "datasets": {name: dataset}}


def _form(facts: Facts) -> dict[str, str]:
    return {"format": facts.table_form} if facts.table_form else {}


def _rows(facts: Facts) -> Iterator[Mapping[str, Any]]:
    return (row for _, row in read_rows(facts.path, [], TableFormat(form=facts.table_form)))


def _judgments(facts: Facts) -> dict[str, str]:
    """The columns of judgments: by their names or, where these say nothing, by their order; the grade is the last number."""
    columns = list(facts.columns)
    query = next(filter(_QUERIES.search, columns), columns[0])
    document = next(filter(_DOCUMENTS.search, columns), columns[min(1, len(columns) - 1)])
    grades = [column for column in columns if column not in (query, document) and facts.columns[column].is_whole]
    return {"query": query, "document": document} | ({"relevance": grades[-1]} if grades else {})


def _documents(facts: Facts, judged: set[str]) -> dict[str, Any]:
    """The column of the ids that were judged, and those of the texts: a title too where the text does not begin with it."""
    seen: dict[str, set[str]] = {column: set() for column in facts.columns}
    with_title = False
    for row in _rows(facts):
        for column, ids in seen.items():
            if (value := comparable(cell_value(row, column))) in judged:
                ids.add(value)
        title, text = (cell_value(row, column) or "" for column in ("title", "text"))
        with_title |= isinstance(title, str) and isinstance(text, str) and not text.strip().startswith(title.strip())
    id_column = max(seen, key=lambda column: len(seen[column]))
    texts = {column: facts.columns[column].characters for column in facts.columns if facts.columns[column].is_text}
    texts.pop(id_column, None)
    if not texts:
        raise UserError(f"{facts.path}: expected a column of texts, found {', '.join(facts.columns)}")
    text = next((column for column in ("text", "title") if texts.get(column)), max(texts, key=texts.get))
    return {"id": id_column, "text": ["title", "text"] if with_title and text == "text" and texts.get("title") else text}
