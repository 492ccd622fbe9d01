"""D6's table: the write-up's command line beside this project's, whose options are read from its own parser."""

from __future__ import annotations

import argparse
import shlex

import pandas as pd
from pydantic import Field

from relab.command_line import option, parser
from relab.errors import UserError
from relab.settings.base import Settings
from relab.settings.samplings import Decoding, Sampling

#: The write-up's options, in its order, and the options here that do the same. ``--promt`` is its spelling.
COUNTERPARTS = {
    "--promt": "--prompt",
    "--checkpoint-path": "--model",
    "--tokenizer-path": "--model",
    "--output-file": "--output",
    "--gen-temperature": "--temperature",
    "--gen-topk": "--top-k",
    "--gen-quantity": "--num-samples",
}


class CommandSpec(Settings):
    """Settings of the job that writes the table."""

    sampling: Sampling = Field(description="The sampling whose command the table shows.")


def command_table(sampling: Sampling) -> pd.DataFrame:
    """An option a row, those with a counterpart in the write-up first.

    Columns: ``writeup`` its options, empty where it has none; ``option`` ours; ``meaning`` as our help tells it; ``default``,
    empty where there is none; ``value`` in the command that samples ``sampling``, quoted as a shell wants it, empty where the
    option is left out.

    Raises:
        UserError: a sampling that is no single command: see :func:`values`.
    """
    used = values(sampling)
    theirs: dict[str, list[str]] = {}
    for name, ours in COUNTERPARTS.items():
        theirs.setdefault(ours, []).append(name)
    actions = {action.option_strings[-1]: action for action in parser()._actions if action.dest != "help"}
    order = [*theirs, *(name for name in actions if name not in theirs)]
    rows = [
        {
            "writeup": ", ".join(theirs.get(name, [])),
            "option": name,
            "meaning": actions[name].help,
            "default": _default(actions[name]),
            "value": used.get(name, ""),
        }
        for name in order
    ]
    return pd.DataFrame(rows)


def _default(action: argparse.Action) -> str:
    if action.required:
        return "required"
    if action.default is None:
        return ""
    return ("no", "yes")[action.default] if isinstance(action.default, bool) else str(action.default)


def values(sampling: Sampling) -> dict[str, str]:
    """The options of the command that samples ``sampling``, with their values as a shell wants them.

    An option without a value has ``yes``; options that would have their default are left out.

    Raises:
        UserError: where it has several methods or prompts, prompts from a corpus, or asks for what no option gives.
    """
    place = "chapters.stories.command_line"
    if not isinstance(sampling.prompts, list) or len(sampling.prompts) > 1 or len(sampling.methods) > 1:
        raise UserError(f"{place}: expected a sampling of one prompt in words and one method, which one command can make")
    (prompt,), (chosen,) = sampling.prompts, sampling.methods.values()
    if not sampling.stop or chosen.temperature_rule != Decoding.model_fields["temperature_rule"].default:
        raise UserError(f"{place}: expected a sampling with stop and the temperature_rule divide, the only ones with an option")
    wanted = {
        "--model": f"results/models/{sampling.model}",
        "--prompt": prompt,
        "--num-samples": sampling.number if chosen.do_sample else 1,
        "--length": sampling.length,
        "--seed": sampling.seed,
        "--greedy": not chosen.do_sample and chosen.num_beams == 1,
        **{option(name): value for name, value in chosen if name not in ("do_sample", "temperature_rule")},
    }
    defaults = {action.option_strings[-1]: action.default for action in parser()._actions}
    given = {name: value for name, value in wanted.items() if value != defaults[name]}
    return {name: "yes" if value is True else shlex.quote(str(value)) for name, value in given.items()}
