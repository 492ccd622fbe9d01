"""Files of pairs that are no tables: aligned lines, dictionaries of pronunciations, docstrings of Python code."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from relab.assets.pack import path_matcher
from relab.corpora.sources import damage_as_error, read_lines, sources
from relab.errors import UserError
from relab.tabular import LocatedRow

_COMMENT = re.compile(r"(?:^|\s)#.*|^;;;.*")
#: The mark of a further entry of a word: ``read(2)``.
_VARIANT = re.compile(r"(.+)\(\d+\)")

_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def aligned_lines(paths: Sequence[Path], encoding: str) -> Iterator[LocatedRow]:
    """Yield a row for each line of aligned files: the ``source`` from the first file, the list ``target`` from the others.

    Raises:
        UserError: files of different numbers of lines.
    """
    files = [_lines(path, encoding) for path in paths]
    for number, lines in enumerate(zip_longest(*files), 1):
        if None in lines:
            counts = [
                number - 1 if line is None else number + sum(1 for _ in rest) for line, rest in zip(lines, files, strict=True)
            ]
            counted = " and ".join(f"{count:,} in {path.name}" for count, path in zip(counts, paths, strict=True))
            raise UserError(f"{paths[0]}: expected the same number of lines in aligned files, found {counted}")
        yield f"{paths[0]}, line {number}", {"source": lines[0], "target": list(lines[1:])}


def dictionary_entries(path: Path, encoding: str) -> Iterator[LocatedRow]:
    """Yield a row for each entry of a dictionary: the word as ``source``, what stands behind it as ``target``."""
    for number, line in enumerate(_lines(path, encoding), 1):
        word, *sounds = _COMMENT.sub("", line).split() or [""]
        if word:
            variant = _VARIANT.fullmatch(word)
            yield f"{path}, line {number}", {"source": variant[1] if variant else word, "target": " ".join(sounds)}


def docstrings(path: Path, exclude: Iterable[str], reject: Callable[[str, str], None]) -> Iterator[LocatedRow]:
    """Yield a row for each docstring with a summary: what stands below its first line as ``source``, that line as ``target``.

    Docstrings come file by file in the order of the code, without the indentation that they share.

    Args:
        path: a Python file, or an archive, of which the members that end with ``.py`` are read.
        exclude: patterns of the members that are left out.
        reject: called with the name of a file that Python cannot parse, and the reason.
    """
    is_excluded = [path_matcher(pattern) for pattern in exclude]
    for source in sources([path]):
        member = source.name.removeprefix(f"{path}: ")
        if source.ending != ".py" or any(matches(member) for matches in is_excluded):
            continue
        with damage_as_error(source.name), source.open() as raw:
            code = raw.read()
        try:
            located = list(_summaries(code))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # also a null byte, an unknown encoding
            reject(source.name, f"expected Python code, found none ({error})")
            continue
        for line, summary, rest in located:
            yield f"{source.name}, line {line}", {"source": rest, "target": summary}


def _summaries(code: bytes) -> Iterator[tuple[int, str, str]]:
    """The line at which a module, class or function begins, the summary of its docstring and what stands below."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of invalid escapes, which are the business of the code's authors
        tree = ast.parse(code)
    nodes = [node for node in ast.walk(tree) if isinstance(node, _WITH_DOCSTRING)]
    for node in sorted(nodes, key=lambda node: getattr(node, "lineno", 0)):
        summary, *rest = (ast.get_docstring(node) or "").rstrip().split("\n")
        if len(rest) > 1 and not rest[0].strip():
            yield getattr(node, "lineno", 1), summary, "\n".join(rest[1:])


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines of a file of text, which may be packed, without their ends."""
    for number, source in enumerate(sources([path])):
        if number:
            raise UserError(f"{path}: expected one file of text, found an archive of several")
        for line in read_lines(source, encoding):
            yield line.removesuffix("\n")
