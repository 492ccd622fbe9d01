"""Score the claims of the write-ups against this run: the report's ledger."""

from pathlib import Path

from pydantic import Field

from relab.errors import run
from relab.jobs import parser, record, settings_of
from relab.settings.base import Scalar, Settings


class ClaimSpec(Settings):
    """Settings of the job."""

    settings: dict[str, list[Scalar]] = Field(description="Values of each setting that a claim's conditions name.")


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--claims", required=True, type=Path, metavar="FILE", help="config/claims.yaml")
    cli.add_argument(
        "--scores", nargs="+", required=True, type=Path, metavar="FILE", help="scores; the folder is their write-up's name"
    )
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the ledger (CSV)")
    args = cli.parse_args()

    from relab.claims.ledger import ledger
    from relab.claims.scores import scores_by_writeup
    from relab.files import write_csv
    from relab.settings.claims import load

    settings = settings_of(args, ClaimSpec).settings
    with record(args, inputs=[args.claims, *args.scores], outputs=[args.output]):
        write_csv(args.output, ledger(load(args.claims), settings, scores_by_writeup(args.scores)))


if __name__ == "__main__":
    run(main)
