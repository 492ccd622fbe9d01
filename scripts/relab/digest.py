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
    """Digest (16 hexadecimal digits) of ``program``, of modules that it loads by name, and of all that they import from the
    package beside it.
    """
    root = program.resolve().parent
    digest = hashlib.sha256()
    files = [program.resolve(), *(file for module in modules for file in _module_files(module, root))]
    for path in sorted(set().union(*(import_closure(file, root) for file in files))):
        digest.update(_imported_files_and_code(path, root)[1])
    return digest.hexdigest()[:16]


def import_closure(program: Path, root: Path) -> set[Path]:
    """The program and every module of the package that it imports, directly or not, at the top or inside a function."""
    files: set[Path] = set()
    queue = [program]
    while queue:
        path = queue.pop()
        if path not in files:
            files.add(path)
            queue.extend(_imported_files_and_code(path, root)[0])
    return files


@cache
def _imported_files_and_code(path: Path, root: Path) -> tuple[frozenset[Path], bytes]:
    """The files of the package that a file imports, and its own name and code without documentation."""
    relative = path.relative_to(root)
    names, code = imports_and_code(path.read_bytes(), relative)
    return frozenset(file for name in names for file in _module_files(name, root)), f"{relative.as_posix()}\n{code}\n".encode()


@cache
def imports_and_code(content: bytes, relative_path: Path) -> tuple[frozenset[str], str]:
    """The names that a file of this content imports, and its code without documentation; its path is below the root."""
    tree = ast.parse(content, filename=str(relative_path))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            # any bare string among the statements: docstrings, and those that document attributes
            node.body = [statement for statement in node.body if not _is_string_statement(statement)] or [ast.Pass()]
        elif isinstance(node, ast.Call):
            node.keywords = [keyword for keyword in node.keywords if keyword.arg not in ("description", "help")]
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute_module(node, relative_path)
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return frozenset(names), ast.unparse(tree)


def _is_string_statement(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _absolute_module(node: ast.ImportFrom, relative_path: Path) -> str:
    if not node.level:
        return node.module or ""
    package = relative_path.parent.parts
    base = package[: len(package) - (node.level - 1)]
    return ".".join([*base, *([node.module] if node.module else [])])


@cache
def _module_files(name: str, root: Path) -> list[Path]:
    """The files that importing ``name`` runs: the packages on the way and the module itself."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return []
    files = []
    for depth in range(1, len(parts) + 1):
        path = root.joinpath(*parts[:depth])
        for candidate in (path / "__init__.py", path.with_suffix(".py")):
            if candidate.is_file() and not _is_declaration(candidate, root):
                files.append(candidate)
    return files


def _is_declaration(path: Path, root: Path) -> bool:
    return path.name == "__init__.py" and path.parent.parent == root / PACKAGE / DECLARATIONS
