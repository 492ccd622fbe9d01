"""Score rankings of documents (row A9): nDCG@10, recall, MRR@10, MAP, beside chance and paired with BM25, query by query."""

from pathlib import Path

from relab.chapters.char_gpt.retrieval.names import Spec, add_options, inputs
from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    add_options(cli)
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the scores (Parquet)")
    args = cli.parse_args()
    spec = settings_of(args, Spec)

    from relab.chapters.char_gpt.retrieval.files import read_probes
    from relab.chapters.char_gpt.retrieval.scores import retrieval_scores  # takes seconds to load
    from relab.scores import with_summary, write_scores

    with record(args, inputs=inputs(args), outputs=[args.output]):
        rows = [row for one in read_probes(args, spec) for row in retrieval_scores(one)]
        write_scores(args.output, with_summary(rows))


if __name__ == "__main__":
    run(main)
