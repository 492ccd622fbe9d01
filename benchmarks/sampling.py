"""Speed of the sampler: inside the context window, where it caches keys and values, and beyond it, where it cannot.

Peers, in the same process and in turn with ours: the lecture's loop, which reads the whole context again for every token,
a bare key-value loop around the same model, and Transformers' `generate()`; for texts by different methods in one batch, the
same number of texts by one method. Prints one JSON line a figure.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial

from common import emit, interleave, parser, rate

WIDTH, LAYERS, HEADS, WINDOW, VOCABULARY = 128, 4, 4, 64, 80


def lecture(model, prompts, length: int) -> None:
    """Karpathy's gpt.py: no cache, logits of every position, the last ``WINDOW`` tokens as context."""
    import torch

    tokens = torch.tensor(prompts, device=model.device)
    with torch.no_grad():
        for _ in range(length):
            logits = model(tokens[:, -WINDOW:], use_cache=False).logits[:, -1]
            tokens = torch.cat([tokens, torch.multinomial(logits.softmax(-1), 1)], dim=1)


def bare(model, prompts, length: int) -> None:
    """The shortest loop with a key-value cache."""
    import torch

    tokens, cache = torch.tensor(prompts, device=model.device), None
    with torch.inference_mode():
        for _ in range(length):
            output = model(tokens, past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            tokens = torch.multinomial(output.logits[:, -1].softmax(-1), 1)


def generate(model, prompts, length: int) -> None:
    """Transformers' own sampling, all filters off."""
    import torch

    tokens = torch.tensor(prompts, device=model.device)
    with torch.inference_mode():
        model.generate(
            tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=length, do_sample=True, top_k=0, pad_token_id=0
        )


def ours(model, prompts, length: int) -> None:
    from relab.sampling import sample

    sample(model, prompts, length=length, seeds=range(len(prompts)))


def mixed(model, prompts, length: int) -> None:
    """Texts by eight methods in turn, in one batch."""
    from relab.sampling import sample
    from relab.settings.samplings import Decoding

    methods = [
        Decoding(),
        Decoding(do_sample=True),
        Decoding(do_sample=True, temperature=0.7),
        Decoding(do_sample=True, temperature=1.5, top_k=20),
        Decoding(do_sample=True, top_k=6),
        Decoding(do_sample=True, top_p=0.9),
        Decoding(do_sample=True, min_p=0.1),
        Decoding(no_repeat_ngram_size=3),
    ]
    decoding = [methods[row % len(methods)] for row in range(len(prompts))]
    sample(model, prompts, length=length, seeds=range(len(prompts)), decoding=decoding)


def compare(figure: str, batch: int, length: int, peers: dict[str, Callable], repeats: int, program: Callable = ours) -> None:
    """Emit the tokens/s of our sampler once for each peer, with the peer's own and the ratio of the two."""
    import torch
    import transformers

    from relab import gpt
    from relab.settings.models import Architecture

    torch.manual_seed(0)
    architecture = Architecture(width=WIDTH, layers=LAYERS, heads=HEADS, block=WINDOW, tied=False)
    model = gpt.build(architecture, VOCABULARY).eval()
    prompts = [[0]] * batch
    programs = {
        name: rate(partial(sampler, model, prompts, length), batch * length)
        for name, sampler in {"ours": program, **peers}.items()
    }
    speed = {name: statistics.median(figures) for name, figures in interleave(programs, repeats).items()}
    settings = {"width": WIDTH, "layers": LAYERS, "context": WINDOW, "batch": batch, "prompt": 1, "tokens": length}
    for name in peers:
        emit(
            "sampling",
            figure,
            speed["ours"],
            "tokens/s",
            peer=f"{name} on transformers {transformers.__version__}",
            peer_value=speed[name],
            settings=settings,
            repeats=repeats,
        )


def main() -> None:
    args = parser(__doc__, repeats=7).parse_args()
    import torch

    torch.set_num_threads(args.threads)
    peers = {"full re-computation (the lecture's loop)": lecture, "bare key-value loop": bare, "generate()": generate}
    for batch in (1, 32):
        compare(f"inside the window, batch {batch}", batch, WINDOW - 1, peers, args.repeats)
    compare("eight methods in a batch of 32", 32, WINDOW - 1, {"one method for all": ours}, args.repeats, mixed)
    slow = {"full re-computation (the lecture's loop)": lecture}
    compare("beyond the window, batch 4", 4, 200, slow, max(1, args.repeats // 2))


if __name__ == "__main__":
    main()
