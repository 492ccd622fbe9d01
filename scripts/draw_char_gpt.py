"""Draw the losses of the character-level GPTs against steps (row A1) from the table of their curves."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--curves", required=True, type=Path, metavar="FILE", help="the table loss_curves.csv")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the figure (SVG)")
    args = cli.parse_args()

    from relab.chapters.char_gpt.figure import draw_losses
    from relab.figures import save, style
    from relab.files import read_csv

    with record(args, inputs=[args.curves], outputs=[args.output]), style():
        save(draw_losses(read_csv(args.curves)), args.output)


if __name__ == "__main__":
    run(main)
