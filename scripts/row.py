"""Do a step of a row of the report: measure, score, tabulate or draw, as its kind in scripts/relab/rows says.

The files that the step reads are given by name, and so are those that it makes: scores (Parquet), tables (CSV), figures (SVG).
"""

import importlib
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from relab.errors import run
from relab.jobs import job_parser, job_spec, record_provenance
from relab.rows.job import Job


def main() -> None:
    cli = job_parser(__doc__)
    cli.add_argument("kind", help="kind of the row: a folder of scripts/relab/rows")
    cli.add_argument("function", metavar="MODULE.FUNCTION", help="what does the step, in that folder")
    cli.add_argument(
        "--input", nargs="+", action="append", default=[], metavar=("NAME", "FILE"), help="files that the step reads"
    )
    cli.add_argument("--output", nargs=2, action="append", required=True, metavar=("NAME", "FILE"), help="a file that it makes")
    cli.add_argument("--job", metavar="NAME", help="name of the job in its record")
    cli.add_argument(
        "--titles", type=json.loads, default={}, metavar="JSON", help="`titles` of artefacts by name, and `columns` of them"
    )
    args = cli.parse_args()
    inputs = {name: [Path(path) for path in paths] for name, *paths in args.input}
    outputs = {name: Path(path) for name, path in args.output}
    step = load(f"relab.rows.{args.kind}.{args.function}")
    style = load("relab.figures.figure_style") if any(path.suffix == ".svg" for path in outputs.values()) else nullcontext
    distinct = list(dict.fromkeys(path for paths in inputs.values() for path in paths))
    with record_provenance(args, inputs=distinct, outputs=outputs.values()) as entry, style():
        results = step(Job(inputs, outputs, job_spec(args), entry)) or {}
        for name, path in outputs.items():
            if name in results:  # the step has written other outputs itself
                result = results[name]
                if args.titles and path.suffix == ".csv":
                    result = load("relab.rows.titles.with_titles")(result, **args.titles)
                load(WRITERS[path.suffix])(path, result)


#: What writes a table, the rows of scores or a figure, by the ending of the file. It is loaded by name, so that a changed style
#: of figures reruns no scores.
WRITERS = {".csv": "relab.files.write_csv", ".parquet": "relab.scores.write_summarised", ".svg": "relab.svg.save_figure"}


def load(name: str) -> Any:
    """The function of a dotted name."""
    module, _, function = name.rpartition(".")
    return getattr(importlib.import_module(module), function)


if __name__ == "__main__":
    run(main)
