"""Settings of data sets: the tables they are read from, which column is what, how they are split and sampled."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from relab.comparable import comparable
from relab.settings.assets import FileName
from relab.settings.base import Declaration, Float, Int, Settings, documentation, kind_or
from relab.settings.corpora import CellValue, DelimitedText, EncodedText, RegularExpression
from relab.settings.preferences import PreferenceForm, TextColumns
from relab.settings.references import Ref

Column = Annotated[str, Field(min_length=1)]
#: The splits of what is learned from, and the parts of a retrieval data set.
SPLITS = ("train", "validation", "test")
PARTS = ("corpus", "queries", "qrels")


def _comparable_keys(value: Any) -> Any:
    """Keys as cells are compared with them; two that are equal in that form are refused."""
    if not isinstance(value, dict):
        return value
    keys: dict[str, Any] = {}
    for key in value:
        if (first := keys.setdefault(comparable(key), key)) != key:
            raise ValueError(
                f"expected values that differ, found {first!r} and {key!r}, which are compared as {comparable(key)!r}"
            )
    return {comparable(key): name for key, name in value.items()}


def _in_order(bounds: tuple[int, int]) -> tuple[int, int]:
    if not 1 <= bounds[0] <= bounds[1]:
        raise ValueError(f"expected the least number and the greatest one, found {list(bounds)}")
    return bounds


#: At least and at most so many.
Bounds = Annotated[tuple[Int, Int], AfterValidator(_in_order)]


class OneFile:
    """What is read from one file of the asset, the key ``file``."""

    @property
    def files(self) -> dict[str, str]:
        """The files that it is read from, by their keys."""
        return {"file": self.file}


class Table(DelimitedText, OneFile):
    """One file of the asset and how its rows are read: CSV, TSV, JSON lines, Parquet, Arrow, SQLite, or what `format` says."""

    file: FileName = Field(description="The file of the asset.")
    sql: str | None = Field(None, description="For SQLite: the query whose result is the table.", min_length=1)
    where: dict[str, CellValue | list[CellValue]] = Field(
        {}, description="Rows are kept where these columns have these values, or one of a list."
    )
    first: Int | None = Field(None, description="Only so many of the rows that are kept are read, the first ones.", ge=1)


class Draw(Settings):
    """Which rows are drawn for the splits that are not published."""

    test: Float = Field(0.2, description="Share of the rows for testing, where no split is published.", gt=0, lt=1)
    validation: Float = Field(
        0.1, description="Share of all rows (or of the published training rows) for validation.", gt=0, lt=1
    )
    seed: Int = Field(0, description="Seed of the draws, of samples too.", ge=0)


class Limit(Settings):
    """How many rows of a split are used at most; more are sampled by the seed, classes in proportion."""

    train: Int | None = Field(None, description="Training rows.", ge=1)
    validation: Int | None = Field(None, description="Validation rows.", ge=1)
    test: Int | None = Field(None, description="Test rows.", ge=1)


class Duplicates(Settings):
    """Which rows count as duplicates: these never lie in two splits. Those of training (and validation) that duplicate one of a
    later published split are left out and counted; where splits are drawn, duplicates go to the same one."""

    normalise: bool = Field(
        True,
        description="Rows are compared without case, links, punctuation and runs of blanks; if not, character for character.",
    )
    similarity: Float = Field(
        0.5,
        description="Jaccard similarity of their sets of word n-grams from which two rows are near duplicates, which count as "
        "duplicates too; 1: none but equal rows are.",
        gt=0,
        le=1,
    )
    words: Int = Field(4, description="Words of an n-gram; a row of fewer is one n-gram.", ge=1)
    contained: bool = Field(False, description="A row of that many words that stands within another one is its duplicate.")


class Dataset(Declaration):
    """What all data sets have."""

    title: str = documentation("What tables and figures call it.")
    language: str = documentation("Language as an ISO 639-1 code.", default="")
    asset: Ref["assets"] = Field(description="The asset that holds its files.")
    bad_rows: Literal["error", "drop"] = Field(
        "error",
        description="What becomes of a row without a text, with an unknown label, an answer that is no choice, two answers "
        "that are equal, and of a file of code that Python cannot parse: an error that names it, or it is left out and "
        "counted.",
    )
    bad_share: Float = Field(
        0.05,
        description="Share of the rows of a table that may be left out as bad, or as broken references; more than that, and "
        "more than two, is an error.",
        ge=0,
        le=1,
    )

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of its files: splits, or the parts of a retrieval data set."""
        return SPLITS


class Split(Dataset):
    """A data set of rows in splits: as published, or drawn."""

    tables: dict[Literal["all", "train", "validation", "test"], Table] = Field(
        description="The table of each published split, or of all rows. Training and test are needed, or all alone; what "
        "is not published is drawn."
    )
    duplicates: Duplicates = Field(Duplicates(), description="Which rows count as duplicates, which never lie in two splits.")
    draw: Draw = Field(Draw(), description="How splits are drawn that are not published.")
    limit: Limit = Field(Limit(), description="How many rows are used at most.")


class ClassificationDataset(Split):
    """Texts with a class each."""

    kind: Literal["classification"]
    text: Column | list[Column] = Field(description="The column of the text, or several that are joined by a blank.")
    label: Column = Field(description="The column of the class.")
    labels: Annotated[dict[str, str], BeforeValidator(_comparable_keys)] = Field(
        description="What the column of the class holds, and the name of that class; in the order in which tables show them.",
        min_length=2,
    )

    @model_validator(mode="after")
    def _classes_differ(self):
        if len(set(self.labels.values())) < 2:
            raise ValueError(f"labels: expected at least two classes, found {', '.join(set(self.labels.values()))}")
        return self


class ChoiceDataset(Split):
    """Questions with several choices, one of which is right."""

    kind: Literal["choice"]
    question: Column | list[Column] = Field(description="The column of the question, or several that are joined by a blank.")
    choices: Column | list[Column] = Field(
        description="The column that holds the list of choices, or a column for each. A point leads inside: `choices.text`."
    )
    answer: Column = Field(description="The column of the right choice: its index from 0, or its name.")
    names: Column | None = Field(
        None, description="The column that holds the list of the choices' names, where the answer is a name."
    )


class NextSpeechDataset(Dataset):
    """Which speech of a play follows another: the true one among others of the same play. Splits hold different plays."""

    kind: Literal["next_speech"]
    choices: Int = Field(4, description="Choices of each question, the true one among them.", ge=2)
    words: Bounds = Field((5, 40), description="Words of a speech that is asked about or offered, at least and at most.")
    duplicates: Duplicates = Field(
        Duplicates(),
        description="Which questions, each with its true answer, count as duplicates, which never lie in two splits.",
    )
    draw: Draw = Field(Draw(), description="Which plays are for validation and test; and the seed of all draws.")
    limit: Limit = Field(Limit(), description="How many questions are used at most, spread evenly over the plays.")


class PairTable(Table):
    """A table of pairs: what is meant where no kind is named."""

    kind: Literal["table"] = "table"


class AlignedFiles(EncodedText):
    """Files of text that are aligned by their lines (Moses): a line of each makes a pair."""

    kind: Literal["lines"]
    source: FileName = Field(description="The file of the asset that holds the sources.")
    target: FileName | list[FileName] = Field(
        description="The file of the asset that holds the targets, or several: the further ones hold references.",
        min_length=1,
    )

    @property
    def files(self) -> dict[str, str]:
        """The files that it is read from, by their keys."""
        if isinstance(self.target, str):
            return {"source": self.source, "target": self.target}
        return {"source": self.source, **{f"target.{number}": file for number, file in enumerate(self.target)}}


class Dictionary(EncodedText, OneFile):
    """A dictionary of pronunciations (CMUdict): on each line a word and, parted by blanks, its phonemes. Further entries of a
    word, such as `read(2)`, are references. Comments stand after `#` and in lines that begin with `;;;`.
    """

    kind: Literal["dictionary"]
    file: FileName = Field(description="The file of the asset.")


class Docstrings(Settings, OneFile):
    """Docstrings of modules, classes and functions in Python: the first line is the target, what stands below it the source.
    Only those are taken whose first line is a summary: an empty line and more text follow it (PEP 257).
    """

    kind: Literal["docstrings"]
    file: FileName = Field(description="The file of the asset: Python code, or an archive of it.")
    exclude: list[str] = Field(
        [],
        description="Patterns of members of the archive that are left out: `**/tests/**/*.py` (* is any name, ** any folders).",
    )


PairSource = Annotated[
    Annotated[PairTable, Tag("table")]
    | Annotated[AlignedFiles, Tag("lines")]
    | Annotated[Dictionary, Tag("dictionary")]
    | Annotated[Docstrings, Tag("docstrings")],
    Discriminator(kind_or("table")),
]


class Side(Settings):
    """What one side of a pair must be."""

    words: Bounds | None = Field(None, description="Words, parted by blanks, at least and at most.")
    characters: Bounds | None = Field(None, description="Characters, at least and at most.")
    matches: RegularExpression | None = Field(
        None, description="Regular expression (of Python) that the whole side matches, such as `[a-z]+`."
    )


class Sides(Settings):
    """What the sides of a pair must be; pairs that are otherwise are left out and counted."""

    source: Side = Field(Side(), description="What a source must be.")
    target: Side = Field(Side(), description="What a target must be; references are kept as they are.")
    equal: Literal["keep", "drop"] = Field(
        "keep", description="What becomes of a pair whose sides are equal but for blanks: kept, or left out."
    )


class PairsDataset(Split):
    """Pairs of a source and its target: translations, summaries, pronunciations. A pair may have further acceptable targets,
    its references. Pairs are compared by their sources: no source lies in two splits, whatever its targets are.
    """

    kind: Literal["pairs"]
    tables: dict[Literal["all", "train", "validation", "test"], PairSource] = Field(
        description="What each published split, or all rows, are read from: a table, or another kind of file. Training and "
        "test are needed, or all alone; what is not published is drawn."
    )
    source: Column | list[Column] = Field(
        "source",
        description="Of tables: the column of the source, or several that are joined by a blank. A point leads inside: "
        "`translation.en`.",
    )
    target: Column | list[Column] = Field(
        "target",
        description="Of tables: the column of the target, or several that are joined by a blank. Of a column of lists the "
        "first text is the target, the others are references.",
    )
    references: Column | None = Field(
        None, description="Of tables: the column of the references, a list of texts or one text; it may be empty."
    )
    same_source: Literal["keep", "merge"] = Field(
        "keep",
        description="What becomes of rows of a table with the same source: they stay pairs, or become one, with the first "
        "target and the others as references. Entries of a dictionary always become one.",
    )
    sides: Sides = Field(Sides(), description="What the sides of a pair must be; other pairs are left out and counted.")


class PreferencesDataset(Split):
    """Prompts with two answers each, one of which was preferred. Rows are compared by their prompts: no prompt lies in two
    splits, whatever its answers are.
    """

    kind: Literal["preferences"]
    form: PreferenceForm = Field(TextColumns(), description="What the rows of the tables are.")
    sides: dict[Literal["prompt", "chosen", "rejected"], Side] = Field(
        {}, description="What prompts and answers must be; other rows (or labelled texts) are left out and counted."
    )


class Documents(Table):
    """A table of texts with names."""

    id: Column = Field("id", description="The column of the text's id.")
    text: Column | list[Column] = Field("text", description="The column of the text, or several that are joined by a blank.")


class Judgments(Table):
    """A table of relevance judgments."""

    query: Column = Field("query", description="The column of the query's id.")
    document: Column = Field("document", description="The column of the document's id.")
    relevance: Column | None = Field(
        None,
        description="The column of the grade of relevance, a whole number: a higher one is better, 0 or less is not relevant; "
        "none: every document named is relevant. Judgments of TREC without a `header` have it: `relevance`.",
    )
    grades: Annotated[dict[str, Int], BeforeValidator(_comparable_keys)] | None = Field(
        None,
        description="What the column of the grade holds, and the grade that it means, where that is no whole number or where a "
        "lower one is better: `{1: 3, 2: 2, 3: 1, 4: 0}`.",
        min_length=1,
    )

    @model_validator(mode="before")
    @classmethod
    def _grades_of_trec(cls, value: Any) -> Any:
        if isinstance(value, dict) and "header" not in value:
            form = value.get("format") or re.sub(r"\.(gz|bz2|xz|zst)$", "", str(value.get("file"))).rpartition(".")[2]
            return {"relevance": "relevance", **value} if form == "qrels" else value
        return value

    @model_validator(mode="after")
    def _grades_of_a_column(self):
        if self.grades is not None and self.relevance is None:
            raise ValueError("grades: expected only with `relevance`, the column that holds them")
        return self


class RetrievalLimit(Settings):
    """How much of a retrieval data set is used."""

    queries: Int | None = Field(None, description="Queries, sampled by the seed.", ge=1)
    corpus: Int | None = Field(
        None,
        description="Documents: all that are relevant to the queries used, and others, sampled by the seed, up to this number.",
        ge=1,
    )


class RetrievalDataset(Dataset):
    """Documents, queries, and which documents are relevant to which query. Queries without a relevant document are left out."""

    kind: Literal["retrieval"]
    corpus: Documents = Field(description="The documents.")
    queries: Documents = Field(description="The queries.")
    qrels: Judgments = Field(description="The judgments.")
    broken_references: Literal["error", "drop"] = Field(
        "error",
        description="What becomes of a judgment on a document or for a query that is not there: an error that names it, or it "
        "is left out and counted. A judgment on a text that `bad_rows` leaves out goes with it.",
    )
    queries_are_documents: bool = Field(
        False, description="A query's id names it among the documents too: it is not a result of its own."
    )
    limit: RetrievalLimit = Field(RetrievalLimit(), description="How much is used.")
    seed: Int = Field(0, description="Seed of the samples.", ge=0)

    @property
    def parts(self) -> tuple[str, ...]:
        return PARTS


AnyDataset = Annotated[
    ClassificationDataset | ChoiceDataset | NextSpeechDataset | RetrievalDataset | PairsDataset | PreferencesDataset,
    Field(discriminator="kind"),
]


def tables_of(dataset: Dataset) -> dict[str, Table | PairSource]:
    """The tables (or other files) that a data set is read from, by dotted key."""
    if isinstance(dataset, RetrievalDataset):
        return {name: getattr(dataset, name) for name in PARTS}
    return {f"tables.{name}": table for name, table in getattr(dataset, "tables", {}).items()}
