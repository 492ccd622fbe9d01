"""Speed of writing short targets, beside Transformers' `generate()` one text at a time: 32 prompts of varied length.

Both run in one process, in turn, on the same model, prompts and threads; greedy, every text to the same length, so that both
write the same tokens. The share of texts that are the same, token by token, is a figure of its own. Prints one JSON line a
figure.
"""

from __future__ import annotations

import statistics
import sys
from functools import partial
from pathlib import Path

from common import emit, interleave, parser, rate
from judging import MODEL, PLAY

LENGTH = 20


def prompts_of(tokenizer, number: int) -> list[list[int]]:
    """Prompts of 15 to 75 tokens, as docstrings are."""
    ids = tokenizer(PLAY.read_text(encoding="utf-8"), add_special_tokens=False)["input_ids"]
    return [ids[97 * index : 97 * index + 15 + 60 * index // (number - 1)] for index in range(number)]


def one_by_one(model, prompts) -> list[list[int]]:
    """Transformers' `generate()`, a prompt at a time."""
    import torch

    texts = []
    for prompt in prompts:
        tokens = torch.tensor([prompt], device=model.device)
        options = {"max_new_tokens": LENGTH, "min_new_tokens": LENGTH, "do_sample": False, "pad_token_id": 0}
        texts.append(model.generate(tokens, attention_mask=torch.ones_like(tokens), **options)[0, len(prompt) :].tolist())
    return texts


def together(model, prompts) -> list[list[int]]:
    from relab.sampling import sample
    from relab.settings.samplings import Decoding

    ends = model.generation_config.eos_token_id
    banned = ends if isinstance(ends, list) else [] if ends is None else [ends]
    generations = sample(model, prompts, length=LENGTH, seeds=[0] * len(prompts), decoding=Decoding(), banned=banned)
    return [generation.token_ids for generation in generations]


def main() -> None:
    cli = parser(__doc__, repeats=3)
    cli.add_argument("--model", type=Path, default=MODEL, metavar="DIR", help="model directory (default: %(default)s)")
    args = cli.parse_args()
    weights = args.model / "model.safetensors"
    if not weights.is_file():
        print(f"nothing measured: {weights} not found; make it with: snakemake --cores 1 {weights}", file=sys.stderr)
        return
    import torch
    import transformers

    from relab.checkpoints import load_model, load_tokenizer

    torch.set_num_threads(args.threads)
    model = load_model(args.model, torch.device("cpu"))
    prompts = prompts_of(load_tokenizer(args.model), 32)
    same = statistics.mean(
        ours == theirs for ours, theirs in zip(together(model, prompts), one_by_one(model, prompts), strict=True)
    )
    programs = {
        name: rate(partial(writer, model, prompts), len(prompts)) for name, writer in (("ours", together), ("peer", one_by_one))
    }
    speed = {name: statistics.median(figures) for name, figures in interleave(programs, args.repeats).items()}
    options = {"settings": {"texts": len(prompts), "prompts": "15 to 75 tokens", "tokens": LENGTH}, "repeats": args.repeats}
    peer = {"peer": f"generate() one by one on transformers {transformers.__version__}", "peer_value": speed["peer"]}
    emit("targets", "32 short targets", speed["ours"], "texts/s", **peer, **options)
    emit("targets", "32 short targets, the same tokens", same, "share of texts", **options)


if __name__ == "__main__":
    main()
