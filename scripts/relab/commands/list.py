"""List the targets that one can ask for: names of chapters, rows and stages, then every table and figure with its row.

Any of them, and any file under results/ that a job makes, can stand in `snakemake --cores 8 TARGET`.
"""

from __future__ import annotations

from collections.abc import Sequence

from relab.commands import workflow


def main(words: Sequence[str]) -> None:
    args = workflow.overlay_parser("list", __doc__).parse_args(words)

    from relab.menu import targets

    settings = workflow.load(args.configfile)
    print_table(("target", "what it makes"), [(target.name, target.about) for target in targets(settings)])
    print()
    shown = settings.contents.artefacts
    rows = [(artefact.path, artefact.row.id if artefact.row else "", artefact.entry.title) for artefact in shown]
    print_table(("table or figure", "row", "title"), rows)


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print lines in columns."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for line in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
