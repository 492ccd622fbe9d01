"""Score judged texts: perplexities and measures beside them (rows D3, D4), accounts of the write-up's temperature (row D5)."""

import tempfile
from pathlib import Path

from relab.chapters.stories.names import COPIED, PERPLEXITY, SELF_BLEU, StoriesSpec
from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument(
        "--samples", nargs="+", required=True, type=Path, metavar="FILE", help="{sampling}.jsonl of every sampling"
    )
    cli.add_argument(
        "--judgements", required=True, type=Path, metavar="FILE", help="the judgements of their texts (JSON lines)"
    )
    cli.add_argument(
        "--train", required=True, type=Path, metavar="FILE", help="train.parquet of the corpus that texts may be copied from"
    )
    cli.add_argument(
        "--distributions", required=True, type=Path, metavar="FILE", help="the scores of what is drawn by (Parquet)"
    )
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the scores (Parquet)")
    args = cli.parse_args()
    spec = settings_of(args, StoriesSpec)

    from relab.judging.storage import check_sources, read_judgements
    from relab.scores import Summaries, read_scores, with_summary, write_scores
    from relab.texts.samples import read_samplings

    samplings, judgements = read_samplings(args.samples, spec.samplings), read_judgements(args.judgements)
    check_sources(args.judgements, judgements, samplings, spec.human)

    from relab.chapters.stories.scores import stories_scores  # takes seconds to load
    from relab.corpora.storage import documents
    from relab.metrics.copying import CopiedEightGrams
    from relab.metrics.diversity import SelfBLEU
    from relab.metrics.perplexity import Perplexity

    inputs = [*args.samples, args.judgements, args.train, args.distributions]
    with record(args, inputs=inputs, outputs=[args.output]), tempfile.TemporaryDirectory() as folder:
        kinds = {PERPLEXITY: Perplexity, SELF_BLEU: SelfBLEU, COPIED: CopiedEightGrams}
        metrics = {name: metric(keep_in_memory=True, cache_dir=folder) for name, metric in kinds.items()}
        distributions = Summaries(read_scores(args.distributions), args.distributions)
        rows = stories_scores(spec, samplings, judgements, documents(args.train), distributions, metrics)
        write_scores(args.output, with_summary(rows))


if __name__ == "__main__":
    run(main)
