"""Fit classifiers on frozen features, beside a majority and a TF-IDF baseline, and predict the test split once.

Logistic regression and a shallow perceptron, with and without class weights, for each encoder and pooling; the penalty is
chosen on validation.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from relab.errors import run
from relab.files import write_csv
from relab.jobs import job_parser, job_settings, record_provenance
from relab.parquet import write_parquet
from relab.settings.base import Int
from relab.settings.probes import Classifier


class Job(Classifier):
    """Settings of the job."""

    classes: list[str] = Field(description="The classes in the order of tables.", min_length=2)
    threads: Int = Field(description="Compute threads.", ge=1)


def main() -> None:
    cli = job_parser(__doc__)
    for split in ("train", "validation", "test"):
        cli.add_argument(f"--{split}", required=True, type=Path, metavar="FILE", help=f"the {split} split (Parquet)")
    cli.add_argument(
        "--features", required=True, nargs="*", type=Path, metavar="FILE",
        help="{encoder}/{dataset}/{split}.safetensors of each; none: baselines alone",
    )  # fmt: skip
    cli.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help="where to write")
    args = cli.parse_args()
    job = job_settings(args, Job)

    import pandas as pd
    from threadpoolctl import threadpool_limits
    from tqdm import tqdm

    from relab.predictions import CLASSIFICATION
    from relab.probes.classifiers import chosen_table, fit_all, learning_curve, predictions_table, save_models
    from relab.probes.inputs import classification_inputs
    from relab.probes.systems import LOGISTIC, TFIDF
    from relab.words import words_told

    splits = {split: getattr(args, split) for split in ("train", "validation", "test")}
    outputs = [args.output_dir / name for name in ("probes.skops", "predictions.parquet", "chosen.csv", "learning_curve.csv")]
    with record_provenance(args, outputs=outputs) as entry, threadpool_limits(job.threads):
        inputs, labels = classification_inputs(splits, args.features, job)
        fits = list(tqdm(fit_all(inputs, labels, job), unit="fit", disable=None))
        strengths = {fit.features: fit.regularisation for fit in fits if fit.classifier == LOGISTIC and not fit.weighted}
        save_models(outputs[0], fits)
        write_parquet(outputs[1], predictions_table(fits, inputs["test"], labels["test"]), CLASSIFICATION)
        write_csv(outputs[2], chosen_table(fits, len(labels["train"]), words_told(inputs["train"][TFIDF])))
        write_csv(outputs[3], pd.DataFrame(learning_curve(inputs, labels, strengths, job)))
        entry["seed"] = job.perceptron.seeds
    print(f"{len(fits)} classifiers fitted on {len(labels['train']):,} rows, {len(labels['test']):,} rows predicted")


if __name__ == "__main__":
    run(main)
