"""Encode the texts of one part of a data set with a frozen encoder: [CLS], mean and last-token vectors from one forward pass.

A text that stands several times is encoded once; a text longer than the encoder's limit is cut and counted.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from relab.errors import run
from relab.files import write_json
from relab.jobs import parser, record, settings_of
from relab.settings.base import Int, Settings
from relab.settings.encoders import Encoder


class Job(Settings):
    """Settings of the job."""

    encoder: Encoder = Field(description="The encoder.")
    columns: list[str] = Field(description="The columns that hold texts.", min_length=1)
    threads: Int = Field(description="Compute threads.", ge=1)


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--model", required=True, type=Path, metavar="FOLDER", help="model directory")
    cli.add_argument("--part", required=True, type=Path, metavar="FILE", help="one part of a data set (Parquet)")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the features (safetensors)")
    cli.add_argument("--stats", required=True, type=Path, metavar="FILE", help="what was counted (JSON)")
    args = cli.parse_args()
    job = settings_of(args, Job)

    from tqdm import tqdm

    from relab.checkpoints import load_encoder, load_tokenizer
    from relab.device import describe, pick, prepare
    from relab.features.encode import encode_part

    device = pick()
    prepare(device, job.threads)
    with record(args, outputs=[args.output, args.stats]) as entry:
        model, tokenizer = load_encoder(args.model, device), load_tokenizer(args.model)
        with tqdm(unit="text", disable=None, mininterval=1) as bar:
            counts = encode_part(args.part, job.columns, args.output, model, tokenizer, job.encoder, bar.update)
        write_json(args.stats, counts)
        entry["device"] = describe(device)
    print(
        f"{counts['texts']:,} texts, {counts['unique']:,} of them different, {counts['tokens']:,} tokens, "
        f"{counts['truncated']:,} texts cut, on {device}"
    )


if __name__ == "__main__":
    run(main)
