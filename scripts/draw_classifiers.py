"""Draw losses and accuracies of fine-tuned classifiers over the epochs (rows A7, E5, E6) from their table of curves."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--curves", required=True, type=Path, metavar="FILE", help="the table classifier_curves.csv")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the figure (SVG)")
    args = cli.parse_args()

    from relab.chapters.classifiers.figure import draw_classifiers
    from relab.figures import save, style
    from relab.files import read_csv

    with record(args, inputs=[args.curves], outputs=[args.output]), style():
        save(draw_classifiers(read_csv(args.curves)), args.output)


if __name__ == "__main__":
    run(main)
