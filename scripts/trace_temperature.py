"""Look at the distributions that tokens are drawn by under each account of the write-up's temperature (row D5).

The accounts and settings are compared on the same contexts: all prefixes of held-out documents, read by the model that texts
were sampled from.
"""

from pathlib import Path

from relab.chapters.stories.names import TraceTemperature
from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--model", required=True, type=Path, metavar="DIR", help="model directory")
    cli.add_argument("--validation", required=True, type=Path, metavar="FILE", help="validation.parquet of the documents")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the scores of distributions (Parquet)")
    args = cli.parse_args()
    spec = settings_of(args, TraceTemperature)

    from tqdm import tqdm

    from relab.chapters.stories.distributions import distribution_scores
    from relab.checkpoints import load_model, load_tokenizer, weight_files
    from relab.device import describe, pick, prepare
    from relab.judging.human import human_texts
    from relab.scores import with_summary, write_scores

    device = pick()
    prepare(device, spec.threads)
    with record(args, inputs=[*weight_files(args.model), args.validation], outputs=[args.output]) as entry:
        texts = human_texts(args.validation, [spec.characters], spec.documents)
        model, tokenizer = load_model(args.model, device), load_tokenizer(args.model)
        with tqdm(total=len(texts), unit="document", disable=None, mininterval=1) as bar:
            rows = list(distribution_scores(model, tokenizer, texts, spec.settings, bar.update))
        write_scores(args.output, with_summary(rows))
        entry |= {"device": describe(device)}


if __name__ == "__main__":
    run(main)
