"""What a user's file is, and the settings that read it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from relab.corpora.sources import read_lines, sources
from relab.errors import UserError
from relab.retrieval_files import format_of
from relab.tabular import TABLES, TableFormat, cell_value, read_rows

#: Values of a column that are taken for classes: so many at most, none longer than so many characters.
MOST_CLASSES, LONGEST_CLASS = 20, 40
#: Lines at the beginning of a file that tell the form of a test collection.
HEAD_LINES = 50


@dataclass
class ColumnFacts:
    """What a column of a table holds: its types, values that are empty, characters of its texts, values while they are few,
    whether all are whole numbers.
    """

    types: Counter[str] = field(default_factory=Counter)
    empty: int = 0
    characters: int = 0
    values: Counter[str] | None = field(default_factory=Counter)
    is_whole: bool = True

    def add(self, value: Any) -> None:
        text = "" if value is None else str(value)
        self.types[type(value).__name__] += value is not None
        self.empty += not text.strip()
        self.characters += len(text)
        self.is_whole &= re.fullmatch(r"[+-]?\d+", text.strip()) is not None
        if self.values is not None and text.strip():
            self.values[text] += 1
            if len(self.values) > MOST_CLASSES or len(text) > LONGEST_CLASS:
                self.values = None  # no classes

    @property
    def is_text(self) -> bool:
        return set(+self.types) == {"str"}

    @property
    def is_class(self) -> bool:
        return bool(self.values) and len(self.values) > 1 and min(self.values.values()) > 1

    def __str__(self) -> str:
        kind = " and ".join(sorted(+self.types)) or "nothing"
        empty = f", {self.empty:,} empty" if self.empty else ""
        classes = f", {len(self.values)} values: {', '.join(self.values)}" if self.is_class else ""
        return f"{kind}, {self.characters:,} characters{empty}{classes}"


@dataclass(frozen=True)
class Facts:
    """What a file is: its form in words, rows or lines, the columns of a table by name, its form if no ending says it."""

    path: Path
    form: str
    rows: int
    columns: Mapping[str, ColumnFacts]
    repeated: int
    table_form: str | None = None

    @property
    def lines(self) -> list[str]:
        """The facts in words."""
        repeated = f", {self.repeated:,} of them stood there before" if self.repeated else ""
        counted = f"{self.rows:,} {'rows' if self.columns else 'lines'}{repeated}"
        return [f"{self.path}: {self.form}, {counted}", *(f"  {name}: {facts}" for name, facts in self.columns.items())]

    @property
    def is_judgments(self) -> bool:
        """Whether it holds judgments of TREC, by its form or its ending."""
        return (self.table_form or self.path.suffix.lower().removeprefix(".")) == "qrels"

    def overlay(self) -> dict[str, Any]:
        """Settings that read it: a classification where a column holds classes and another text, else a corpus.

        Raises:
            UserError: a table without a column of texts.
        """
        file = re.sub(r"[^A-Za-z0-9._-]+", "_", self.path.name).lstrip("._-")  # any name on this machine is the source's path
        name = artefact_name(file.partition(".")[0])
        declared = {"about": self.path.name, "licence": "your own", "files": {file: {}}}
        asset = {name: declared | {"sources": [{"kind": "local", "path": str(self.path.resolve())}]}}
        return {"assets": asset} | self.declarations(name, self.path.name, {"all": file})

    def declarations(
        self, name: str, title: str, files: Mapping[str, str], labels: Mapping[str, Sequence[str]] | None = None
    ) -> dict[str, Any]:
        """What reads the asset ``name``, without the asset itself.

        Args:
            files: the file of each split, all of the columns that this one has.
            labels: the names of the classes of columns that hold their indices.
        """
        about = {"title": title, "asset": name}
        if not self.columns:
            return {"corpora": {name: about | {"reader": {"kind": "text", "document": "paragraph"}}}}
        if self.is_judgments:
            raise UserError(f"{self.path}: found judgments, expected their documents and queries too; check the folder of all")
        texts = [column for column, facts in self.columns.items() if facts.is_text]
        if not texts:
            raise UserError(f"{self.path}: expected a column of texts, found {', '.join(self.columns)}")
        form = {"format": self.table_form} if self.table_form else {}
        text = max(texts, key=lambda column: self.columns[column].characters)
        classes = {column: {str(index): label for index, label in enumerate(names)} for column, names in (labels or {}).items()}
        if not classes:
            classes = {
                column: {value: value for value in sorted(facts.values)}
                for column, facts in self.columns.items()
                if facts.is_class and column != text
            }
        if not classes:
            return {"corpora": {name: about | {"reader": {"kind": "table", "column": text} | form}}}
        label = list(classes)[-1]
        tables = {split: {"file": file} | form for split, file in files.items()}
        classified = {"kind": "classification", "tables": tables, "text": text, "label": label, "labels": classes[label]}
        return {"datasets": {name: about | classified}}


def inspect(path: Path) -> Facts:
    """Read a file to its end and say what it is, as the readers of corpora and data sets take it.

    Raises:
        UserError: a file that they cannot read; the message says why.
    """
    files = list(sources([path]))
    endings = sorted({source.ending for source in files})
    members = f", an archive of {len(files):,} files" if [source.name for source in files] != [str(path)] else ""
    if len(endings) == 1 and endings[0] in TABLES:
        return _table(path, f"a table ({endings[0]}){members}")
    if form := _test_collection(path):
        return _table(path, f"a table (`format: {form}`){members}", form)
    lines = [line for source in sources([path]) for line in read_lines(source)]
    return Facts(path, f"text in UTF-8{members}", len(lines), {}, _repeated(line for line in lines if line.strip()))


def artefact_name(file: str) -> str:
    """A name for what is read from a file or folder."""
    return re.sub(r"[^a-z0-9]+", "_", file.lower()).strip("_") or "mine"


def _test_collection(path: Path) -> str | None:
    """The form of a file of a test collection, which all members of an archive have; None for other files."""
    forms = {format_of(islice(read_lines(source), HEAD_LINES)) for source in sources([path])}
    return forms.pop() if len(forms) == 1 else None


def _table(path: Path, form: str, table_form: str | None = None) -> Facts:
    columns: dict[str, ColumnFacts] = {}
    rows: Counter[str] = Counter()
    for _, row in read_rows(path, [], TableFormat(form=table_form)):
        rows[repr(row)] += 1
        for name, value in _cells(row):
            columns.setdefault(name, ColumnFacts()).add(value)
    return Facts(path, form, rows.total(), columns, rows.total() - len(rows), table_form)


def _cells(row: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """The cells of a row by the names that settings know them by: ``a.b`` is the field ``b`` of the column ``a``."""
    for name, value in row.items():
        inner = value[:1] if isinstance(value, list) else [value]
        fields = [field for item in inner if isinstance(item, Mapping) for field, _ in _cells(item)]
        yield from ((f"{name}.{field}", cell_value(row, f"{name}.{field}")) for field in fields)
        if not fields:
            yield name, value


def _repeated(texts: Iterable[str]) -> int:
    counts = Counter(texts)
    return counts.total() - len(counts)
