"""Draw the learning rates of the sheet's scheduler beside the linear decay that was meant (row C3)."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--rates", required=True, type=Path, metavar="FILE", help="the table of learning rates")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the figure (SVG)")
    args = cli.parse_args()

    from relab.chapters.finetuning.figure import draw_rates
    from relab.figures import save, style
    from relab.files import read_csv

    with record(args, inputs=[args.rates], outputs=[args.output]), style():
        save(draw_rates(read_csv(args.rates)), args.output)


if __name__ == "__main__":
    run(main)
