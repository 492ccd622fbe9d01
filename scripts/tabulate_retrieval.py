"""Write the tables of retrieval (row A9): systems with their measures, recall by rank, the first queries' best documents."""

from pathlib import Path

from relab.chapters.char_gpt.retrieval.names import TableSpec, add_options, inputs
from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    add_options(cli)
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="their scores (Parquet)")
    cli.add_argument("--retrieval", required=True, type=Path, metavar="FILE", help="the table of systems (CSV)")
    cli.add_argument("--recall", required=True, type=Path, metavar="FILE", help="the table of recall by rank (CSV)")
    cli.add_argument("--examples", required=True, type=Path, metavar="FILE", help="the table of the first queries (CSV)")
    args = cli.parse_args()
    spec = settings_of(args, TableSpec)

    from relab.chapters.char_gpt.retrieval.files import read_probes
    from relab.chapters.char_gpt.retrieval.tables import examples_table, recall_table, retrieval_table
    from relab.files import write_csv
    from relab.scores import Summaries, read_scores

    outputs = [args.retrieval, args.recall, args.examples]
    with record(args, inputs=[args.scores, *inputs(args)], outputs=outputs):
        probes, scores = list(read_probes(args, spec)), Summaries(read_scores(args.scores), args.scores)
        write_csv(args.retrieval, retrieval_table(probes, spec.titles, scores))
        write_csv(args.recall, recall_table(probes, spec.titles, scores))
        write_csv(args.examples, examples_table(probes, spec.titles))


if __name__ == "__main__":
    run(main)
