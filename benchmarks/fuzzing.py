"""Files and settings as nobody foresaw them: each is read right, or told in one sentence with no file left half-written.

Draws examples of every property of `tests/support/fuzzing.py`, by a seed of its own, and prints one JSON line a property: how
many held, and how many of the actions in them ended in a result and in a sentence. The first example that does not hold,
made as small as hypothesis can, ends the program with its traceback.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common import emit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--examples", type=int, default=10_000, help="examples of all properties together (default: %(default)s)")
    cli.add_argument("--seed", type=int, default=0, help="seed of the examples (default: %(default)s)")
    cli.add_argument("--only", default="", metavar="NAME", help="only properties with this in their names")
    args = cli.parse_args()

    from support.fuzzing import OUTCOMES, PROPERTIES, check_property

    number = args.examples // len(PROPERTIES)
    for prop in (prop for prop in PROPERTIES if args.only in prop.__name__):
        OUTCOMES.clear()
        check_property(prop, number, args.seed)
        emit("fuzzing", prop.__name__.replace("_", " "), number, "examples", settings={"seed": args.seed, **OUTCOMES})


if __name__ == "__main__":
    main()
