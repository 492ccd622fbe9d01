"""Encode the texts of one part of a data set with a frozen encoder: [CLS], mean and last-token vectors from one forward pass.

A text that occurs several times is encoded once; a text longer than the encoder's limit is truncated and counted.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from relab.errors import run
from relab.files import write_json
from relab.jobs import job_parser, job_settings, record_provenance
from relab.settings.base import Int, Settings
from relab.settings.encoders import Encoder


class EncodingSpec(Settings):
    """Settings of the job."""

    source: dict[str, str] = Field(description="Where the vectors come from, as the file says it: encoder, dataset, part.")
    encoder: Encoder = Field(description="The encoder.")
    columns: list[str] = Field(description="The columns that hold texts.", min_length=1)
    threads: Int = Field(description="Compute threads.", ge=1)


def main() -> None:
    options = job_parser(__doc__)
    options.add_argument("--model", required=True, type=Path, metavar="FOLDER", help="model directory")
    options.add_argument("--part", required=True, type=Path, metavar="FILE", help="one part of a data set (Parquet)")
    options.add_argument("--output", required=True, type=Path, metavar="FILE", help="the features (safetensors)")
    options.add_argument("--stats", required=True, type=Path, metavar="FILE", help="what was counted (JSON)")
    args = options.parse_args()
    spec = job_settings(args, EncodingSpec)

    from tqdm import tqdm

    from relab import precision
    from relab.checkpoints import load_encoder, load_tokenizer
    from relab.device import device_name, pick_device, prepare_device
    from relab.features.encode import encode_part

    device = pick_device()
    prepare_device(device, spec.threads)
    with record_provenance(args, outputs=[args.output, args.stats]) as entry:
        model, tokenizer = load_encoder(args.model, device, spec.encoder.precision), load_tokenizer(args.model)
        with tqdm(unit="text", disable=None, mininterval=1) as bar:
            source = {**spec.source, "model": spec.encoder.model}
            counts = encode_part(args.part, spec.columns, args.output, model, tokenizer, spec.encoder, bar.update, source)
        write_json(args.stats, counts)
        entry |= {"device": device_name(device), "precision": precision.used(model)}
    print(
        f"{counts['texts']:,} texts, {counts['unique']:,} of them different, {counts['tokens']:,} tokens, "
        f"{counts['truncated']:,} texts cut, on {device}"
    )


if __name__ == "__main__":
    run(main)
