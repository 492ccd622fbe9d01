"""A digest of a program and of what it imports from this library, so that Snakemake sees an edited helper.

The digest is over the syntax tree without docstrings, descriptions of settings and help texts of options (comments are
not in it): touching, reformatting or documenting a file changes nothing, editing a line that acts changes the digest of
every program that imports it.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = "relab"
#: Folder of the kinds of rows, whose ``__init__.py`` says which files and settings a job gets: Snakemake compares those.
DECLARATIONS = "rows"


def code_digest(program: Path, *modules: str) -> str:
    """Digest of ``program``, of modules that it loads by name, and of their import closure in the package beside it.

    16 hexadecimal digits.
    """
    root = program.resolve().parent
    digest = hashlib.sha256()
    files = [program.resolve(), *(file for module in modules for file in _files(module, root))]
    for path in sorted(set().union(*(closure(file, root) for file in files))):
        digest.update(f"{path.relative_to(root).as_posix()}\n{_read(path, root)[1]}\n".encode())
    return digest.hexdigest()[:16]


def closure(program: Path, root: Path) -> set[Path]:
    """The program and every module of the package that it imports, directly or not, at the top or inside a function."""
    found: set[Path] = set()
    waiting = [program]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(file for name in _read(path, root)[0] for file in _files(name, root))
    return found


@cache
def _read(path: Path, root: Path) -> tuple[tuple[str, ...], str]:
    """The names that a file imports, and its text without what people read; the tree is walked once, for speed."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            # any bare string among the statements: docstrings, and those that document attributes
            node.body = [one for one in node.body if not _is_text(one)] or [ast.Pass()]
        elif isinstance(node, ast.Call):
            node.keywords = [one for one in node.keywords if one.arg not in ("description", "help")]
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, path, root)
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return tuple(sorted(names)), ast.unparse(tree)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _absolute(node: ast.ImportFrom, path: Path, root: Path) -> str:
    if not node.level:
        return node.module or ""
    package = path.relative_to(root).parent.parts
    base = package[: len(package) - (node.level - 1)]
    return ".".join([*base, *([node.module] if node.module else [])])


@cache
def _files(name: str, root: Path) -> list[Path]:
    """The files that importing ``name`` runs: the packages on the way and the module itself."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return []
    files = []
    for depth in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:depth])
        for candidate in (place / "__init__.py", place.with_suffix(".py")):
            if candidate.is_file() and not _declares(candidate, root):
                files.append(candidate)
    return files


def _declares(path: Path, root: Path) -> bool:
    return path.name == "__init__.py" and path.parent.parent == root / PACKAGE / DECLARATIONS
