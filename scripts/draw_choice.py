"""Draw the accuracy of scorers of choices over the epochs of their training (row A8), from the table of their curves."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--curves", required=True, type=Path, metavar="FILE", help="the table choice_curves.csv")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the figure (SVG)")
    args = cli.parse_args()

    from relab.chapters.char_gpt.choice.figure import draw_training
    from relab.figures import save, style
    from relab.files import read_csv

    with record(args, inputs=[args.curves], outputs=[args.output]), style():
        save(draw_training(read_csv(args.curves)), args.output)


if __name__ == "__main__":
    run(main)
