"""Draw the figures of row A6 from its tables: the two data sets side by side, confusions, learning curves."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record


def main() -> None:
    cli = parser(__doc__)
    drawn = (("systems", "classification"), ("confusion", "confusion"), ("curves", "learning_curve"))
    for option, table in drawn:
        cli.add_argument(f"--{option}", required=True, type=Path, metavar="FILE", help=f"the table {table}.csv")
    cli.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help="where to write the figures (SVG)")
    args = cli.parse_args()

    from relab.chapters.char_gpt.classification.figure import draw_confusions, draw_curves, draw_systems
    from relab.figures import save, style
    from relab.files import read_csv

    outputs = {option: args.output_dir / f"{table}.svg" for option, table in drawn}
    drawing = {"systems": draw_systems, "confusion": draw_confusions, "curves": draw_curves}
    with record(args, inputs=[getattr(args, option) for option in outputs], outputs=outputs.values()), style():
        for option, path in outputs.items():
            save(drawing[option](read_csv(getattr(args, option))), path)


if __name__ == "__main__":
    run(main)
