"""Import an encoder as published: the files of an asset become a model directory with one file of weights.

As for language models, weights are read from safetensors or from pytorch_model.bin by the loader that runs no code.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from relab.errors import run
from relab.jobs import job_parser, job_settings, record_provenance
from relab.settings.models import EncoderModel


def main() -> None:
    options = job_parser(__doc__)
    options.add_argument("--files", required=True, nargs="+", type=Path, metavar="FILE", help="files of the asset")
    options.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help="model directory to write")
    args = options.parse_args()
    job_settings(args, EncoderModel)
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # read when Transformers is imported; its bars are of no use in a log

    from relab.published.encoder import FILES, import_encoder

    with record_provenance(args, outputs=[args.output_dir / name for name in FILES]) as entry:
        entry |= import_encoder(args.files, args.output_dir)
    print(f"{entry['parameters']:,} parameters from {entry['format']}")
    if entry["unused_weights"]:
        print(f"not used: {', '.join(entry['unused_weights'])}")


if __name__ == "__main__":
    run(main)
