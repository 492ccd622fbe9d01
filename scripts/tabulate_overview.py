"""Write the tables of what all rows rest on: corpora, data sets, texts encoded, downloads. None is written empty."""

import json
from pathlib import Path

from relab.errors import run
from relab.jobs import job_parser, job_settings, record_provenance


def main() -> None:
    cli = job_parser(__doc__)
    for option, help in {
        "corpora": "stats.json of each corpus",
        "datasets": "{dataset}/{part}.json of each part of a data set",
        "features": "{encoder}/{dataset}/{part}.json of each part that an encoder encoded",
        "assets": "lock files of the downloads",
    }.items():
        cli.add_argument(f"--{option}", nargs="*", default=[], type=Path, metavar="FILE", help=help)
    cli.add_argument("--output-dir", required=True, type=Path, metavar="DIR", help="folder of the tables (CSV)")
    args = cli.parse_args()

    from relab.assets.cache import lock_entries
    from relab.files import write_csv
    from relab.inputs import by_name
    from relab.overview import OverviewSpec, assets_table, corpora_table, datasets_table, features_table, read_part_stats

    spec = job_settings(args, OverviewSpec)
    tables = {}
    if args.corpora:
        files = by_name(args.corpora, spec.corpora, "corpora")
        tables["corpora"] = corpora_table(spec.corpora, {name: json.loads(path.read_text()) for name, path in files.items()})
    if args.datasets:
        tables["datasets"] = datasets_table(spec.datasets, read_part_stats(args.datasets, spec.datasets, "datasets"))
    if args.features:
        tables["features"] = features_table(spec.datasets, read_part_stats(args.features, spec.datasets, "features"))
    if args.assets:
        tables["assets"] = assets_table(spec.assets, lock_entries(args.assets))
    outputs = {name: args.output_dir / f"{name}.csv" for name in tables}
    with record_provenance(args, outputs=outputs.values()):
        for name, table in tables.items():
            write_csv(outputs[name], table)


if __name__ == "__main__":
    run(main)
