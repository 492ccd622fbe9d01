"""Score fine-tuned classifiers beside floors and frozen features on the same test rows (rows A7, E5, E6).

Accuracy, macro-F1, F1 of each class, pairs of systems, and which share of words the tokenizers split.
"""

from pathlib import Path

from relab.errors import run
from relab.files import read_csv
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    for option, kind, file in (
        ("predictions", "probe", "predictions.parquet"),
        ("finetuned", "classifier", "predictions.parquet"),
        ("texts", "classifier", "texts.csv"),
    ):
        told = f"{{{kind}}}/{file} of every {kind}"
        cli.add_argument(f"--{option}", nargs="+", required=True, type=Path, metavar="FILE", help=told)
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the scores (Parquet)")
    args = cli.parse_args()

    from relab.chapters.classifiers.names import Spec
    from relab.inputs import by_name

    spec = settings_of(args, Spec)
    probes = by_name(args.predictions, spec.order, "predictions")
    finetuned, texts = (by_name(getattr(args, option), spec.shown, option) for option in ("finetuned", "texts"))

    from relab.chapters.classifiers.scores import classifier_scores  # takes seconds to load
    from relab.classifiers.predictions import read
    from relab.probes.predictions import read_predictions
    from relab.scores import with_summary, write_scores

    with record(args, inputs=[*args.predictions, *args.finetuned, *args.texts], outputs=[args.output]):
        own = {name: read(path) for name, path in finetuned.items()}
        words = {name: read_csv(path) for name, path in texts.items()}
        rows = [
            row
            for name in spec.order
            for row in classifier_scores(spec, spec.floors[name], read_predictions(probes[name]), own, words)
        ]
        write_scores(args.output, with_summary(rows))


if __name__ == "__main__":
    run(main)
