"""Build the report: one self-contained HTML page of every table and figure, the ledger, and how each came to be.

Paths are relative to the run's folder, as the records of the jobs name them: start it there, or name it with --run.
"""

from __future__ import annotations

from pathlib import Path

from relab.errors import run
from relab.files import write_text
from relab.jobs import job_parser, job_settings, record_provenance


def main() -> None:
    options = job_parser(__doc__)
    options.add_argument("--writeups", required=True, metavar="DIR", help="chapters and rows (config/writeups)")
    options.add_argument("--ledger", required=True, metavar="FILE", help="the scored claims, CSV")
    options.add_argument("--tables", nargs="*", default=[], metavar="FILE", help="tables that rows show, CSV")
    options.add_argument("--figures", nargs="*", default=[], metavar="FILE", help="figures that rows show, SVG")
    options.add_argument("--data", nargs="*", default=[], metavar="FILE", help="tables that figures are drawn from, CSV")
    options.add_argument("--records", nargs="*", default=[], metavar="FILE", help="records of the jobs behind all of these")
    options.add_argument(
        "--history", type=Path, metavar="FILE", help="what earlier reports of the run said (default: in its folder state)"
    )
    options.add_argument("--output", required=True, type=Path, metavar="FILE", help="the page")
    args = options.parse_args()

    from relab.report.changes import History, history_file
    from relab.report.page import Files, build
    from relab.settings.report import PageSpec, page_contents
    from relab.settings.writeups import load

    spec = job_settings(args, PageSpec)
    files = Files(args.ledger, args.tables, args.figures, args.data, args.records, args.run)
    with record_provenance(args, outputs=[args.output]):
        history = History(args.history or history_file())
        write_text(args.output, build(page_contents(spec, load(args.writeups)), spec, files, history))


if __name__ == "__main__":
    run(main)
