"""Settings of corpora: how published forms become documents, how text is cleaned, how it is split."""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from relab.comparable import comparable
from relab.settings import grammars
from relab.settings.base import Declaration, Float, Int, Settings, documentation
from relab.settings.references import Ref


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression ({error})") from None
    return pattern


RegularExpression = Annotated[str, StringConstraints(min_length=1), AfterValidator(_compiles)]
NonEmpty = Annotated[str, StringConstraints(min_length=1)]
#: What the cell of a table is compared with.
CellValue = Annotated[
    str,
    BeforeValidator(lambda value: comparable(value) if isinstance(value, str | bool | int | float) else value),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]


def _known_encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise ValueError(f"expected an encoding that Python knows, found {name!r}") from None
    return name


class EncodedText(Settings):
    """Text in an encoding."""

    encoding: Annotated[str, AfterValidator(_known_encoding)] | None = Field(
        None, description="Encoding of the text by its name in Python, such as mac_roman; none: UTF-8."
    )

    @property
    def codec(self) -> str:
        """The name of the encoding; UTF-8 may begin with a byte order mark."""
        return self.encoding or "utf-8-sig"


#: The forms of tables that a user can name, each an ending of files.
TableForm = Literal["csv", "tsv", "jsonl", "json", "parquet", "arrow", "smart", "topics", "qrels"]


class DelimitedText(EncodedText):
    """Text in cells, where the file is no JSON, Parquet, Arrow or SQLite."""

    format: TableForm | None = Field(
        None,
        description="How the file is read, whatever its ending; none: as its ending says. `smart`: texts of SMART (Cranfield, "
        "CISI, Medline), with the columns `id`, `number` (from 1 in their order), `title`, `author`, `source` and `text`. "
        "`topics`: queries of TREC, with `id`, `title`, `description` and `narrative`. `qrels`: judgments of TREC, parted by "
        "any blanks, with `query`, `iteration` (of four cells), `document` and `relevance`, or what `header` names.",
    )
    delimiter: str | None = Field(
        None,
        description="What parts the cells of delimited text, where the ending does not say it.",
        min_length=1,
        max_length=1,
    )
    header: list[NonEmpty] | None = Field(None, description="Names of the columns of delimited text without a header line.")
    quoted: bool | None = Field(
        None,
        description="Whether cells of delimited text may stand in quotation marks, with those inside doubled, as pandas writes "
        "them; if not, a mark is a character. None: in all but TSV, where a cell with doubled marks in marks is an error.",
    )

    @model_validator(mode="after")
    def _delimiter_of_delimited_text(self):
        if self.delimiter is not None and self.format not in (None, "csv", "tsv"):
            raise ValueError(f"delimiter: expected only with `format: csv` or `tsv`, found `format: {self.format}`")
        if self.delimiter is not None and self.delimiter in '"\r\n\0':
            raise ValueError(f"delimiter: expected what parts cells, found {self.delimiter!r}, which quotes them or ends lines")
        return self


class PlayReader(EncodedText):
    """Plays in Markdown: ``**NAME**`` speakers, ``_stage directions_``, ``#`` headings."""

    kind: Literal["play"]
    document: Literal["play", "scene"] = Field("play", description="What one document is.")
    speakers: bool = Field(True, description="Keep speakers, as a line `NAME:` before their verse.")
    directions: bool = Field(False, description="Keep stage directions, as a line in brackets.")
    headings: bool = Field(False, description="Keep the headings of plays, acts and scenes.")


class BibleReader(Settings):
    """One translation of a Bible database (SQLite, table ``bible``), a verse a line."""

    kind: Literal["bible"]
    translation: str = Field(
        description="Letter of the translation: k King James (en), 4 World English Bible (en), d Diodati (it), l Segond (fr)."
    )
    books: list[Annotated[Int, Field(ge=1)]] | None = Field(
        None, description="Numbers of the books that are read, such as 1 Genesis and 44 Acts; none: all.", min_length=1
    )
    document: Literal["verse", "chapter", "book"] = Field("chapter", description="What one document is.")


class Division(EncodedText):
    """How the text of a file is cut into documents."""

    document: Literal["file", "paragraph", "line", "heading", "separator"] = Field(
        "file",
        description="What one document is: the file; a paragraph (up to an empty line); a line; what a heading opens, up to "
        "the next (text before the first heading is introductory matter and left out); what stands between two separators.",
    )
    regexp: RegularExpression | None = Field(
        None,
        description="For headings and separators: the regular expression (of Python) that a heading's line, or the separator "
        "inside one line, matches.",
    )

    @model_validator(mode="after")
    def _regexp_where_needed(self):
        needed = self.document in ("heading", "separator")
        if needed and self.regexp is None:
            raise ValueError(f"`document: {self.document}` needs a `regexp`, the regular expression of the {self.document}")
        if not needed and self.regexp is not None:
            raise ValueError(f"`regexp` goes with `document: heading` or `separator`, found `document: {self.document}`")
        return self


class GutenbergReader(Division):
    """Project Gutenberg texts; header and footer are cut whatever their wording."""

    kind: Literal["gutenberg"]


class TextReader(Division):
    """Plain text."""

    kind: Literal["text"]
    undecodable: Literal["error", "drop"] = Field(
        "error",
        description="What becomes of a file that is no text in its encoding: an error that names the byte, or it is left out "
        "and counted.",
    )


class GivenReader(Settings):
    """Texts that stand in the settings: no file is read, a document is a text."""

    kind: Literal["given"]
    texts: list[NonEmpty] = Field(description="The texts, a document each.", min_length=2)


class LyricsReader(Division, DelimitedText):
    """Song lyrics as published on lyrics pages: section marks such as ``[Verse 2]`` and residue of the page."""

    kind: Literal["lyrics"]
    column: str | None = Field(None, description="For tables: the column that holds the lyrics, as for `kind: table`.")
    marks: bool = Field(True, description="Keep section marks such as [Verse 2], as the write-up does.")
    residue: bool = Field(
        True,
        description="Keep residue of the page (`You might also like`, `12Embed`, ticket offers, lists of contributors), as the "
        "write-up does.",
    )

    @model_validator(mode="after")
    def _cells_of_tables(self):
        for key in ("format", "delimiter", "header", "quoted"):
            if self.column is None and getattr(self, key) is not None:
                raise ValueError(f"{key}: expected only with `column`, for tables, found {getattr(self, key)!r}")
        return self


class TableReader(DelimitedText):
    """CSV, TSV, JSON lines, one JSON array of objects or Parquet (by file ending; compressed too, and many in a .zip or .tar),
    a document a row.
    """

    kind: Literal["table"]
    column: str = Field(
        "text", description="The column that holds the text; `a.b` is the field b of the column a, as deep as it goes."
    )
    where: dict[str, CellValue | list[CellValue]] = Field(
        {}, description="Rows are kept where these columns have these values, or one of a list: `license: [mit, isc]`."
    )


class GrammarReader(Settings):
    """Sentences drawn from a small probabilistic grammar: no file is read, a document is a sentence."""

    kind: Literal["grammar"]
    start: str = Field("sentence", description="The symbol that every sentence starts from.")
    symbols: dict[str, list[str] | dict[str, Float]] = Field(
        description="What each symbol may become: texts, equally probable, or texts with their weights. {symbol} in a text "
        "stands for what that symbol becomes; no symbol may lead back to itself.",
        min_length=1,
    )
    number: Int = Field(description="Sentences drawn.", ge=2)
    seed: Int = Field(0, description="Seed of the draws.", ge=0)

    @model_validator(mode="after")
    def _makes_sentences(self):
        grammars.check(self.start, self.symbols)
        return self


AnyReader = Annotated[
    PlayReader | BibleReader | GutenbergReader | TextReader | LyricsReader | TableReader | GrammarReader | GivenReader,
    Field(discriminator="kind"),
]


class Cleaning(Settings):
    """What happens to the text of every document, in this order.

    Between `fold_case` and `minimum_count`, always: control characters, invisible ones (zero-width, directional marks, soft
    hyphens), private-use ones and replacement marks are removed, other blanks and line ends become a blank and a line end,
    blanks at the end of a line and empty lines at both ends of a document go. Visible format characters, such as the sign at
    the end of a verse of the Quran, stay. What was removed is counted.
    """

    mojibake: bool = Field(False, description="Mend text that was decoded wrongly before it came here (ftfy).")
    unicode: Literal["NFC", "NFKC", "none"] = Field("NFC", description="Unicode normalisation form.")
    replace: dict[NonEmpty, str] = Field(
        {},
        description="Strings that are replaced, each with its replacement; in one pass, the longest first. They are brought "
        "into the normal form of the text.",
    )
    fold_case: bool = Field(False, description="Fold case to lower.")
    keep: str = Field("", description="Characters that are kept though they are invisible, such as the joiners of Persian.")
    minimum_count: Int = Field(
        1, description="Characters that occur less often in the whole corpus are removed (blanks and line ends never).", ge=1
    )

    @field_validator("replace")
    @classmethod
    def _in_the_normal_form_of_the_text(cls, replace: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        form, normalised = info.data.get("unicode", "none"), {}
        for string, replacement in replace.items():
            key = string if form == "none" else unicodedata.normalize(form, string)
            if key in normalised:
                raise ValueError(f"{key!r} stands twice, in two forms of Unicode; expected it once")
            normalised[key] = replacement
        return normalised


class Split(Settings):
    """How training and validation text are separated."""

    by: Literal["document", "contiguous", "last"] = Field(
        "document",
        description="Whole documents drawn by seed, equal ones on one side; the lecture's cut: the last share of the text; or "
        "the last whole documents, which suits documents that were drawn independently.",
    )
    validation: Float = Field(0.1, description="Share of the documents (or of the characters) for validation.", gt=0, lt=1)
    seed: Int = Field(0, description="Seed of the draw.", ge=0)


class Corpus(Declaration):
    """A corpus: the files it is read from, and how."""

    title: str = documentation("What tables and figures call it.")
    language: str = documentation("Language as an ISO 639-1 code.", default="")
    asset: Ref["assets"] | None = Field(
        None, description="The asset that it is read from, all of its files; none for drawn sentences and for given texts."
    )
    reader: AnyReader = Field(description="How the published form becomes documents.")
    limit: Int | None = Field(None, description="Read only so many documents, the first ones.", gt=0)
    clean: Cleaning = Field(Cleaning(), description="How the text is cleaned.")
    duplicates: Literal["drop", "keep"] = Field(
        "drop",
        description="Documents that equal an earlier one, character for character: left out, or kept on the earlier one's side "
        "of a split by document.",
    )
    split: Split = Field(Split(), description="How it is split.")
    passage_lines: Int | None = Field(
        None,
        description="Once it is split, a document is cut into passages of at most so many lines, as equal as they can be, "
        "which are documents then. None: documents stay whole.",
        gt=0,
    )
    separator: str = Field(
        "\n\n",
        description="What stands between two documents where they are read as one stream. A control token "
        "(`<|endoftext|>`) is one here; written in a text it is text, as everywhere.",
    )

    @model_validator(mode="after")
    def _files_where_they_are_read(self):
        if not self.reads_files and self.asset is not None:
            reader = {"grammar": "a grammar reads", "given": "texts in the settings read"}[self.reader.kind]
            raise ValueError(f"asset: {reader} no file, found {self.asset!r}")
        if self.reads_files and self.asset is None:
            raise ValueError(f"asset: required with `reader.kind: {self.reader.kind}`")
        return self

    @property
    def reads_files(self) -> bool:
        """Whether its documents come out of files."""
        return self.reader.kind not in ("grammar", "given")
