"""Speed of scoring texts under a judge, beside a plain loop that reads one text at a time.

Both run in one process, in turn, on the same model, texts and threads: texts of 90 tokens on average and of varied length,
each after a prompt of four, cut from an act of a play. All texts differ, so that reading equal ones once gains nothing
here. The greatest difference between a log-probability by one and by the other is a figure of its own. Prints one JSON line a
figure.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from common import emit, interleave, rate

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
    found = []
    with torch.inference_mode():
        for prompt, text in texts:
            prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
            ids = tokenizer(prompt + text, add_special_tokens=False)["input_ids"]
            tokens = torch.tensor([start + ids], device=model.device)
            logprobs = model(tokens).logits[0, :-1].float().log_softmax(-1)
            scored = logprobs.gather(-1, tokens[0, 1:, None])[:, 0]
            found.append(scored[len(start) + len(prompt_ids) - 1 :].tolist())
    return found


def ours(model, tokenizer, texts) -> list[list[float]]:
    from relab.judging.judge import judged

    return [one.logprobs for one in judged(model, tokenizer, texts)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL, metavar="DIR", help="model directory (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="compute threads (default: 1)")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each program (default: 5)")
    parser.add_argument("--texts", type=int, default=48, help="texts, at least 2 (default: 48)")
    parser.add_argument("--tokens", type=int, default=90, help="tokens of a text on average (default: 90)")
    args = parser.parse_args()
    weights = args.model / "model.safetensors"
    if not weights.is_file():
        print(f"nothing measured: {weights} not found; make it with: snakemake --cores 1 {weights}", file=sys.stderr)
        return
    measure(args)


def measure(args: argparse.Namespace) -> None:
    """Time both in turn, compare what they found, and emit the speed and the greatest difference."""
    import transformers

    from relab.checkpoints import load_model, load_tokenizer
    from relab.device import describe, pick, prepare

    device = pick()
    prepare(device, args.threads)
    model, tokenizer = load_model(args.model, device), load_tokenizer(args.model)
    texts = texts_of(tokenizer, args.texts, args.tokens)
    programs = {"ours": ours, "plain": plain}
    results = {name: one(model, tokenizer, texts) for name, one in programs.items()}
    tokens = sum(map(len, results["plain"]))
    timed = {name: rate(lambda one=one: one(model, tokenizer, texts), tokens) for name, one in programs.items()}
    found = {name: statistics.median(figures) for name, figures in interleave(timed, args.repeats).items()}
    shared = {
        "peer": f"one text at a time on transformers {transformers.__version__}",
        "settings": {"model": args.model.name, "texts": len(texts), "tokens": tokens, "prompt": PROMPT},
        "device": describe(device),
    }
    emit(
        "judging",
        "judged tokens",
        found["ours"],
        "tokens/s",
        peer_value=found["plain"],
        ratio_to=found["ours"] / found["plain"],
        repeats=args.repeats,
        **shared,
    )
    pairs = [zip(one, other, strict=True) for one, other in zip(results["ours"], results["plain"], strict=True)]
    emit("judging", "greatest difference", max(abs(one - other) for pair in pairs for one, other in pair), "nats", **shared)


if __name__ == "__main__":
    main()
