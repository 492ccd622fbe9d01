"""Write the tables of data sets (rows used and left out) and of features (texts encoded, texts cut)."""

import json
from pathlib import Path

from relab.errors import UserError, run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--datasets", nargs="+", required=True, type=Path, metavar="FILE", help="{dataset}/{part}.json of each")
    cli.add_argument(
        "--features", nargs="+", required=True, type=Path, metavar="FILE", help="{encoder}/{dataset}/{part}.json of each"
    )
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the table of data sets (CSV)")
    cli.add_argument("--output-features", required=True, type=Path, metavar="FILE", help="the table of features (CSV)")
    args = cli.parse_args()

    from relab.files import write_csv
    from relab.overview import DatasetsSpec, datasets_table, features_table

    words = settings_of(args, DatasetsSpec).datasets
    for option in ("datasets", "features"):
        for path in getattr(args, option):
            if path.parent.name not in words:
                raise UserError(f"--{option}: {path.parent.name} is not among the data sets {', '.join(words)}")
    with record(args, inputs=[*args.datasets, *args.features], outputs=[args.output, args.output_features]):
        parts = {(path.parent.name, path.stem): json.loads(path.read_text()) for path in args.datasets}
        features = {
            (path.parent.parent.name, path.parent.name, path.stem): json.loads(path.read_text()) for path in args.features
        }
        write_csv(args.output, datasets_table(words, parts))
        write_csv(args.output_features, features_table(words, features))


if __name__ == "__main__":
    run(main)
