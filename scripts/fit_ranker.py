"""Train scorers of a choice beside its question on frozen features, and answer the test split's questions with them.

The right choice is to lie above each wrong one by a margin; training stops when validation accuracy no longer rises. Beside
them stand the cosine of the same features and the longest choice, which need no training.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from relab.errors import run
from relab.jobs import job_parser, job_settings, record_provenance
from relab.settings.base import Int
from relab.settings.probes import Ranker

OUTPUTS = ("predictions.parquet", "scorers.safetensors", "chosen.csv", "history.csv")


class Job(Ranker):
    """Settings of the job."""

    threads: Int = Field(description="Compute threads.", ge=1)


def main() -> None:
    cli = job_parser(__doc__)
    for split in ("train", "validation", "test"):
        cli.add_argument(f"--{split}", required=True, type=Path, metavar="FILE", help=f"the {split} split (Parquet)")
    cli.add_argument(
        "--features", required=True, nargs="+", type=Path, metavar="FILE",
        help="{encoder}/{dataset}/{split}.safetensors of every encoder and split",
    )  # fmt: skip
    cli.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help=f"where to write {', '.join(OUTPUTS)}")
    args = cli.parse_args()
    job = job_settings(args, Job)

    import torch
    from tqdm import tqdm

    from relab.device import prepare_device
    from relab.files import write_csv
    from relab.parquet import write_parquet
    from relab.predictions import CHOICE
    from relab.probes.choosing import fit_and_answer, read_splits
    from relab.probes.ranker import save_scorers

    prepare_device(torch.device("cpu"), job.threads)  # networks of a few thousand weights: a card would wait for the next batch
    paths = {split: getattr(args, split) for split in ("train", "validation", "test")}
    splits = read_splits(paths, args.features, job)
    outputs = [args.output_dir / name for name in OUTPUTS]
    with record_provenance(args, outputs=outputs) as entry:
        trainings = len(job.features) * len(job.scorers) * len(job.seeds)
        with tqdm(total=trainings, unit="training", disable=None) as bar:
            results = fit_and_answer(paths, splits, job, bar.update)
        write_parquet(outputs[0], results.predictions, CHOICE)
        save_scorers(outputs[1], results.scorers, job.scorers)
        write_csv(outputs[2], results.chosen)
        write_csv(outputs[3], results.history)
        entry["seed"] = job.seeds
    counts = {split: len(next(iter(questions.values()))) for split, questions in splits.items()}
    print(f"{trainings} trainings on {counts['train']:,} questions, {counts['test']:,} questions answered")


if __name__ == "__main__":
    run(main)
