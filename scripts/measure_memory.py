"""Measure the memory that training a model takes, beside what is computed for it (row C2).

Two steps of AdamW on random tokens; nothing of what they learn is kept. The figure varies a little from run to run.
"""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--model", required=True, type=Path, metavar="DIR", help="model directory")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the table (CSV)")
    args = cli.parse_args()

    import torch

    from relab.architectures import configuration_of
    from relab.chapters.gpt2_lab.memory import MeasureSpec, computed, measured, measured_table
    from relab.checkpoints import load_model
    from relab.device import describe, pick
    from relab.files import write_csv

    settings = settings_of(args, MeasureSpec)
    device = pick()
    if device.type != "cuda":  # no other device tells its peak
        device = torch.device("cpu")
    torch.set_num_threads(settings.threads)  # and not relab.device.prepare, which keeps freed memory
    shape = {"batch": settings.batch, "tokens": settings.tokens}
    inputs = [args.model / name for name in ("config.json", "model.safetensors")]
    with record(args, inputs=inputs, outputs=[args.output]) as entry:
        entry["device"] = describe(device)
        found = computed(configuration_of(args.model), str(args.model), **shape)
        peak = measured(lambda: load_model(args.model, device), device, **shape)
        write_csv(args.output, measured_table(args.model.name, describe(device), found, peak, settings))


if __name__ == "__main__":
    run(main)
