"""Score the claims of the write-ups, and a user's own, against this run: the report's ledger."""

from pathlib import Path

from relab.errors import run
from relab.jobs import job_parser, job_settings, record_provenance


def main() -> None:
    cli = job_parser(__doc__)
    cli.add_argument(
        "--writeups", required=True, type=Path, metavar="DIR", help="the write-ups and their claims (config/writeups)"
    )
    cli.add_argument(
        "--scores", nargs="*", default=[], type=Path, metavar="FILE", help="scores; the folder is their chapter's name"
    )
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the ledger (CSV)")
    args = cli.parse_args()

    from relab.claims.ledger import ledger
    from relab.claims.scores import scores_by_writeup
    from relab.files import write_csv
    from relab.settings.claims import claims_of
    from relab.settings.report import LedgerSpec
    from relab.settings.writeups import load

    spec = job_settings(args, LedgerSpec)
    writeups = load(args.writeups)
    chapters = [*(chapter.key for chapter in writeups.chapters), *spec.chapters]
    claims = claims_of(args.writeups, writeups, spec.claims, chapters)
    shown = {name: claim for name, claim in claims.items() if claim.row in spec.rows}
    with record_provenance(args, outputs=[args.output]):
        write_csv(args.output, ledger(shown, spec.settings, scores_by_writeup(args.scores)))


if __name__ == "__main__":
    run(main)
