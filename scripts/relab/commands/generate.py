"""Sample texts from a language model, by hand, as the pipeline samples them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from relab.command_line import method, parser
from relab.errors import UserError
from relab.settings.asking import Asking
from relab.settings.base import check
from relab.settings.samplings import Sampling


def main(words: Sequence[str]) -> None:
    args = parser().parse_args(words)
    settings = sampling(args)

    from relab.sampling.texts import write_records

    records, answers = texts(args, settings)
    if args.output:
        write_records(args.output, records)
        print(f"{len(records)} texts are in {args.output}", file=sys.stderr)
    else:
        show(records, answers)


def sampling(args: argparse.Namespace) -> Sampling:
    """The options as a sampling of the pipeline, with one method."""
    twice = sorted({prompt for prompt in args.prompt if args.prompt.count(prompt) > 1})
    if twice:
        raise UserError(f"--prompt {twice[0]!r} is given twice; for several texts of a prompt there is --num-samples")
    options = {"prompts": args.prompt, "length": args.length, "number": args.num_samples, "seed": args.seed}
    options["precision"] = args.precision
    return check(Sampling, {"model": "given", "methods": {"given": method(args).model_dump()}, **options}, "")


def texts(args: argparse.Namespace, settings: Sampling) -> tuple[list[dict[str, Any]], bool]:
    """The records of the texts, with a bar on a terminal, and whether they answer their prompts instead of continuing them."""
    from tqdm import tqdm

    from relab.checkpoints import load_model, load_tokenizer
    from relab.device import pick_device, prepare_device
    from relab.encoded_sources import is_encoder_decoder
    from relab.sampling.prompts import LanguageModel, build_prompts
    from relab.sampling.texts import max_tokens, sample_records

    device = pick_device()
    prepare_device(device, args.threads)
    lm = LanguageModel(load_model(args.model, device, settings.precision), load_tokenizer(args.model))
    prompts = build_prompts(settings, lm)
    with tqdm(total=max_tokens(settings, len(prompts)), unit="token", disable=None) as bar:
        records = list(sample_records(settings, lm, prompts, bar.update, args.batch))
    return records, is_encoder_decoder(lm.model) or settings.methods["given"].asking != Asking()


def show(records: Iterable[dict[str, Any]], answers: bool = False) -> None:
    """Print texts, each after its prompt unless it answers it, a ruler between two of them."""
    for number, record in enumerate(records):
        if number:
            print("-" * 40)
        print(record["text"] if answers else record["prompt"] + record["text"])
