"""Tokenizing a corpus once, by several processes, in memory that does not grow with it."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from transformers import PreTrainedTokenizerBase

from relab.characters import alphabet
from relab.checkpoints import load_tokenizer
from relab.encoding import encode
from relab.errors import UserError
from relab.tokens import store
from relab.tokens.store import ROWS, Counts, first_line

#: Told how many documents of how many are done, and in which pass; picklable, since it is called in other processes too.
Progress = Callable[[int, int, str], None]

#: A corpus of fewer bytes is done by one process before a second one has started.
SMALL = 4_000_000


def tokenize(
    parquet: str | os.PathLike,
    tokenizer_dir: str | os.PathLike,
    separator: str,
    output: str | os.PathLike,
    processes: int = 1,
    progress: Progress = lambda done, total, stage: None,
) -> Counts:
    """Write the token ids of one split of a corpus as :class:`relab.tokens.store.Tokens` reads them.

    Each document is encoded alone, with the special tokens that the tokenizer's template adds. The separator's ids stand behind
    every document, unless the template ends documents by a token of its own. An empty document has no ids but those. The same
    input gives the same bytes, whatever the number of processes. Working files stand beside ``output``: the text once more and
    its ids.

    Args:
        parquet: the split, one document a row in the column ``text``.
        tokenizer_dir: tokenizer directory.
        separator: what stands between two documents.
        output: the file to write.
        processes: processes that encode, each on one core; a corpus of less than :data:`SMALL` bytes takes one.
        progress: told how far a pass is; of several processes the first one tells, for all.

    Raises:
        UserError: not Parquet with a column of texts, a text that is missing or not UTF-8, a character that a character
            tokenizer lacks, no tokenizer, a process that was killed.
    """
    parquet, output = Path(parquet), Path(output)
    documents, size = _measured(parquet)
    tokenizer = _whole(load_tokenizer(tokenizer_dir))
    end = _end(tokenizer)
    behind = encode(tokenizer, "" if end is not None else separator, "the corpus's separator")
    taken = 1 if size < SMALL else max(1, min(processes, documents))
    encoder = _Encoder(tokenizer, behind, str(parquet), documents, taken, progress)
    with _working_folder(output) as folder, _quiet():
        rows = _encoded(parquet, encoder, folder)
        counts = Counts(
            **_sums(rows, behind, _unknown(tokenizer)), separator=len(behind), end=end,
            separator_bytes=0 if end is not None else len(separator.encode()),
        )  # fmt: skip
        store.write(output, _regrouped(rows, progress), counts, behind.dtype.type)
    return counts


def _measured(parquet: Path) -> tuple[int, int]:
    """Documents of a split and bytes of its data, not compressed."""
    os.stat(parquet)  # a missing file is told as such
    try:
        with pq.ParquetFile(parquet) as file:
            kind = dict(zip(file.schema_arrow.names, file.schema_arrow.types, strict=True)).get("text")
            meta = file.metadata
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{parquet}: expected a corpus in Parquet, found none ({first_line(error)})") from None
    if kind not in (pa.string(), pa.large_string()):
        raise UserError(f"{parquet}: expected a column text of strings, found {'none' if kind is None else kind}")
    return meta.num_rows, sum(meta.row_group(index).total_byte_size for index in range(meta.num_row_groups))


def _whole(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The tokenizer, that neither cuts nor pads texts; a published one may have been saved so."""
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    return tokenizer


def _end(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The token that the tokenizer's template puts behind a text."""
    if alphabet(tokenizer) is not None:
        return None  # it has no template, and perhaps no token for the text below
    told = tokenizer("a", return_special_tokens_mask=True)
    return told["input_ids"][-1] if told["special_tokens_mask"][-1] else None


def _unknown(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The token for what the tokenizer does not know; GPT-2's names its end of text, but knows everything."""
    return None if tokenizer.unk_token_id == tokenizer.eos_token_id else tokenizer.unk_token_id


@dataclass(frozen=True)
class _Encoder:
    """What is done with each batch of documents, in whichever process."""

    tokenizer: PreTrainedTokenizerBase
    behind: np.ndarray
    place: str
    documents: int
    processes: int
    progress: Progress

    def __call__(self, batch: pa.Table, indices: Sequence[int], rank: int | None) -> pa.Table:
        column = batch.column("text").combine_chunks()
        texts = self._texts(column, indices[0])
        ids, lengths = self._characters(texts, indices[0]) if alphabet(self.tokenizer) is not None else self._pieces(texts)
        if not rank:  # the first process tells for all: their shares are alike
            self.progress(min(self.documents, (indices[-1] + 1) * self.processes), self.documents, "tokenizing")
        sizes = {"characters": pc.utf8_length(column), "bytes": pc.binary_length(column)}
        return pa.table({"ids": _rows(ids, lengths, self.behind), **{key: one.cast(pa.int64()) for key, one in sizes.items()}})

    def _texts(self, column: pa.Array, first: int) -> list[str]:
        texts = []
        for number, text in enumerate(column, first + 1):
            try:
                texts.append(text.as_py())
            except UnicodeDecodeError as error:
                found = f"byte {error.object[error.start]:#04x} at offset {error.start}"
                raise UserError(f"{self.place}, document {number}: expected UTF-8, found {found}") from None
            if texts[-1] is None:
                raise UserError(f"{self.place}, document {number}: expected a text, found none")
        return texts

    def _characters(self, texts: list[str], first: int) -> tuple[np.ndarray, list[int]]:
        known = alphabet(self.tokenizer).keys()
        for number, text in enumerate(texts, first + 1):
            if not known >= set(text):
                encode(self.tokenizer, text, f"{self.place}, document {number}")  # tells which character
        return encode(self.tokenizer, "".join(texts), self.place), list(map(len, texts))

    def _pieces(self, texts: list[str]) -> tuple[np.ndarray, list[int]]:
        # not the tokenizer's own call: it finds where each token lies in the text, which takes a fifth of the time
        each = [found.ids for found in self.tokenizer.backend_tokenizer.encode_batch_fast(texts)]
        lengths = list(map(len, each))
        return np.fromiter(itertools.chain.from_iterable(each), self.behind.dtype, sum(lengths)), lengths


def _rows(ids: np.ndarray, lengths: Sequence[int], behind: np.ndarray) -> pa.ListArray:
    """Documents that lie one behind the other in ``ids``, as rows with the separator behind each."""
    ends = np.cumsum(lengths, dtype=np.int64)
    if len(behind):
        ids = np.insert(ids, np.repeat(ends, len(behind)), np.tile(behind, len(lengths)))
        ends += len(behind) * np.arange(1, len(lengths) + 1)
    return _list_array(ids, np.concatenate([[0], ends]))


def _list_array(ids: np.ndarray, offsets: np.ndarray) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(ids))


def _encoded(parquet: Path, encoder: _Encoder, folder: Path) -> datasets.Dataset:
    """The rows in files of ``folder``: columns ``ids``, ``characters`` and ``bytes``."""
    kinds = {"ids": datasets.List(datasets.Value(str(encoder.behind.dtype)))}
    features = datasets.Features(kinds | {key: datasets.Value("int64") for key in ("characters", "bytes")})
    if not encoder.documents:  # from nothing, `map` makes no columns
        return datasets.Dataset.from_dict({key: [] for key in features}, features).with_format("arrow")
    scan = pads.ParquetFragmentScanOptions(pre_buffer=False)  # by default the whole file is read into memory, still compressed
    words = {"columns": ["text"], "cache_dir": str(folder), "keep_in_memory": False, "fragment_scan_options": scan}
    try:
        texts = datasets.Dataset.from_parquet(str(parquet), **words)
    except datasets.exceptions.DatasetGenerationError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno:
            raise error.__cause__ from None  # the disk is full
        raise UserError(f"{parquet}: expected a whole Parquet file, found a damaged one ({error.__cause__})") from None
    with _told_if_killed(parquet):
        return texts.with_format("arrow").map(
            encoder,
            batched=True,
            batch_size=ROWS,
            with_indices=True,
            with_rank=True,
            remove_columns=["text"],
            features=features,
            num_proc=encoder.processes if encoder.processes > 1 else None,  # 1 would start a process, too
            new_fingerprint="tokens",  # else the tokenizer is pickled to tell what it is
        )


@contextmanager
def _told_if_killed(parquet: Path) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if "abruptly died" not in str(error):
            raise
        raise UserError(
            f"{parquet}: a process that tokenizes it was killed; take fewer processes if memory ran short"
        ) from None


def _sums(rows: datasets.Dataset, behind: np.ndarray, unknown: int | None) -> dict[str, int | None]:
    """What was counted, separators left out."""
    found: dict[str, int | None] = {key: pc.sum(rows.data.column(key)).as_py() or 0 for key in ("characters", "bytes")}
    chunks = rows.data.column("ids").chunks
    found["tokens"] = sum(len(chunk.flatten()) for chunk in chunks) - len(rows) * len(behind)
    found["unknown"] = None
    if unknown is not None:
        number = sum(np.count_nonzero(chunk.flatten().to_numpy() == unknown) for chunk in chunks)
        found["unknown"] = int(number - len(rows) * np.count_nonzero(behind == unknown))
    return {"documents": len(rows), **found}


def _regrouped(rows: datasets.Dataset, progress: Progress) -> Iterator[pa.ListArray]:
    """The rows in groups of :data:`ROWS`, wherever the processes' shares begin and end."""
    done = 0
    for table in rows.iter(ROWS):
        parts = table.column("ids").chunks
        lengths = np.concatenate([np.diff(part.offsets) for part in parts])
        yield _list_array(np.concatenate([part.flatten().to_numpy() for part in parts]), np.cumsum([0, *lengths]))
        done += len(lengths)
        progress(done, len(rows), "writing")


@contextmanager
def _working_folder(output: Path) -> Iterator[Path]:
    """A folder beside ``output`` that goes at the end; its name is always the same, so that a killed attempt's goes, too."""
    folder = output.with_name(f".{output.stem}.tokenizing")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """No bars of ``datasets``, and tokenizers without threads of their own: one process is one core."""
    key, bars = "TOKENIZERS_PARALLELISM", datasets.are_progress_bars_disabled()
    before = os.environ.get(key)
    os.environ[key] = "false"
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        os.environ.pop(key) if before is None else os.environ.update({key: before})
        if not bars:
            datasets.enable_progress_bars()
