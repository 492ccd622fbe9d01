"""Write the tables of a model's layers, their outputs and parameters, and of its configuration (row C2)."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--model", required=True, type=Path, metavar="DIR", help="model directory; its config.json alone is read")
    cli.add_argument("--layers", required=True, type=Path, metavar="FILE", help="the table of layers (CSV)")
    cli.add_argument("--configuration", required=True, type=Path, metavar="FILE", help="the table of its configuration (CSV)")
    args = cli.parse_args()

    from relab.architectures import configuration_of, skeleton
    from relab.chapters.gpt2_lab.layers import configuration_table, layers_table
    from relab.chapters.gpt2_lab.memory import Batch
    from relab.files import write_csv

    settings = settings_of(args, Batch)
    with record(args, inputs=[args.model / "config.json"], outputs=[args.layers, args.configuration]):
        config = configuration_of(args.model)
        layers = layers_table(skeleton(config, str(args.model)), batch=settings.batch, tokens=settings.tokens)
        write_csv(args.layers, layers)
        write_csv(args.configuration, configuration_table(config))


if __name__ == "__main__":
    run(main)
