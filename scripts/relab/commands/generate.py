"""Sample texts from a language model, by hand, as the pipeline samples them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from relab.command_line import decoding, parser
from relab.errors import UserError
from relab.settings.base import check
from relab.settings.samplings import Sampling


def main(words: Sequence[str]) -> None:
    args = parser().parse_args(words)
    settings = sampling(args)

    from relab.sampling.texts import write

    records = texts(args, settings)
    if args.output:
        write(args.output, records)
        print(f"{len(records)} texts are in {args.output}", file=sys.stderr)
    else:
        show(records)


def sampling(args: argparse.Namespace) -> Sampling:
    """The options as a sampling of the pipeline's: one method, all prompts."""
    twice = {prompt for prompt in args.prompt if args.prompt.count(prompt) > 1}
    if twice:
        raise UserError(f"--prompt {sorted(twice)[0]!r} is given twice; for several texts of a prompt there is --num-samples")
    options = {"prompts": args.prompt, "length": args.length, "number": args.num_samples, "seed": args.seed}
    return check(Sampling, {"model": "given", "methods": {"given": decoding(args)}, **options}, "")


def texts(args: argparse.Namespace, settings: Sampling) -> list[dict[str, Any]]:
    """The records of the texts, with a bar on a terminal."""
    from tqdm import tqdm

    from relab.checkpoints import load_model, load_tokenizer
    from relab.device import pick, prepare
    from relab.sampling.texts import Reader, prompts_of, sampled, tokens_asked

    device = pick()
    prepare(device, args.threads)
    reader = Reader(load_model(args.model, device), load_tokenizer(args.model))
    prompts = prompts_of(settings, reader, None)
    with tqdm(total=tokens_asked(settings, len(prompts)), unit="token", disable=None) as bar:
        return list(sampled(settings, reader, prompts, bar.update, args.batch))


def show(records: Iterable[dict[str, Any]]) -> None:
    """Print texts, each after its prompt, a ruler between two of them."""
    for number, record in enumerate(records):
        if number:
            print("-" * 40)
        print(record["prompt"] + record["text"])
