"""Import a published classifier, or a published reward model of one output, as a reward model.

The reward of a text is the logit of one class. Weights are read from safetensors or from pytorch_model.bin by the loader that
runs no code; all of them must be there, those of the head too.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from relab.errors import run
from relab.jobs import job_parser, job_settings, record_provenance
from relab.settings.reward_models import PublishedRewardModel


def main() -> None:
    options = job_parser(__doc__)
    options.add_argument("--files", required=True, nargs="+", type=Path, metavar="FILE", help="files of the asset")
    options.add_argument(
        "--tokenizer", required=True, type=Path, metavar="FOLDER", help="directory of the model whose tokenizer it reads with"
    )
    options.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help="reward model directory to write")
    args = options.parse_args()
    settings = job_settings(args, PublishedRewardModel)
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # read when Transformers is imported; its bars are of no use in a log

    from relab.rewards.imported import import_reward_model
    from relab.rewards.model import FILES

    with record_provenance(args, outputs=[args.output_dir / name for name in FILES]) as entry:
        entry |= import_reward_model(args.files, args.tokenizer, settings, args.output_dir)
    print(f"{entry['parameters']:,} parameters from {entry['format']}, of which output {entry['output']} is the reward")
    if entry["unused_weights"]:
        print(f"not used: {', '.join(entry['unused_weights'])}")


if __name__ == "__main__":
    run(main)
