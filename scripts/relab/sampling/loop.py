"""The sampling loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from transformers import DynamicCache, PreTrainedModel

from relab.errors import UserError
from relab.prefix import context
from relab.sampling import beams
from relab.sampling.attention import decoding as decoding_attention
from relab.sampling.choice import Choice
from relab.sampling.streams import uniforms
from relab.settings.samplings import Decoding

#: Steps between two looks at which texts have ended: a look makes a GPU wait.
_LOOK = 4


@dataclass(frozen=True)
class Generation:
    """A continuation of a prompt.

    ``logprobs`` are natural logarithms of the probability that the model itself gives to each token, before temperature and
    the like: they compare across settings, and their mean is minus the model's loss on its own text. ``ended`` tells that
    the last token is one of those that end a text. ``alternatives``, on request, are for each step the most probable tokens
    with their log-probabilities, the most probable first.
    """

    token_ids: list[int]
    logprobs: list[float]
    ended: bool = False
    alternatives: list[list[tuple[int, float]]] = field(default_factory=list)


@torch.inference_mode()
def sample(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    *,
    length: int,
    seeds: Sequence[int],
    decoding: Decoding | Sequence[Decoding] = Decoding(do_sample=True),  # noqa: B008 - frozen
    stop: Collection[int] = (),
    banned: Collection[int] = (),
    alternatives: int = 0,
    batch: int = 64,
    progress: Callable[[int], object] = lambda texts: None,
) -> list[Generation]:
    """Continue each prompt.

    A text depends on the model, its prompt, its method and its seed, not on which others are sampled beside it (the last
    digits of its log-probabilities may: a matrix product rounds otherwise for another number of rows). A longer text begins
    with the shorter one of the same seed. torch's random state is neither read nor changed, and the model is left in the mode
    it came in.

    Prompts of different lengths share a batch, padded on the left. Inside the context window a key-value cache makes each
    token cost one position. Beyond it the last tokens that fill the window are read anew for every token, as in
    Karpathy's gpt.py: learned positions make each cached key and value belong to a position, and all positions shift when the
    window slides. Of a prompt longer than the window only its end is read. Beam search, which Transformers' ``generate()``
    does, stays inside the window.

    Args:
        model: a causal language model; sampling runs on its device.
        prompts: token ids of each prompt, at least one each.
        length: tokens to generate for each at most, at least 1.
        seeds: a seed below 2**64 for each prompt, see :func:`relab.sampling.text_seed`; only what is drawn depends on it.
        decoding: the method of all texts, or of each. A top_k above the vocabulary takes all tokens.
        stop: token ids that end a text.
        banned: token ids that are never chosen.
        alternatives: number of most probable tokens to return for every step.
        batch: texts (or beams) that are computed at once, at most.
        progress: called after each step with the number of texts that it went on with.

    Returns:
        One generation for each prompt, in the order given.

    Raises:
        UserError: an empty prompt, an unknown token id, a length below 1, a model that gives no numbers, a beam search that
            does not fit the window.
    """
    methods = [decoding] * len(prompts) if isinstance(decoding, Decoding) else list(decoding)
    vocabulary = model.get_output_embeddings().weight.shape[0]
    _check(prompts, length, vocabulary, {"stop": stop, "banned": banned})
    if not len(seeds) == len(methods) == len(prompts):
        raise ValueError(f"expected a seed and a method for each of {len(prompts)} prompts, found {len(seeds)}, {len(methods)}")
    found: dict[int, Generation] = {}
    searched = [row for row, method in enumerate(methods) if method.num_beams > 1]
    with _evaluating(model), decoding_attention(model):
        for rows in _batches(prompts, sorted(set(range(len(prompts))) - set(searched)), batch):
            numbers = torch.from_numpy(np.stack([uniforms(seeds[row], length) for row in rows]))
            # double precision where there is any (Apple's GPUs have none): a sum over 50,000 probabilities loses digits
            numbers = numbers.to(model.device, torch.float32 if model.device.type == "mps" else torch.float64)
            texts = [list(prompts[row]) for row in rows]
            choice = Choice([methods[row] for row in rows], texts, numbers, sorted(banned))
            batch_of = _Batch(model, texts, length, choice, stop, alternatives)
            found.update(zip(rows, batch_of.run(progress), strict=True))
        chosen = {row: prompts[row] for row in searched}
        for row, text in beams.search(model, chosen, methods, length, stop, banned, batch, progress):
            found[row] = Generation(*text, _alternatives(model, prompts[row], text[0], alternatives))
    return [found[row] for row in range(len(prompts))]


class _Batch:
    """Texts that are continued together."""

    def __init__(
        self,
        model: PreTrainedModel,
        prompts: list[list[int]],
        length: int,
        choice: Choice,
        stop: Collection[int],
        alternatives: int,
    ):
        self.model, self.choice, self.alternatives = model, choice, alternatives
        self.stop = torch.tensor(sorted(stop), device=model.device, dtype=torch.long)
        self.start = max(map(len, prompts))
        padding = [self.start - len(prompt) for prompt in prompts]
        rows = [[0] * pads + prompt for pads, prompt in zip(padding, prompts, strict=True)]
        self.tokens = torch.nn.functional.pad(torch.tensor(rows, device=model.device), (0, length))
        # how many columns at the left of each text are padding; None where none is
        self.padding = torch.tensor(padding, device=model.device)[:, None] if any(padding) else None
        self.texts = torch.arange(len(prompts), device=model.device)  # the texts that the rows stand for
        self.steps: list[tuple[torch.Tensor, ...]] = []
        self.positioned = "position_ids" in inspect.signature(model.forward).parameters
        self.cache, self.unread = DynamicCache(config=model.config), 0

    def run(self, progress: Callable[[int], object]) -> list[Generation]:
        """Continue all texts to their end."""
        number, first = len(self.texts), self.start
        ended = torch.zeros(number, dtype=torch.bool, device=self.tokens.device)
        for step, end in enumerate(range(first, self.tokens.shape[1])):
            logprobs = self._logits(end).float().log_softmax(-1)
            chosen = self.choice(logprobs, step)
            self.tokens[:, end : end + 1] = chosen
            best = logprobs.topk(min(self.alternatives, logprobs.shape[-1])) if self.alternatives else ()
            self.steps.append((self.texts, chosen[:, 0], logprobs.gather(-1, chosen)[:, 0], *best))
            progress(len(self.texts))
            if len(self.stop):
                ended |= torch.isin(chosen[:, 0], self.stop)
                if step % _LOOK == _LOOK - 1:
                    ended = self._without(ended, end + 1)
                    if not len(ended):
                        break
        return self._collect(number)

    def _logits(self, end: int) -> torch.Tensor:
        """The logits ``[texts, vocabulary]`` for the tokens of column ``end``."""
        window = context(self.model)
        if end <= window:
            given = self._masked(self.unread, 0, end)
            output = self.model(
                self.tokens[:, self.unread : end], past_key_values=self.cache, use_cache=True, logits_to_keep=1, **given
            )
            self.unread = end
        else:
            given = self._masked(end - window, end - window, end)
            output = self.model(self.tokens[:, end - window : end], use_cache=False, logits_to_keep=1, **given)
        return output.logits[:, -1]

    def _masked(self, first: int, seen: int, end: int) -> dict[str, torch.Tensor]:
        """What tells the model which columns from ``seen`` on are padding, and the positions of those from ``first`` on."""
        if self.padding is None:
            return {}
        columns = torch.arange(seen, end, device=self.tokens.device)
        mask = (columns >= self.padding).long()
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, first - seen :]
        return {"attention_mask": mask, **({"position_ids": positions} if self.positioned else {})}

    def _without(self, ended: torch.Tensor, end: int) -> torch.Tensor:
        """Go on without the texts that have ended, where they are half of the rows or all."""
        if ended.sum() * 2 < len(ended):
            return ended
        kept = (~ended).nonzero()[:, 0]
        self.texts, self.tokens = self.texts[kept], self.tokens[kept]
        if len(kept):
            padding = [0] * len(kept) if self.padding is None else self.padding[kept, 0].tolist()
            self.padding = None if self.padding is None else self.padding[kept]
            texts = [row[pads:end] for row, pads in zip(self.tokens.tolist(), padding, strict=True)]
            self.choice = self.choice.select(kept.tolist(), texts)
            self.cache.batch_select_indices(kept)
        return ended[kept]

    def _collect(self, number: int) -> list[Generation]:
        """Put the steps of each text together, up to the token that ends it."""
        stop, texts = set(self.stop.tolist()), [Generation([], []) for _ in range(number)]
        ended = [False] * number
        for rows, chosen, logprobs, *best in self.steps:
            parts = [part.tolist() for part in (rows, chosen, logprobs, *best)]
            for text, token, logprob, *others in zip(*parts, strict=True):
                if ended[text]:
                    continue
                if logprob != logprob:
                    step = len(texts[text].token_ids) + 1
                    raise UserError(f"the model's logits are not numbers at token {step} of a text: has its training diverged?")
                texts[text].token_ids.append(token)
                texts[text].logprobs.append(logprob)
                if others:
                    values, tokens = others
                    texts[text].alternatives.append(list(zip(tokens, values, strict=True)))
                ended[text] = token in stop
        return [Generation(one.token_ids, one.logprobs, end, one.alternatives) for one, end in zip(texts, ended, strict=True)]


def _alternatives(
    model: PreTrainedModel, prompt: Sequence[int], token_ids: list[int], number: int
) -> list[list[tuple[int, float]]]:
    """The most probable tokens at every step of a text that is there already."""
    if not number:
        return []
    from relab.scoring import next_token_logprobs

    steps = next_token_logprobs(model, [*prompt, *token_ids[:-1]])[len(prompt) - 1 :]
    values, tokens = (part.tolist() for part in steps.topk(min(number, steps.shape[-1])))
    return [list(zip(*step, strict=True)) for step in zip(tokens, values, strict=True)]


def _batches(prompts: Sequence[Sequence[int]], rows: list[int], size: int) -> Iterator[list[int]]:
    """Rows of prompts of similar length, at most ``size`` at a time."""
    ordered = sorted(rows, key=lambda row: len(prompts[row]))
    for first in range(0, len(ordered), size):
        yield ordered[first : first + size]


@contextmanager
def _evaluating(model: PreTrainedModel) -> Iterator[None]:
    """Switch dropout off, and every module back to the mode it was in."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _check(prompts: Sequence[Sequence[int]], length: int, vocabulary: int, tokens: dict[str, Collection[int]]) -> None:
    if length < 1:
        raise UserError(f"length: expected at least 1 token to sample, found {length}")
    for number, prompt in enumerate(prompts, 1):
        if not len(prompt):
            raise UserError(f"prompt {number} is empty: a text must start from at least one token")
        _check_tokens(prompt, vocabulary, f"prompt {number}")
    for name, ids in tokens.items():
        _check_tokens(ids, vocabulary, name)


def _check_tokens(tokens: Collection[int], vocabulary: int, place: str) -> None:
    strange = next((token for token in tokens if not 0 <= token < vocabulary), None)
    if strange is not None:
        raise UserError(f"{place}: expected token ids from 0 to {vocabulary - 1}, found {strange}")
