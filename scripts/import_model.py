"""Import a language model or an encoder–decoder as published: an asset's files become a model directory with one weights file.

Weights are read from safetensors (also in parts with an index), from one GGUF file, whose quantized weights become float32, or,
where there is neither, from pytorch_model.bin by the loader that runs no code. Code that comes with a model never runs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from relab.errors import run
from relab.jobs import job_parser, job_settings, job_spec, record_provenance
from relab.settings.models import EncoderDecoderModel, PublishedModel


def main() -> None:
    options = job_parser(__doc__)
    options.add_argument("--files", required=True, nargs="+", type=Path, metavar="FILE", help="files of the asset")
    options.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help="model directory to write")
    args = options.parse_args()
    encoder_decoder = job_spec(args).get("kind") == "encoder_decoder"
    job_settings(args, EncoderDecoderModel if encoder_decoder else PublishedModel)
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # read when Transformers is imported; its bars are of no use in a log

    from relab.published.model import FILES, import_model

    with record_provenance(args, outputs=[args.output_dir / name for name in FILES]) as entry:
        entry |= import_model(args.files, args.output_dir, encoder_decoder)
    print(f"{entry['parameters']:,} parameters from {entry['format']}")
    if entry["unused_weights"]:
        print(f"not used: {', '.join(entry['unused_weights'])}")
    for key, ids in entry["tokens_beyond_vocabulary"].items():
        print(f"{key} of config.json left out: beyond the vocabulary ({', '.join(map(str, ids))})")


if __name__ == "__main__":
    run(main)
