"""Do one step of a row of the report: measure, score, tabulate or draw, as its kind in scripts/relab/rows says.

The files that the step reads are given by name, and so are those that it makes: scores (Parquet), tables (CSV), figures (SVG).
"""

import importlib
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from relab.errors import run
from relab.jobs import parser, record, spec_of
from relab.rows.job import Job


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("kind", help="kind of the row: a folder of scripts/relab/rows")
    cli.add_argument("function", metavar="MODULE.FUNCTION", help="what does the step, in that folder")
    cli.add_argument(
        "--input", nargs="+", action="append", default=[], metavar=("NAME", "FILE"), help="files that the step reads"
    )
    cli.add_argument("--output", nargs=2, action="append", required=True, metavar=("NAME", "FILE"), help="a file that it makes")
    cli.add_argument("--job", metavar="NAME", help="name of the job in its record")
    args = cli.parse_args()
    read = {name: [Path(path) for path in paths] for name, *paths in args.input}
    made = {name: Path(path) for name, path in args.output}
    module, _, function = args.function.rpartition(".")
    step = getattr(importlib.import_module(f"relab.rows.{args.kind}.{module}"), function)
    with record(args, inputs=_all(read), outputs=made.values()) as entry, _style(made.values()):
        results = step(Job(read, made, spec_of(args), entry)) or {}
        for name, path in made.items():
            if name in results:  # what is not, the step has written itself
                write(path, results[name])


def _all(read: dict[str, list[Path]]) -> list[Path]:
    return list(dict.fromkeys(path for paths in read.values() for path in paths))


#: What writes the results of a step, by the ending of the file. Found by name: a changed style of figures scores nothing anew.
WRITERS = {".csv": "relab.files.write_csv", ".parquet": "relab.scores.write_summarised", ".svg": "relab.figures.save"}


def write(path: Path, result: Any) -> None:
    """Write a table, the rows of scores, or a figure."""
    _named(WRITERS[path.suffix])(path, result)


def _style(paths: Iterable[Path]):
    return _named("relab.figures.style")() if any(path.suffix == ".svg" for path in paths) else nullcontext()


def _named(name: str) -> Any:
    module, _, function = name.rpartition(".")
    return getattr(importlib.import_module(module), function)


if __name__ == "__main__":
    run(main)
