"""The command snakemake of the environment: Snakemake, which also takes targets that stand behind the values of an option.

Options such as --resources and --quiet take all words that follow, so that Snakemake reads the target of

    snakemake --cores 8 --resources gpu=1 results/report.html

as one more resource, and fails. Here words that cannot be a value of the option before them go behind --, where Snakemake
looks for targets. A line without such a word is handed on as it is; so is one that Snakemake writes for its own jobs.

It stands outside of the library, whose modules another checkout's Snakefile must find unloaded.
"""

import argparse
import sys
from pathlib import Path

#: The files between stages: none is a configuration, whatever its format.
RESULTS = "results"


def main():
    """Run Snakemake on this process's command line."""
    sys.path.remove(str(Path(__file__).parent))
    from snakemake import cli

    sys.argv[1:] = with_targets_last(sys.argv[1:], cli.get_argument_parser())
    cli.main()


def with_targets_last(words, parser):
    """The words of a command line, those behind -- that can only be targets; the same words where the others are values.

    Positional words go there, too, once one has to: Snakemake takes targets in one place only.
    """
    options = {name: action for action in parser._actions for name in action.option_strings}
    end = words.index("--") if "--" in words else len(words)
    kept, targets, moved = [], [], False
    action, count = None, 0
    for word in words[:end]:
        if word.startswith("-") and word != "-":
            action, count = option(word, options), 0
            kept.append(word)
        elif takes(action, count) and (count < least(action) or may_be_value(word, action)):
            kept.append(word)
            count += 1
        else:
            moved |= takes(action, count)
            targets.append(word)
    if not moved or "--mode" in words:
        return words
    return [*kept, "--", *targets, *words[end + 1 :]]


def option(word, options):
    """The option whose values may follow a word; none where it has its value in it, or is no option of Snakemake's."""
    while word not in options:
        if word.startswith("--"):
            whole = {id(options[name]): options[name] for name in options if name.startswith(word)}
            return next(iter(whole.values())) if len(whole) == 1 else None
        # -nq is -n -q; what stands behind the letter of an option with values is its value.
        first = options.get(word[:2])
        if first is None or first.nargs != 0:
            return None
        word = "-" + word[2:]
    return options[word]


def takes(action, count):
    """Whether an option takes a value more than the ones it has."""
    if action is None:
        return False
    most = {None: 1, argparse.OPTIONAL: 1, argparse.ZERO_OR_MORE: sys.maxsize, argparse.ONE_OR_MORE: sys.maxsize}
    return count < most.get(action.nargs, action.nargs)


def least(action):
    """How many values an option must have."""
    return {None: 1, argparse.OPTIONAL: 0, argparse.ZERO_OR_MORE: 0, argparse.ONE_OR_MORE: 1}.get(action.nargs, action.nargs)


def may_be_value(word, action):
    """Whether a word can be a further value of an option; any word can where Snakemake says nothing of their form."""
    if action.choices:
        return word in map(str, action.choices)
    if action.dest == "configfile":
        path = Path(word)
        return path.suffix in (".yaml", ".yml") or (path.is_file() and path.parts[0] != RESULTS)
    return "=" in word or not asks_for_pair(action)


def asks_for_pair(action):
    """Whether an option wants NAME=VALUE: its help says so, or it refuses a name alone."""
    if "=" in (action.metavar or ""):
        return True
    try:
        action(None, argparse.Namespace(), ["name"])
    except Exception:
        return True
    return False
