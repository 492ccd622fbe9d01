"""Write the table of the sampling command's options beside those of the write-up (row D6)."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the table (CSV)")
    args = cli.parse_args()

    from relab.chapters.stories.command import CommandSpec, command_table
    from relab.files import write_csv

    settings = settings_of(args, CommandSpec)
    with record(args, inputs=[], outputs=[args.output]):
        write_csv(args.output, command_table(settings.sampling))


if __name__ == "__main__":
    run(main)
