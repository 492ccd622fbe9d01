"""Write the tables of judged texts (rows D3, D4), and of the accounts of the write-up's temperature (row D5)."""

from pathlib import Path

from relab.chapters.stories.names import StoriesTables
from relab.errors import run
from relab.jobs import parser, record, settings_of

#: The job's tables, and what is in them.
TABLES = {
    "grid": "sources and methods with their judged perplexities",
    "diversity": "how varied texts are, what they copy and how they end",
    "examples": "texts of the same numbers of every method",
    "temperature": "settings under each account of the temperature",
    "accounts": "accounts of the temperature against the write-up",
}


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument(
        "--samples", nargs="+", required=True, type=Path, metavar="FILE", help="{sampling}.jsonl of every sampling"
    )
    cli.add_argument(
        "--judgements", required=True, type=Path, metavar="FILE", help="the judgements of their texts (JSON lines)"
    )
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="their scores (Parquet)")
    cli.add_argument(
        "--distributions", required=True, type=Path, metavar="FILE", help="the scores of what is drawn by (Parquet)"
    )
    for name, told in TABLES.items():
        cli.add_argument(f"--{name}", required=True, type=Path, metavar="FILE", help=f"the table of {told} (CSV)")
    args = cli.parse_args()
    spec = settings_of(args, StoriesTables)

    from relab.chapters.stories.tables import (
        accounts_table,
        diversity_table,
        examples_table,
        grid_table,
        temperature_table,
    )
    from relab.files import write_csv
    from relab.judging.storage import check_sources, read_judgements
    from relab.scores import Summaries, read_scores
    from relab.texts.samples import read_samplings

    samplings, judgements = read_samplings(args.samples, spec.samplings), read_judgements(args.judgements)
    check_sources(args.judgements, judgements, samplings, spec.human)
    scores, distributions = (Summaries(read_scores(path), path) for path in (args.scores, args.distributions))
    outputs = [getattr(args, name) for name in TABLES]
    with record(args, inputs=[*args.samples, args.judgements, args.scores, args.distributions], outputs=outputs):
        write_csv(args.grid, grid_table(spec, samplings, scores, judgements))
        write_csv(args.diversity, diversity_table(spec, samplings, scores))
        write_csv(args.examples, examples_table(spec, samplings, judgements))
        write_csv(args.temperature, temperature_table(spec, samplings, scores, distributions, judgements))
        write_csv(args.accounts, accounts_table(spec, scores, distributions))


if __name__ == "__main__":
    run(main)
