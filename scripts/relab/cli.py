"""The command ``relab``: what users do with this project, a subcommand each.

A subcommand is a module of :mod:`relab.commands` with a function ``main(words)``, and a line of :data:`COMMANDS`. It is
imported when it is asked for, so that ``relab --help`` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from relab.errors import run

#: The subcommands, in the order in which users meet them, with what each does.
COMMANDS = {
    "report": "compute everything that is out of date and build results/report.html",
    "list": "list the targets that one can ask for",
    "graph": "draw how the stages rest on each other",
    "plan": "say what that would run, download and take",
    "rehearse": "run all of it on small stand-ins before the real run",
    "fetch": "fetch the downloads that a configuration needs, and nothing else",
    "run": "start a run as a copy of another one",
    "check": "say what a file is and print an overlay that reads it",
    "compare": "show what changed between two runs",
    "generate": "sample texts from a language model",
}


def main() -> None:
    """Run the subcommand of this process's command line."""
    run(lambda: dispatch(sys.argv[1:]))


def dispatch(words: Sequence[str]) -> None:
    """Hand the words after the name of a subcommand on to it."""
    parser = argparse.ArgumentParser(
        prog="relab",
        description="Tables and plots of lab write-ups on language models, computed from real text.",
        epilog="`relab COMMAND --help` explains a command.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, about in COMMANDS.items():
        commands.add_parser(name, help=about, add_help=False)
    command = parser.parse_args(words[:1]).command
    importlib.import_module(f"relab.commands.{command}").main(words[1:])


if __name__ == "__main__":
    main()
