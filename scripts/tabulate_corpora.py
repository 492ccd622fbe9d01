"""Write the table of corpora: documents, characters, what cleaning removed."""

import json
from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--stats", nargs="+", required=True, type=Path, metavar="FILE", help="stats.json of each corpus")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the table (CSV)")
    args = cli.parse_args()

    from relab.files import write_csv
    from relab.inputs import by_name
    from relab.overview import CorporaSpec, corpora_table

    corpora = settings_of(args, CorporaSpec).corpora
    with record(args, inputs=args.stats, outputs=[args.output]):
        files = by_name(args.stats, corpora, "stats")
        stats = {corpus: json.loads(path.read_text(encoding="utf-8")) for corpus, path in files.items()}
        write_csv(args.output, corpora_table(corpora, stats))


if __name__ == "__main__":
    run(main)
