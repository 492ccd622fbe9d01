"""The command line of ``relab generate``: its options, and what they mean to the sampler.

It imports settings alone, so that ``--help`` and a mistyped option answer at once.
"""

from __future__ import annotations

import argparse
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic.fields import FieldInfo

from relab.errors import UserError
from relab.settings.asking import Asking
from relab.settings.base import WeightPrecision, check
from relab.settings.samplings import Method

DESCRIPTION = "Sample texts from a model in a directory: one trained here, an imported one, or any of its form."

EPILOG = """\
examples:
  Thirty-two stories, each token drawn among the two most probable ones:
    relab generate --model results/models/smollm2 --prompt "Once upon a time " \\
        --top-k 2 --temperature 0.5 --num-samples 32 --output stories.jsonl
  The most probable continuation by beam search, no three tokens in a row twice:
    relab generate --model results/models/smollm2 --prompt "The sky is blue because" \\
        --num-beams 4 --no-repeat-ngram-size 3 --length 40
  A question through the model's chat template, answered greedily:
    relab generate --model results/models/smollm2 --prompt "Why is the sky blue?" --chat --greedy
  Two texts for each of two prompts, the second of which is empty:
    relab generate --model DIR --prompt "To be" --prompt "" --num-samples 2

The same model, prompt, options and seed give the same text; a text does not depend on how many others are drawn.
"""

#: Settings of decoding without an option of their name: ``--greedy`` is the absence of the first, and what the write-ups'
#: programs did to the temperature is nothing to choose.
WITHOUT_OPTION = ("do_sample", "temperature_rule")
#: Settings of drawing and of searching; the others go with both and with neither.
DRAWING = ("temperature", "top_k", "top_p", "min_p")
SEARCHING = ("early_stopping", "length_penalty")


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help with the defaults of options that have one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        has_default = not any(action.default is nothing for nothing in (None, False, argparse.SUPPRESS))
        return f"{action.help} (default: %(default)s)" if has_default else action.help


def parser() -> argparse.ArgumentParser:
    """The parser of ``relab generate``; :func:`method` turns what it parsed into the sampler's settings."""
    cli = argparse.ArgumentParser(
        prog="relab generate", description=DESCRIPTION, epilog=EPILOG, formatter_class=_Help, allow_abbrev=False
    )
    texts = cli.add_argument_group("what is continued")
    texts.add_argument("--model", required=True, type=Path, metavar="DIR", help="model directory, its tokenizer in it")
    texts.add_argument(
        "--prompt", required=True, action="append", metavar="TEXT",
        help="the text to continue, taken as it is, blanks at its end too; give it several times for several prompts; an "
        "empty one is the start-of-text token alone",
    )  # fmt: skip
    _add_fields(texts, Asking.model_fields)
    texts.add_argument("--num-samples", type=_whole_number(1), default=1, metavar="N", help="texts for each prompt")
    texts.add_argument(
        "--length", type=_whole_number(1), default=100, metavar="N",
        help="new tokens of each text at most; a text may end earlier by itself",
    )  # fmt: skip
    texts.add_argument("--seed", type=_whole_number(0, 2**63 - 1), default=0, metavar="N", help="seed of the draws")
    texts.add_argument(
        "--output", type=Path, metavar="FILE", help="write JSON lines to this file, a text each; without it, texts go to stdout"
    )
    _add_decoding(cli)
    machine = cli.add_argument_group("the machine")
    machine.add_argument("--batch", type=_whole_number(1), default=32, metavar="N", help="texts sampled at once")
    machine.add_argument(
        "--threads", type=_whole_number(1), default=1, metavar="N",
        help="compute threads; their number changes the last bits of the results",
    )  # fmt: skip
    machine.add_argument(
        "--precision", default="auto", **_argument(typing.get_args(WeightPrecision)[0]),
        help="number format of the model's weights; auto is float32, on a CUDA card the one that they are stored in; those in "
        "bits round it",
    )  # fmt: skip
    return cli


def options() -> dict[str, str]:
    """The options that follow from the settings of a method, with the name of the setting that each sets."""
    return {option(name): name for name in Method.model_fields if name not in WITHOUT_OPTION}


def _add_decoding(cli: argparse.ArgumentParser) -> None:
    """The options of :class:`Decoding`: its fields, defaults and descriptions."""
    group = cli.add_argument_group(
        "how the next token is chosen", "Tokens are drawn by their probabilities unless --greedy or --num-beams is given."
    )
    group.add_argument("--greedy", action="store_true", help="take the most probable token every time")
    _add_fields(group, {name: field for name, field in Method.model_fields.items() if name not in Asking.model_fields})


def _add_fields(group: argparse._ArgumentGroup, fields: Mapping[str, FieldInfo]) -> None:
    """An option for each field of a group of settings."""
    for name, field in fields.items():
        if name not in WITHOUT_OPTION:
            sentence = (field.description or "").partition(". ")[0].removesuffix(".")
            about = sentence[:1].lower() + sentence[1:]
            group.add_argument(option(name), default=field.default, help=about, **_argument(field.annotation))


def _argument(annotation: Any) -> dict[str, Any]:
    """What argparse needs for an option of a type: a word among some, a switch, a whole number or a number."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        (annotation,) = (member for member in typing.get_args(annotation) if member is not types.NoneType)
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) is typing.Literal:
        return {"choices": typing.get_args(annotation)}
    if annotation is bool:
        return {"action": "store_true"}
    return {"type": annotation, "metavar": {int: "N", float: "X", str: "TEXT"}[annotation]}


def _whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """A type of options: whole numbers within bounds."""
    expected = f"expected a whole number of at least {least}" + (f" and at most {most}" if most else "")

    def whole(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{expected}, found {text!r}") from None
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{expected}, found {value}")
        return value

    return whole


def method(args: argparse.Namespace) -> Method:
    """How the model is asked and tokens are chosen: drawn, unless ``--greedy`` or ``--num-beams`` above 1 is given.

    Raises:
        UserError: a value out of bounds, or options that contradict each other: two ways of choosing, an option that does
            nothing in the way chosen, several texts of a prompt where all would be the same.
    """
    searched = args.num_beams > 1
    if args.greedy and searched:
        raise UserError(f"--greedy and --num-beams {args.num_beams}: expected one of them, a text is greedy or searched")
    drawn = not args.greedy and not searched
    if not drawn:
        how = f"--num-beams {args.num_beams}" if searched else "--greedy"
        _refuse(args, DRAWING, f"with {how} nothing is drawn")
        if args.num_samples > 1:
            raise UserError(f"--num-samples {args.num_samples}: with {how} a prompt has one continuation, expected 1")
    if args.min_new_tokens > args.length:
        raise UserError(f"--min-new-tokens {args.min_new_tokens}: expected at most --length, which is {args.length}")
    if not searched:
        _refuse(args, SEARCHING, "it has a meaning with --num-beams above 1 only")
    settings = {name: getattr(args, name) for name in Method.model_fields if hasattr(args, name)}
    try:
        return check(Method, {**settings, "do_sample": drawn}, "")
    except UserError as error:
        key, _, reason = str(error).partition(": ")
        raise UserError(f"{option(key)}: {reason}") from None


def _refuse(args: argparse.Namespace, names: Sequence[str], reason: str) -> None:
    for name in names:
        if getattr(args, name) != Method.model_fields[name].default:
            raise UserError(f"{option(name)}: {reason}; leave it out")


def option(name: str) -> str:
    """The option of a key: ``--top-k`` of ``top_k``."""
    return "--" + name.replace("_", "-")
