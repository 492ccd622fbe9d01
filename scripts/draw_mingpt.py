"""Draw losses against iterations (rows E1 and E4) from a table of curves.

Where the table has them, lines show the loss of a uniform guess and of the grammar itself on the held-out sentences.
"""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--curves", required=True, type=Path, metavar="FILE", help="the table curve.csv or larger_curve.csv")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the figure (SVG)")
    args = cli.parse_args()

    from relab.chapters.mingpt.figure import draw_losses
    from relab.figures import save, style
    from relab.files import read_csv

    with record(args, inputs=[args.curves], outputs=[args.output]), style():
        save(draw_losses(read_csv(args.curves)), args.output)


if __name__ == "__main__":
    run(main)
