"""Import an encoder as published: the files of an asset become a model directory with one file of weights.

As for language models, weights are read from safetensors or from pytorch_model.bin by the reader that runs no code.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of
from relab.settings.models import EncoderModel


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--files", required=True, nargs="+", type=Path, metavar="FILE", help="files of the asset")
    cli.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help="model directory to write")
    args = cli.parse_args()
    settings_of(args, EncoderModel)
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # read when Transformers is imported; its bars are of no use in a log

    from relab.published.model import ENCODER_FILES, import_encoder

    with record(args, outputs=[args.output_dir / name for name in ENCODER_FILES]) as entry:
        entry |= import_encoder(args.files, args.output_dir)
    print(f"{entry['parameters']:,} parameters from {entry['format']}")
    if entry["unused_weights"]:
        print(f"not used: {', '.join(entry['unused_weights'])}")


if __name__ == "__main__":
    run(main)
