"""Draw the losses of finetuned models against the tokens that they read (rows B1, B5, C3 and C4)."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--curves", required=True, type=Path, metavar="FILE", help="the table {role}_curve.csv")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the figure (SVG)")
    args = cli.parse_args()

    from relab.chapters.finetuning.figure import draw_losses
    from relab.figures import save, style
    from relab.files import read_csv

    with record(args, inputs=[args.curves], outputs=[args.output]), style():
        save(draw_losses(read_csv(args.curves)), args.output)


if __name__ == "__main__":
    run(main)
