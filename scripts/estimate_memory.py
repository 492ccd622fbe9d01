"""Compute the memory that training each size of GPT-2 takes (row C2)."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the table (CSV)")
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="the memory as scores (Parquet)")
    args = cli.parse_args()

    from relab.chapters.gpt2_lab.memory import estimate, memory_scores, memory_table
    from relab.files import write_csv
    from relab.scores import with_summary, write_scores
    from relab.settings.chapters import Estimate

    settings = settings_of(args, Estimate)
    with record(args, inputs=[], outputs=[args.output, args.scores]):
        sizes = estimate(settings)
        write_csv(args.output, memory_table(settings, sizes))
        write_scores(args.scores, with_summary(memory_scores(sizes)))


if __name__ == "__main__":
    run(main)
