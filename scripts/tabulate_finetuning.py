"""Write the tables of finetuned models beside the base that they start from (rows B1, B5, C3 and C4)."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="scores of the row (Parquet)")
    cli.add_argument("--readings", required=True, type=Path, metavar="FILE", help="what the models made of given texts")
    cli.add_argument("--histories", nargs="+", required=True, type=Path, metavar="FILE", help="history.csv of every model")
    cli.add_argument("--samples", nargs="+", required=True, type=Path, metavar="FILE",
                     help="samples.jsonl of every model; for B1 {sampling}.jsonl of every model and of the base")  # fmt: skip
    cli.add_argument("--models", required=True, type=Path, metavar="FILE", help="the table of models (CSV)")
    cli.add_argument("--texts", required=True, type=Path, metavar="FILE", help="the table of texts (CSV)")
    cli.add_argument("--curve", required=True, type=Path, metavar="FILE", help="the losses on the way (CSV)")
    args = cli.parse_args()

    from relab.chapters.finetuning.names import TableSpec
    from relab.chapters.finetuning.tables import files_of, tables
    from relab.files import write_csv
    from relab.inputs import by_name
    from relab.judging.storage import read_judgements
    from relab.scores import Summaries, read_scores
    from relab.texts.samples import read_samplings

    spec = settings_of(args, TableSpec)
    outputs = {"": args.models, "_texts": args.texts, "_curve": args.curve}
    inputs = [args.scores, args.readings, *args.histories, *args.samples]
    with record(args, inputs=inputs, outputs=outputs.values()):
        histories = by_name(args.histories, spec.models, "histories")
        if spec.role == "recital":
            samples, samplings = {}, files_of(read_samplings(args.samples, list(spec.samplings.values())), spec)
        else:
            samples, samplings = by_name(args.samples, spec.models, "samples"), {}
        scores = Summaries(read_scores(args.scores), args.scores)
        readings = read_judgements(args.readings)
        for end, table in tables(spec, scores, readings, histories, samples, samplings):
            write_csv(outputs[end], table)


if __name__ == "__main__":
    run(main)
