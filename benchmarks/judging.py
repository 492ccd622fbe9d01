"""Speed of scoring texts under a judge, beside a plain loop that reads one text at a time.

Both run in one process, in turn, on the same model, texts and threads: texts of 90 tokens on average and of varied length,
each after a prompt of four, cut from an act of a play. All texts differ, so that reading equal ones once gains nothing
here. The greatest difference between a log-probability by one and by the other is a figure of its own, and so is the speed of
a judge in bfloat16 where the processor multiplies it itself, beside the same loop in float32. Prints one JSON line a figure.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
from functools import partial
from pathlib import Path

from common import emit, interleave, median_ratio, parser, rate

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "results" / "models" / "smollm2"
PLAY = ROOT / "tests" / "data" / "comedy_of_errors_act_1.en.md"
PROMPT = "Once upon a time"


def texts_of(tokenizer, number: int, mean: int) -> list[tuple[str, str]]:
    """Prompts with texts of ``mean`` tokens on average, from half of that to one and a half times as many."""
    ids = tokenizer(PLAY.read_text(encoding="utf-8"), add_special_tokens=False)["input_ids"]
    lengths = [mean // 2 + index * mean // (number - 1) for index in range(number)]
    starts = [index * (len(ids) - 2 * mean) // number for index in range(number)]
    return [(PROMPT, " " + tokenizer.decode(ids[at : at + length])) for at, length in zip(starts, lengths, strict=True)]


def plain(model, tokenizer, texts) -> list[list[float]]:
    """One text at a time: read it, take the log-probabilities of its tokens after the prompt's."""
    import torch

    from relab.checkpoints import start_token

    first = start_token(model, tokenizer)
    start = [] if first is None else [first]
    logprobs = []
    with torch.inference_mode():
        for prompt, text in texts:
            prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
            ids = tokenizer(prompt + text, add_special_tokens=False)["input_ids"]
            tokens = torch.tensor([start + ids], device=model.device)
            predicted = model(tokens).logits[0, :-1].float().log_softmax(-1).gather(-1, tokens[0, 1:, None])[:, 0]
            logprobs.append(predicted[len(start) + len(prompt_ids) - 1 :].tolist())
    return logprobs


def ours(model, tokenizer, texts) -> list[list[float]]:
    from relab.judging.judge import judged

    return [judgement.logprobs for judgement in judged(model, tokenizer, texts)]


def multiplies_bfloat16() -> bool:
    """Whether the processor does (AVX512-BF16, AMX), as Linux tells."""
    try:
        return not {"avx512_bf16", "amx_bf16"}.isdisjoint(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return False


def main() -> None:
    cli = parser(__doc__, repeats=5)
    cli.add_argument("--model", type=Path, default=MODEL, metavar="DIR", help="model directory (default: %(default)s)")
    cli.add_argument("--texts", type=int, default=48, help="texts, at least 2 (default: 48)")
    cli.add_argument("--tokens", type=int, default=90, help="tokens of a text on average (default: 90)")
    args = cli.parse_args()
    weights = args.model / "model.safetensors"
    if not weights.is_file():
        print(f"nothing measured: {weights} not found; make it with: snakemake --cores 1 {weights}", file=sys.stderr)
        return
    measure(args)


def measure(args: argparse.Namespace) -> None:
    """Time both in turn, compare their log-probabilities, and emit the speed and the greatest difference."""
    import transformers

    from relab.checkpoints import load_model, load_tokenizer
    from relab.device import device_name, pick_device, prepare_device
    from relab.precision import BFLOAT16

    device = pick_device()
    prepare_device(device, args.threads)
    tokenizer = load_tokenizer(args.model)
    texts = texts_of(tokenizer, args.texts, args.tokens)
    model = load_model(args.model, device)
    programs = {"ours": partial(ours, model), "plain": partial(plain, model)}
    if device.type == "cpu" and multiplies_bfloat16():
        programs["bfloat16"] = partial(ours, load_model(args.model, device, BFLOAT16))
    results = {name: programs[name](tokenizer, texts) for name in ("ours", "plain")}
    tokens = sum(map(len, results["plain"]))
    timed = {name: rate(partial(program, tokenizer, texts), tokens) for name, program in programs.items()}
    figures = interleave(timed, args.repeats)
    speed = {name: statistics.median(values) for name, values in figures.items()}
    shared = {
        "peer": f"one text at a time on transformers {transformers.__version__}",
        "settings": {"model": args.model.name, "texts": len(texts), "tokens": tokens, "prompt": PROMPT},
        "device": device_name(device),
    }
    for name, figure in {"ours": "judged tokens", "bfloat16": "judged tokens, bfloat16"}.items():
        if name in speed:
            ratios = {"peer_value": speed["plain"], "ratio_to": median_ratio(figures[name], figures["plain"])}
            emit("judging", figure, speed[name], "tokens/s", repeats=args.repeats, **ratios, **shared)
    logprobs = (itertools.chain(*results[name]) for name in ("ours", "plain"))
    difference = max(abs(value - peer_value) for value, peer_value in zip(*logprobs, strict=True))
    emit("judging", "greatest difference", difference, "nats", **shared)


if __name__ == "__main__":
    main()
