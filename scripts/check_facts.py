"""Check what the write-up answers to questions about its model (row E7) on the data, the code and a model of this run.

The trained model shows how it computes and chooses; a model with fresh weights shows where its weights start.
"""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--model", required=True, type=Path, metavar="DIR", help="model directory, a trained GPT-2")
    cli.add_argument("--train", required=True, type=Path, metavar="FILE", help="train.parquet of its sentences")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the table (CSV)")
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="which answers hold, as scores (Parquet)")
    args = cli.parse_args()

    import torch

    from relab.chapters.mingpt.facts import Subject, check_all, facts_scores, facts_table
    from relab.chapters.mingpt.settings import FactsSpec
    from relab.checkpoints import load_model, load_tokenizer
    from relab.corpora.storage import documents
    from relab.device import prepare
    from relab.files import write_csv
    from relab.scores import with_summary, write_scores

    settings = settings_of(args, FactsSpec)
    device = torch.device("cpu")  # the same checks to the same precision everywhere
    prepare(device, settings.threads)
    with record(args, inputs=[args.model / "model.safetensors", args.train], outputs=[args.output, args.scores]) as entry:
        texts = list(documents(args.train))
        subject = Subject.of(settings, texts, load_tokenizer(args.model), load_model(args.model, device))
        found = check_all(subject)
        write_csv(args.output, facts_table(found))
        write_scores(args.scores, with_summary(facts_scores(found)))
        entry["seed"] = settings.seed


if __name__ == "__main__":
    run(main)
