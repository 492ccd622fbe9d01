"""Tokenizing a corpus in several processes, in memory that does not grow with it."""

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
from relab.encoding import encode, encode_documents, encode_with_control_tokens
from relab.errors import UserError
from relab.tokens import store
from relab.tokens.store import ROWS, Counts, first_line

#: Called with the documents done, all documents and the name of the pass; picklable, since other processes call it too.
Progress = Callable[[int, int, str], None]

#: A corpus of fewer bytes is tokenized by one process before a second process has started.
ONE_PROCESS_BYTES = 4_000_000


def tokenize(
    parquet: str | os.PathLike,
    tokenizer_dir: str | os.PathLike,
    separator: str,
    output: str | os.PathLike,
    processes: int = 1,
    progress: Progress = lambda done, total, stage: None,
) -> Counts:
    """Write the token ids of one split of a corpus as :class:`relab.tokens.store.Tokens` reads them.

    Each document is encoded alone, with the special tokens that the tokenizer's template adds. The separator's ids follow
    every document, unless the template ends documents with a token. An empty document has no ids but those. The same input
    gives the same bytes, whatever the number of processes. Working files (the text and its ids) are written beside ``output``.

    Args:
        parquet: the split, one document a row in the column ``text``.
        tokenizer_dir: tokenizer directory.
        separator: what stands between two documents.
        output: the file to write.
        processes: processes that encode, each on one core; a corpus of less than :data:`ONE_PROCESS_BYTES` bytes takes one.
        progress: called with the progress of each pass, by the first process for all of them.

    Raises:
        UserError: no Parquet file with a column of texts, a text that is missing or not UTF-8, a character that a character
            tokenizer lacks, no tokenizer, a process that was killed.
    """
    parquet, output = Path(parquet), Path(output)
    documents, size = _count_documents_and_bytes(parquet)
    tokenizer = _without_cutting_or_padding(load_tokenizer(tokenizer_dir))
    end = _end_token(tokenizer)
    separator_ids = _separator_ids(tokenizer, "" if end is not None else separator)
    used_processes = 1 if size < ONE_PROCESS_BYTES else max(1, min(processes, documents))
    encode_batch = _Encoder(tokenizer, separator_ids, str(parquet), documents, used_processes, progress)
    with _working_folder(output) as folder, _quiet_datasets():
        encoded = _encode_rows(parquet, encode_batch, folder)
        counts = Counts(
            **_count_ids(encoded, separator_ids, _unknown_token(tokenizer)), separator=len(separator_ids), end=end,
            separator_bytes=0 if end is not None else len(separator.encode()),
        )  # fmt: skip
        store.write(output, _regroup(encoded, progress), counts, separator_ids.dtype.type)
    return counts


def _count_documents_and_bytes(parquet: Path) -> tuple[int, int]:
    """Documents of a split and uncompressed bytes of its data."""
    os.stat(parquet)  # a missing file raises its own error
    try:
        with pq.ParquetFile(parquet) as file:
            column_type = dict(zip(file.schema_arrow.names, file.schema_arrow.types, strict=True)).get("text")
            metadata = file.metadata
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{parquet}: expected a corpus in Parquet, found none ({first_line(error)})") from None
    if column_type not in (pa.string(), pa.large_string()):
        raise UserError(f"{parquet}: expected a column text of strings, found {'none' if column_type is None else column_type}")
    return metadata.num_rows, sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))


def _without_cutting_or_padding(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The tokenizer, set to neither cut nor pad texts; a published tokenizer may have been saved with either."""
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    return tokenizer


def _end_token(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The token that the tokenizer's template puts at the end of a text; None where it puts none."""
    if alphabet(tokenizer) is not None:
        return None  # it has no template, and perhaps no token for the text below
    encoded = tokenizer("a", return_special_tokens_mask=True)
    return encoded["input_ids"][-1] if encoded["special_tokens_mask"][-1] else None


def _separator_ids(tokenizer: PreTrainedTokenizerBase, separator: str) -> np.ndarray:
    """Token ids of a separator, whose control tokens are control tokens."""
    ids = encode(tokenizer, separator, "the corpus's separator")
    return ids if alphabet(tokenizer) is not None else np.array(encode_with_control_tokens(tokenizer, separator), ids.dtype)


def _unknown_token(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The token for unknown text, if any; GPT-2's tokenizer names its end-of-text token, but knows every text."""
    return None if tokenizer.unk_token_id == tokenizer.eos_token_id else tokenizer.unk_token_id


@dataclass(frozen=True)
class _Encoder:
    """Encodes a batch of documents, in any process."""

    tokenizer: PreTrainedTokenizerBase
    separator_ids: np.ndarray
    path: str
    documents: int
    processes: int
    progress: Progress

    def __call__(self, batch: pa.Table, indices: Sequence[int], rank: int | None) -> pa.Table:
        column = batch.column("text").combine_chunks()
        texts = self._texts(column, indices[0])
        ids, lengths = self._characters(texts, indices[0]) if alphabet(self.tokenizer) is not None else self._pieces(texts)
        if not rank:  # the first process reports for all: their shares are alike
            self.progress(min(self.documents, (indices[-1] + 1) * self.processes), self.documents, "tokenizing")
        sizes = {"characters": pc.utf8_length(column), "bytes": pc.binary_length(column)}
        return pa.table(
            {
                "ids": _rows_with_separator(ids, lengths, self.separator_ids),
                **{key: values.cast(pa.int64()) for key, values in sizes.items()},
            }
        )

    def _texts(self, column: pa.Array, start: int) -> list[str]:
        texts = []
        for number, text in enumerate(column, start + 1):
            try:
                texts.append(text.as_py())
            except UnicodeDecodeError as error:
                byte = f"byte {error.object[error.start]:#04x} at offset {error.start}"
                raise UserError(f"{self.path}, document {number}: expected UTF-8, found {byte}") from None
            if texts[-1] is None:
                raise UserError(f"{self.path}, document {number}: expected a text, found none")
        return texts

    def _characters(self, texts: list[str], start: int) -> tuple[np.ndarray, list[int]]:
        vocabulary = alphabet(self.tokenizer).keys()
        for number, text in enumerate(texts, start + 1):
            if not vocabulary >= set(text):
                encode(self.tokenizer, text, f"{self.path}, document {number}")  # names the character
        return encode(self.tokenizer, "".join(texts), self.path), list(map(len, texts))

    def _pieces(self, texts: list[str]) -> tuple[np.ndarray, list[int]]:
        ids_of_texts = encode_documents(self.tokenizer, texts)
        lengths = list(map(len, ids_of_texts))
        return np.fromiter(itertools.chain.from_iterable(ids_of_texts), self.separator_ids.dtype, sum(lengths)), lengths


def _rows_with_separator(ids: np.ndarray, lengths: Sequence[int], separator_ids: np.ndarray) -> pa.ListArray:
    """Concatenated documents as rows, with the separator behind each document."""
    ends = np.cumsum(lengths, dtype=np.int64)
    if len(separator_ids):
        ids = np.insert(ids, np.repeat(ends, len(separator_ids)), np.tile(separator_ids, len(lengths)))
        ends += len(separator_ids) * np.arange(1, len(lengths) + 1)
    return _list_array(ids, np.concatenate([[0], ends]))


def _list_array(ids: np.ndarray, offsets: np.ndarray) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(ids))


def _encode_rows(parquet: Path, encoder: _Encoder, folder: Path) -> datasets.Dataset:
    """The encoded documents in files of ``folder``: columns ``ids``, ``characters`` and ``bytes``."""
    id_type = {"ids": datasets.List(datasets.Value(str(encoder.separator_ids.dtype)))}
    features = datasets.Features(id_type | {key: datasets.Value("int64") for key in ("characters", "bytes")})
    if not encoder.documents:  # from nothing, `map` makes no columns
        return datasets.Dataset.from_dict({key: [] for key in features}, features).with_format("arrow")
    scan = pads.ParquetFragmentScanOptions(pre_buffer=False)  # by default the whole file is read into memory, still compressed
    options = {"columns": ["text"], "cache_dir": str(folder), "keep_in_memory": False, "fragment_scan_options": scan}
    try:
        texts = datasets.Dataset.from_parquet(str(parquet), **options)
    except datasets.exceptions.DatasetGenerationError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno:
            raise error.__cause__ from None  # the disk is full
        raise UserError(f"{parquet}: expected a whole Parquet file, found a damaged one ({error.__cause__})") from None
    with _killed_as_error(parquet):
        return texts.with_format("arrow").map(
            encoder,
            batched=True,
            batch_size=ROWS,
            with_indices=True,
            with_rank=True,
            remove_columns=["text"],
            features=features,
            num_proc=encoder.processes if encoder.processes > 1 else None,  # 1 would start a process, too
            new_fingerprint="tokens",  # else the tokenizer is pickled to make one
        )


@contextmanager
def _killed_as_error(parquet: Path) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if "abruptly died" not in str(error):
            raise
        raise UserError(
            f"{parquet}: a process that tokenizes it was killed; take fewer processes if memory ran short"
        ) from None


def _count_ids(rows: datasets.Dataset, separator_ids: np.ndarray, unknown: int | None) -> dict[str, int | None]:
    """Counts of a split without separators: documents, characters, bytes, tokens, unknown tokens."""
    counts: dict[str, int | None] = {key: pc.sum(rows.data.column(key)).as_py() or 0 for key in ("characters", "bytes")}
    chunks = rows.data.column("ids").chunks
    counts["tokens"] = sum(len(chunk.flatten()) for chunk in chunks) - len(rows) * len(separator_ids)
    counts["unknown"] = None
    if unknown is not None:
        number = sum(np.count_nonzero(chunk.flatten().to_numpy() == unknown) for chunk in chunks)
        counts["unknown"] = int(number - len(rows) * np.count_nonzero(separator_ids == unknown))
    return {"documents": len(rows), **counts}


def _regroup(rows: datasets.Dataset, progress: Progress) -> Iterator[pa.ListArray]:
    """The rows in groups of :data:`ROWS`, independent of the processes' shares."""
    done = 0
    for table in rows.iter(ROWS):
        parts = table.column("ids").chunks
        lengths = np.concatenate([np.diff(part.offsets) for part in parts])
        yield _list_array(np.concatenate([part.flatten().to_numpy() for part in parts]), np.cumsum([0, *lengths]))
        done += len(lengths)
        progress(done, len(rows), "writing")


@contextmanager
def _working_folder(output: Path) -> Iterator[Path]:
    """A folder beside ``output``, removed at the end; its name is fixed, so that what a killed attempt left is removed too."""
    folder = output.with_name(f".{output.stem}.tokenizing")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _quiet_datasets() -> Iterator[None]:
    """Switch off the progress bars of ``datasets`` and the threads of tokenizers: one process is one core."""
    key, bars = "TOKENIZERS_PARALLELISM", datasets.are_progress_bars_disabled()
    previous = os.environ.get(key)
    os.environ[key] = "false"
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        os.environ.pop(key) if previous is None else os.environ.update({key: previous})
        if not bars:
            datasets.enable_progress_bars()
