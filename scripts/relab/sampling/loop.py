"""The sampling loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from transformers import Cache, DynamicCache, EncoderDecoderCache, PreTrainedModel

from relab.encoded_sources import EncodedSources, check_lengths, is_encoder_decoder, target_opening
from relab.errors import UserError
from relab.networks import can_be_padded, context_length, has_key_value_cache, unused_positions
from relab.sampling import beams
from relab.sampling.activation import fused_activation
from relab.sampling.attention import decoding_attention
from relab.sampling.streams import uniforms
from relab.sampling.token_selector import TokenSelector
from relab.settings.samplings import Decoding

#: Steps between two checks of which texts have ended: a check makes a GPU wait.
_STOP_CHECK_INTERVAL = 4
#: A batch of fewer texts is never parted for the sake of padding; a step of one takes the time of so many tokens of a prompt.
_LEAST_BATCH, _STEP_TOKENS = 8, 12


@dataclass(frozen=True)
class Generation:
    """A continuation of a prompt.

    ``logprobs`` are natural logarithms of the model's probability of each token, before temperature and the like: they compare
    across settings, and their mean is minus the model's loss on its own text. ``ended`` is whether the last token is one of
    those that end a text. ``alternatives``, on request, are the most probable tokens of each step with their log-probabilities,
    the most probable first.
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
    """Continue each prompt; of an encoder–decoder, write the target of each source, which is encoded once.

    A text depends on the model, its prompt, its method and its seed, not on the texts sampled beside it (the last digits of its
    log-probabilities may: a matrix product rounds otherwise for another number of rows). A longer text begins with the shorter
    one of the same seed. torch's random state is neither read nor changed, and the model is left in the mode it came in.

    Prompts of different lengths share a batch, padded on the left. Inside the context window a key-value cache makes each
    token cost one position. Beyond it the last tokens that fill the window are recomputed for every token, as in Karpathy's
    gpt.py: learned positions tie each cached key and value to a position, and all positions shift when the window slides. Of a
    prompt longer than the window only its end is used. Beam search, which Transformers' ``generate()`` does, stays inside the
    window. A model without a key-value cache (Mamba) reads all of a text for every token, beside texts of its length.

    Args:
        model: a causal language model or an encoder–decoder; sampling runs on its device.
        prompts: token ids of each prompt, or source, at least one each.
        length: tokens to generate for each at most, at least 1.
        seeds: a seed below 2**64 for each prompt, see :func:`relab.sampling.text_seed`; only what is drawn depends on it.
        decoding: the method of all texts, or of each. A top_k above the vocabulary takes all tokens.
        stop: token ids that end a text.
        banned: token ids that are never chosen.
        alternatives: number of most probable tokens to return for every step.
        batch: texts (or beams) that are computed at once, at most.
        progress: called after each step with the number of texts that it continued.

    Returns:
        One generation for each prompt, in the order of the prompts.

    Raises:
        UserError: an empty prompt, an unknown token id, a length below 1, a model that gives no numbers, a beam search that
            does not fit the window, n-gram blocking that leaves a text no token, a source or a target longer than an
            encoder–decoder's positions.
    """
    methods = [decoding] * len(prompts) if isinstance(decoding, Decoding) else list(decoding)
    vocabulary = model.get_output_embeddings().weight.shape[0]
    _check_arguments(prompts, length, vocabulary, {"stop": stop, "banned": banned})
    if not len(seeds) == len(methods) == len(prompts):
        raise ValueError(f"expected a seed and a method for each of {len(prompts)} prompts, found {len(seeds)}, {len(methods)}")
    generations: dict[int, Generation] = {}
    beam_rows = [row for row, method in enumerate(methods) if method.num_beams > 1]
    with _evaluation_mode(model), decoding_attention(model), fused_activation(model):
        rows_to_draw = sorted(set(range(len(prompts))) - set(beam_rows))
        for rows in _batches(prompts, rows_to_draw, batch, length, padded=can_be_padded(model)):
            draws = torch.from_numpy(np.stack([uniforms(seeds[row], length) for row in rows]))
            # double precision where there is any (Apple's GPUs have none): a sum over 50,000 probabilities loses digits
            draws = draws.to(model.device, torch.float32 if model.device.type == "mps" else torch.float64)
            texts = [list(prompts[row]) for row in rows]
            starts = [target_opening(model) for _ in rows] if is_encoder_decoder(model) else texts
            selector = TokenSelector([methods[row] for row in rows], starts, draws, sorted(banned), sorted(stop))
            batch_class = partial(_TargetBatch, texts) if is_encoder_decoder(model) else _Batch
            continued = batch_class(model, starts, length, selector, stop, alternatives).run(progress)
            generations.update(zip(rows, continued, strict=True))
        beam_prompts = {row: prompts[row] for row in beam_rows}
        for row, text in beams.beam_search(model, beam_prompts, methods, length, stop, banned, batch, progress):
            generations[row] = Generation(*text, _alternatives_of(model, prompts[row], text[0], alternatives))
    return [generations[row] for row in range(len(prompts))]


class _Batch:
    """Texts that are continued together."""

    def __init__(
        self,
        model: PreTrainedModel,
        prompts: list[list[int]],
        length: int,
        selector: TokenSelector,
        stop: Collection[int],
        alternatives: int,
    ):
        self.model, self.selector, self.alternatives = model, selector, alternatives
        self.stop = torch.tensor(sorted(stop), device=model.device, dtype=torch.long)
        self.start = max(map(len, prompts))
        padding = [self.start - len(prompt) for prompt in prompts]
        rows = [[0] * pads + prompt for pads, prompt in zip(padding, prompts, strict=True)]
        self.tokens = torch.nn.functional.pad(torch.tensor(rows, device=model.device), (0, length))
        # how many columns at the left of each text are padding; None where none is
        self.padding = torch.tensor(padding, device=model.device)[:, None] if any(padding) else None
        self.texts = torch.arange(len(prompts), device=model.device)  # the index of each row's text
        self.steps: list[tuple[torch.Tensor, ...]] = []
        self.positioned = "position_ids" in inspect.signature(model.forward).parameters
        self.window = context_length(model)
        self.cache, self.cached = self.new_cache(), 0

    def new_cache(self) -> Cache | None:
        """An empty key-value cache; None for a model that has none."""
        return DynamicCache(config=self.model.config) if has_key_value_cache(self.model) else None

    def run(self, progress: Callable[[int], object]) -> list[Generation]:
        """Continue all texts to their end."""
        texts, start = len(self.texts), self.start
        ended = torch.zeros(texts, dtype=torch.bool, device=self.tokens.device)
        for step, end in enumerate(range(start, self.tokens.shape[1])):
            logprobs = self._logits(end).float().log_softmax(-1)
            chosen = self.selector(logprobs, step)
            self.tokens[:, end : end + 1] = chosen
            best = logprobs.topk(min(self.alternatives, logprobs.shape[-1])) if self.alternatives else ()
            self.steps.append((self.texts, chosen[:, 0], logprobs.gather(-1, chosen)[:, 0], *best))
            progress(len(self.texts))
            if len(self.stop):
                ended |= torch.isin(chosen[:, 0], self.stop)
                if step % _STOP_CHECK_INTERVAL == _STOP_CHECK_INTERVAL - 1:
                    ended = self._drop_ended(ended, end + 1)
                    if not len(ended):
                        break
        return self._generations(texts)

    def _logits(self, end: int) -> torch.Tensor:
        """The logits ``[texts, vocabulary]`` for the tokens of column ``end``."""
        if self.cache is not None and end <= self.window:
            mask_arguments = self._mask_arguments(self.cached, 0, end)
            output = self.model(
                self.tokens[:, self.cached : end],
                past_key_values=self.cache,
                use_cache=True,
                logits_to_keep=1,
                **mask_arguments,
            )
            self.cached = end
        else:
            start = max(0, end - self.window)
            mask_arguments = self._mask_arguments(start, start, end)
            output = self.model(self.tokens[:, start:end], use_cache=False, logits_to_keep=1, **mask_arguments)
        return output.logits[:, -1]

    def _mask_arguments(self, first: int, visible: int, end: int) -> dict[str, torch.Tensor]:
        """The attention mask of the columns from ``visible`` on, and the positions of those from ``first`` on."""
        if self.padding is None:
            return {}
        columns = torch.arange(visible, end, device=self.tokens.device)
        mask = (columns >= self.padding).long()
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, first - visible :] + unused_positions(self.model)
        return {"attention_mask": mask, **({"position_ids": positions} if self.positioned else {})}

    def _drop_ended(self, ended: torch.Tensor, end: int) -> torch.Tensor:
        """Drop the texts that have ended from the batch, once they are half of its rows or more."""
        if ended.sum() * 2 < len(ended):
            return ended
        kept = (~ended).nonzero()[:, 0]
        self.texts, self.tokens = self.texts[kept], self.tokens[kept]
        if len(kept):
            padding = [0] * len(kept) if self.padding is None else self.padding[kept, 0].tolist()
            self.padding = None if self.padding is None else self.padding[kept]
            texts = [row[pads:end] for row, pads in zip(self.tokens.tolist(), padding, strict=True)]
            self.selector = self.selector.subset(kept.tolist(), texts)
            self.select(kept)
        return ended[kept]

    def select(self, rows: torch.Tensor) -> None:
        """Keep what is computed for some of the batch's rows alone."""
        if self.cache is not None:
            self.cache.batch_select_indices(rows)

    def _generations(self, number: int) -> list[Generation]:
        """Assemble the steps of each text, up to the token that ends it."""
        stop, texts = set(self.stop.tolist()), [Generation([], []) for _ in range(number)]
        ended = [False] * number
        for rows, chosen, logprobs, *best in self.steps:
            columns = [column.tolist() for column in (rows, chosen, logprobs, *best)]
            for row, token, logprob, *top in zip(*columns, strict=True):
                if ended[row]:
                    continue
                text = texts[row]
                if logprob != logprob:
                    step = len(text.token_ids) + 1
                    raise UserError(f"the model's logits are not numbers at token {step} of a text: has its training diverged?")
                text.token_ids.append(token)
                text.logprobs.append(logprob)
                if top:
                    values, tokens = top
                    text.alternatives.append(list(zip(tokens, values, strict=True)))
                ended[row] = token in stop
        return [replace(text, ended=end) for text, end in zip(texts, ended, strict=True)]


class _TargetBatch(_Batch):
    """Targets that an encoder–decoder writes together; their ``prompts`` are what every target starts from."""

    def __init__(self, sources: list[list[int]], model: PreTrainedModel, prompts: list[list[int]], length: int, *options: Any):
        check_lengths(model, sources, len(prompts[0]) + length - 1)  # the last token is no input
        super().__init__(model, prompts, length, *options)
        self.sources = EncodedSources.of(model, sources)

    def new_cache(self) -> Cache:
        return EncoderDecoderCache(DynamicCache(), DynamicCache())

    def _logits(self, end: int) -> torch.Tensor:
        tokens = self.tokens[:, self.cached : end]
        output = self.model(decoder_input_ids=tokens, past_key_values=self.cache, use_cache=True, **self.sources.arguments())
        self.cached = end
        return output.logits[:, -1]

    def select(self, rows: torch.Tensor) -> None:
        super().select(rows)
        self.sources = self.sources.select(rows)


def _alternatives_of(
    model: PreTrainedModel, prompt: Sequence[int], token_ids: list[int], count: int
) -> list[list[tuple[int, float]]]:
    """The most probable tokens at every step of a given text."""
    if not count:
        return []
    from relab.scoring import next_token_logprobs, target_logprobs

    if is_encoder_decoder(model):
        steps = target_logprobs(model, prompt, token_ids)
    else:
        steps = next_token_logprobs(model, [*prompt, *token_ids[:-1]])[len(prompt) - 1 :]
    values, tokens = (part.tolist() for part in steps.topk(min(count, steps.shape[-1])))
    return [list(zip(*step, strict=True)) for step in zip(tokens, values, strict=True)]


def _batches(prompts: Sequence[Sequence[int]], rows: list[int], size: int, length: int, padded: bool) -> Iterator[list[int]]:
    """Rows of prompts of similar length, or of the same where they are not ``padded``, at most ``size`` at a time.

    Another batch begins where padding would cost more than its own steps do, each of which takes the time of some twelve tokens
    of a prompt on a CPU (a model of 135 M parameters): 48 docstrings of 18 to 247 tokens take 18 s instead of 44.
    """
    batch: list[int] = []
    tokens = 0
    for row in sorted(rows, key=lambda row: len(prompts[row])):
        padding = len(batch) * len(prompts[row]) - tokens
        costs_a_batch = len(batch) >= _LEAST_BATCH and padding > _STEP_TOKENS * length
        if len(batch) == size or costs_a_batch or (padding and not padded):
            yield batch
            batch, tokens = [], 0
        batch.append(row)
        tokens += len(prompts[row])
    if batch:
        yield batch


@contextmanager
def _evaluation_mode(model: PreTrainedModel) -> Iterator[None]:
    """Put a model in evaluation mode, and every module back in its mode after the block."""
    training = [module for module in model.modules() if module.training]
    if training:
        model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _check_arguments(
    prompts: Sequence[Sequence[int]], length: int, vocabulary: int, tokens: dict[str, Collection[int]]
) -> None:
    if length < 1:
        raise UserError(f"length: expected at least 1 token to sample, found {length}")
    for number, prompt in enumerate(prompts, 1):
        if not len(prompt):
            raise UserError(f"prompt {number} is empty: a text must start from at least one token")
        _check_tokens(prompt, vocabulary, f"prompt {number}")
    for name, ids in tokens.items():
        _check_tokens(ids, vocabulary, name)


def _check_tokens(tokens: Collection[int], vocabulary: int, name: str) -> None:
    unknown = next((token for token in tokens if not 0 <= token < vocabulary), None)
    if unknown is not None:
        raise UserError(f"{name}: expected token ids from 0 to {vocabulary - 1}, found {unknown}")
