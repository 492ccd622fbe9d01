"""Write the table of downloads: where each file came from, its checksum, its licence and what it is for."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--locks", nargs="+", required=True, type=Path, metavar="FILE", help="lock files of the downloads")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the table (CSV)")
    args = cli.parse_args()

    from relab.assets.cache import lock_entries
    from relab.files import write_csv
    from relab.overview import AssetsSpec, assets_table

    assets = settings_of(args, AssetsSpec).assets
    with record(args, inputs=args.locks, outputs=[args.output]):
        write_csv(args.output, assets_table(assets, lock_entries(args.locks)))


if __name__ == "__main__":
    run(main)
