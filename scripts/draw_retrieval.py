"""Draw recall against the number of documents looked at (row A9) from the table of recall."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--recall", required=True, type=Path, metavar="FILE", help="the table recall.csv")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the figure (SVG)")
    args = cli.parse_args()

    from relab.chapters.char_gpt.retrieval.figure import draw_recall
    from relab.figures import save, style
    from relab.files import read_csv

    with record(args, inputs=[args.recall], outputs=[args.output]), style():
        save(draw_recall(read_csv(args.recall), args.recall), args.output)


if __name__ == "__main__":
    run(main)
