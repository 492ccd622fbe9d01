"""Sampling and scoring of encoder–decoders: Transformers' ``generate()`` and ``forward()`` say what is right."""

from __future__ import annotations

import itertools
import random

import pytest
import torch
from support.encoder_decoders import ARCHITECTURES, END, FORCED, POSITIONS, VOCABULARY, build
from transformers import T5Config, T5ForConditionalGeneration

from relab.encoded_sources import target_opening
from relab.errors import UserError
from relab.sampling import sample
from relab.scoring import logprobs
from relab.settings.samplings import Decoding

LENGTH = 12
GREEDY, BEAMS, DRAWN = Decoding(), Decoding(num_beams=3), Decoding(do_sample=True)
DRAW = random.Random(0)
SOURCES = [[DRAW.randrange(3, VOCABULARY) for _ in range(length)] for length in (3, 9, 17, 5, 1, 9)]


def name(decoding):
    """The settings that are not the defaults."""
    return " ".join(f"{key}={value}" for key, value in decoding.model_dump(exclude_defaults=True).items()) or "greedy"


@pytest.fixture(scope="module", params=ARCHITECTURES)
def model(request):
    return build(request.param)


def sampled(model, sources, decoding=GREEDY, length=LENGTH, **more):
    return sample(model, sources, length=length, seeds=range(len(sources)), decoding=decoding, **more)


def generated(model, source, decoding, stop=(), length=LENGTH):
    """The target of a source by ``generate()``, alone; what its configuration forces at the beginning is not part of it."""
    opening = len(target_opening(model))
    tokens = model.generate(
        torch.tensor([source]), num_beams=decoding.num_beams, do_sample=False, max_new_tokens=length + opening - 1,
        no_repeat_ngram_size=decoding.no_repeat_ngram_size, eos_token_id=list(stop) or None, pad_token_id=0,
    )[0].tolist()  # fmt: skip
    assert tokens[:opening] == target_opening(model)
    target = tokens[opening:]
    ends = [index for index, token in enumerate(target) if token in stop]
    return target[: ends[0] + 1] if ends else target


def forward_logprobs(model, source, target):
    """The log-probabilities of a target's tokens by one call of the whole model."""
    opening = target_opening(model)
    with torch.no_grad():
        logits = model(
            input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[*opening, *target]]), use_cache=False
        ).logits[0]
    values = logits.log_softmax(-1)[len(opening) - 1 : -1]
    return values.gather(-1, torch.tensor(target)[:, None])[:, 0].tolist()


def tokens_that_end(model, sources=SOURCES, decoding=GREEDY):
    """A pair of tokens that ends as many texts as can be early, and not all."""
    texts = [text.token_ids for text in sampled(model, sources, decoding)]
    tokens = sorted({token for text in texts for token in text} - {FORCED})

    def ends(pair):
        steps = [next((step for step, token in enumerate(text) if token in pair), LENGTH) for text in texts]
        return max(steps) > 2 * LENGTH // 3, sum(step < LENGTH // 2 for step in steps), len(set(steps))

    return max(itertools.combinations(tokens, 2), key=ends)


@pytest.mark.parametrize("decoding", [GREEDY, BEAMS, Decoding(num_beams=2, no_repeat_ngram_size=2)], ids=name)
@pytest.mark.parametrize("ending", [False, True])
def test_targets_are_those_of_generate_whatever_sources_stand_beside_them(model, decoding, ending):
    stop = tokens_that_end(model) if ending else ()
    texts = sampled(model, SOURCES, decoding, stop=stop)
    for source, text in zip(SOURCES, texts, strict=True):
        assert text.token_ids == generated(model, source, decoding, stop)
        assert text.ended == (text.token_ids[-1] in stop)
        (alone,) = sampled(model, [source], decoding, stop=stop)
        assert alone.token_ids == text.token_ids
    lengths = {len(text.token_ids) for text in texts}
    assert len(lengths) > 1 if ending else lengths == {LENGTH}


def test_targets_follow_their_sources(model):
    assert len({tuple(text.token_ids) for text in sampled(model, SOURCES)}) == len(SOURCES)


@pytest.mark.parametrize("decoding", [GREEDY, BEAMS, DRAWN], ids=name)
def test_log_probabilities_are_those_of_scoring_and_of_one_forward_pass(model, decoding):
    texts = sampled(model, SOURCES, decoding)
    pairs = [(source, text.token_ids) for source, text in zip(SOURCES, texts, strict=True)]
    scored = logprobs(model, pairs)
    for (source, target), text, values in zip(pairs, texts, scored, strict=True):
        expected = forward_logprobs(model, source, target)
        assert text.logprobs == pytest.approx(expected, abs=1e-4)
        assert values == pytest.approx(expected, abs=1e-4)


def test_scoring_in_small_batches_and_of_targets_of_other_lengths(model):
    pairs = [(source, list(range(3, 3 + length))) for source, length in zip(SOURCES, (1, 4, 2, 7, 3, 0), strict=True)]
    together, apart = logprobs(model, pairs), logprobs(model, pairs, tokens=1)
    for (source, target), values, alone in zip(pairs, together, apart, strict=True):
        expected = forward_logprobs(model, source, target) if target else []
        assert values == pytest.approx(expected, abs=1e-4) and alone == pytest.approx(expected, abs=1e-4)
    assert logprobs(model, []) == []


@pytest.mark.parametrize("decoding", [GREEDY, DRAWN], ids=name)
def test_the_encoder_runs_once_a_batch(model, decoding):
    rows = []
    handle = model.get_encoder().register_forward_hook(lambda module, args, output: rows.append(len(output[0])))
    try:
        sampled(model, SOURCES, decoding, batch=4)
    finally:
        handle.remove()
    assert rows == [4, len(SOURCES) - 4]


def test_drawn_targets_depend_on_their_seed_alone(model):
    draw = {"length": LENGTH, "decoding": DRAWN}
    together = sample(model, [SOURCES[1]] * 6, seeds=[4, 5, 6, 4, 7, 8], **draw)
    assert together[0].token_ids == together[3].token_ids
    assert len({tuple(text.token_ids) for text in together}) == 5
    state = torch.get_rng_state()
    (alone,) = sample(model, [SOURCES[1]], seeds=[6], **draw)
    assert alone.token_ids == together[2].token_ids
    assert torch.equal(torch.get_rng_state(), state)
    (shorter,) = sample(model, [SOURCES[1]], seeds=[6], **{**draw, "length": 5})
    assert shorter.token_ids == alone.token_ids[:5]


def test_first_tokens_are_drawn_as_often_as_the_model_gives_them():
    """Within four standard deviations of the share that ``forward()`` gives, a hundred texts at a time."""
    model, number = build("marian"), 2000
    temperature = 4.0
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([SOURCES[0]]), decoder_input_ids=torch.tensor([target_opening(model)])).logits
    shares = (logits[0, -1] / temperature).softmax(-1)
    decoding = Decoding(do_sample=True, temperature=temperature)
    texts = sample(model, [SOURCES[0]] * number, length=1, seeds=range(number), decoding=decoding, batch=100)
    counts = torch.bincount(torch.tensor([text.token_ids[0] for text in texts]), minlength=VOCABULARY)
    deviations = (counts - number * shares) / (number * shares * (1 - shares)).sqrt()
    assert (shares > 0.02).sum() > 5
    assert deviations[shares > 0.005].abs().max() < 4


@pytest.mark.parametrize("decoding", [GREEDY, DRAWN], ids=name)
def test_texts_that_end_leave_the_others_as_they_are(model, decoding):
    draw = random.Random(1)
    sources = [[draw.randrange(3, VOCABULARY) for _ in range(7)] for _ in range(12)]  # of one length: one batch
    stop = tokens_that_end(model, sources, decoding)
    rows = []
    handle = model.get_decoder().register_forward_hook(lambda module, args, output: rows.append(len(output[0])))
    try:
        ended = sampled(model, sources, decoding, stop=stop)
    finally:
        handle.remove()
    for whole, text in zip(sampled(model, sources, decoding), ended, strict=True):
        ends = [index for index, token in enumerate(whole.token_ids) if token in stop]
        expected = whole.token_ids[: ends[0] + 1] if ends else whole.token_ids
        assert text.token_ids == expected and text.ended == bool(ends)
        assert text.logprobs == pytest.approx(whole.logprobs[: len(expected)], abs=1e-4)
    assert rows[0] == len(sources) and rows[-1] <= len(sources) / 2, "those that have ended are computed no more"


def test_methods_share_a_batch(model):
    methods = [GREEDY, BEAMS, DRAWN, Decoding(no_repeat_ngram_size=1), BEAMS, GREEDY]
    together = sampled(model, SOURCES, methods)
    for index, (source, method) in enumerate(zip(SOURCES, methods, strict=True)):
        (alone,) = sample(model, [source], length=LENGTH, seeds=[index], decoding=method)
        assert alone.token_ids == together[index].token_ids
    assert len(set(together[3].token_ids)) == LENGTH


@pytest.mark.parametrize("decoding", [GREEDY, BEAMS], ids=name)
def test_the_least_length_holds_off_the_end(model, decoding):
    stop = [token for token in range(3, VOCABULARY) if token % 2]
    early = sampled(model, SOURCES, decoding, stop=stop)
    late = sampled(model, SOURCES, decoding.model_copy(update={"min_new_tokens": 6}), stop=stop)
    assert min(len(text.token_ids) for text in early) < 6
    for text in late:
        assert len(text.token_ids) >= 6
        assert not set(text.token_ids[:6]) & set(stop) or len(text.token_ids) == 6
    assert not any(token in stop for text in late for token in text.token_ids[:5])


@pytest.mark.parametrize("decoding", [GREEDY, BEAMS], ids=name)
def test_alternatives_are_the_most_probable_tokens_of_each_step(model, decoding):
    for source, text in zip(SOURCES[:3], sampled(model, SOURCES[:3], decoding, alternatives=4, length=5), strict=True):
        opening = target_opening(model)
        with torch.no_grad():
            inputs = torch.tensor([[*opening, *text.token_ids[:-1]]])
            values = model(input_ids=torch.tensor([source]), decoder_input_ids=inputs).logits[0].log_softmax(-1)
        best = values[len(opening) - 1 :].topk(4)
        assert [[token for token, _ in step] for step in text.alternatives] == best.indices.tolist()
        found = [value for step in text.alternatives for _, value in step]
        assert found == pytest.approx(best.values.flatten().tolist(), abs=1e-4)


@pytest.mark.parametrize("decoding", [GREEDY, BEAMS], ids=name)
def test_texts_as_long_as_the_positions_and_one_longer(decoding):
    model = build("marian")
    whole = [5] * POSITIONS
    (text,) = sampled(model, [whole], decoding, length=POSITIONS)
    assert len(text.token_ids) == POSITIONS
    assert text.token_ids == generated(model, whole, decoding, length=POSITIONS)
    with pytest.raises(
        UserError, match=f"a source of {POSITIONS + 1} tokens is longer than the encoder's {POSITIONS} position"
    ):
        sampled(model, [[5], [*whole, 5]], decoding)
    with pytest.raises(
        UserError, match=f"a target of {POSITIONS + 1} tokens is longer than the decoder's {POSITIONS} position"
    ):
        sampled(model, [[5]], decoding, length=POSITIONS + 1)


def test_a_token_that_is_forced_takes_a_position():
    model = build("bart")
    assert target_opening(model) == [END, FORCED]
    sampled(model, [[5]], length=POSITIONS - 1)
    with pytest.raises(UserError, match=f"a target of {POSITIONS + 1} tokens"):
        sampled(model, [[5]], length=POSITIONS)
    with pytest.raises(UserError, match=f"a target of {POSITIONS + 1} tokens"):
        logprobs(model, [([5], [4] * POSITIONS)])
    assert len(logprobs(model, [([5], [4] * (POSITIONS - 1))])[0]) == POSITIONS - 1


def test_relative_positions_have_no_end():
    model = build("t5")
    (text,) = sampled(model, [[5] * 4 * POSITIONS], length=3 * POSITIONS)
    assert len(text.token_ids) == 3 * POSITIONS


def test_a_model_without_a_start_is_told():
    model = T5ForConditionalGeneration(T5Config(d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2, vocab_size=VOCABULARY))
    with pytest.raises(UserError, match="decoder_start_token_id: the encoder–decoder's configuration names none"):
        sampled(model, [[5]])


def test_an_empty_source_and_unknown_tokens_are_told(model):
    with pytest.raises(UserError, match="prompt 2 is empty"):
        sampled(model, [[5], []])
    with pytest.raises(UserError, match=f"prompt 1: expected token ids from 0 to {VOCABULARY - 1}, found {VOCABULARY}"):
        sampled(model, [[VOCABULARY]])


@pytest.mark.parametrize("decoding", [GREEDY, BEAMS], ids=name)
def test_banned_tokens_are_never_chosen(model, decoding):
    plain = sampled(model, SOURCES, decoding)
    banned = {text.token_ids[0] for text in plain}
    texts = sampled(model, SOURCES, decoding, banned=banned)
    assert not banned & {token for text in texts for token in text.token_ids}
