"""The options of the command that samples texts, and their values in the command of a sampling.

The row's settings hold them as they are, so that an edited help text is seen: no digest of code holds it.
"""

from __future__ import annotations

import argparse
import shlex

from relab.command_line import option, parser
from relab.errors import UserError
from relab.settings.samplings import Decoding, Sampling


def described_options() -> list[dict[str, str]]:
    """The options in the order of the help: ``option``, ``meaning`` and ``default``, which is empty where there is none."""
    return [
        {"option": action.option_strings[-1], "meaning": action.help or "", "default": _default(action)}
        for action in parser()._actions
        if action.dest != "help"
    ]


def _default(action: argparse.Action) -> str:
    if action.required:
        return "required"
    if action.default is None:
        return ""
    return ("no", "yes")[action.default] if isinstance(action.default, bool) else str(action.default)


def option_values(sampling: Sampling, key: str) -> dict[str, str]:
    """The options of the command that samples ``sampling``, with their values as a shell wants them.

    An option without a value has ``yes``; options that would have their default are left out.

    Raises:
        UserError: where it has several methods or prompts, prompts from a corpus, or asks for what no option gives; the message
            begins with ``key``.
    """
    if not isinstance(sampling.prompts, list) or len(sampling.prompts) > 1 or len(sampling.methods) > 1:
        raise UserError(f"{key}: expected a sampling of one prompt in words and one method, which one command can make")
    (prompt,), (method,) = sampling.prompts, sampling.methods.values()
    if not sampling.stop or method.temperature_rule != Decoding.model_fields["temperature_rule"].default:
        raise UserError(f"{key}: expected a sampling with stop and the temperature_rule divide, the only ones with an option")
    wanted = {
        "--model": f"results/models/{sampling.model}",
        "--prompt": prompt,
        "--num-samples": sampling.number if method.do_sample else 1,
        "--length": sampling.length,
        "--seed": sampling.seed,
        "--precision": sampling.precision,
        "--greedy": not method.do_sample and method.num_beams == 1,
        **{option(name): value for name, value in method if name not in ("do_sample", "temperature_rule")},
    }
    defaults = {action.option_strings[-1]: action.default for action in parser()._actions}
    changed = {name: value for name, value in wanted.items() if value != defaults[name]}
    return {name: "yes" if value is True else shlex.quote(str(value)) for name, value in changed.items()}
