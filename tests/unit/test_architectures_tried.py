"""The architectures that are tried, as tiny checkpoints: sampled, searched and scored as Transformers does, or refused."""

from __future__ import annotations

import pytest
import torch
from support import architectures
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM, GenerationConfig

from relab.adapters import Adapter
from relab.checkpoints import load_encoder, load_model
from relab.errors import UserError
from relab.features.encode import pooled_batches
from relab.networks import has_key_value_cache
from relab.published.encoder import import_encoder
from relab.published.model import import_model
from relab.sampling.loop import sample
from relab.scoring import logprobs
from relab.settings.models import PrefixAdaptation
from relab.settings.samplings import Decoding

CPU = torch.device("cpu")
#: Texts of different lengths, one of which fills most of a context.
TEXTS = [[5, 9, 200], [7], [11, 12, 13, 14, 15, 16, 17, 18, 19, 20]]
LENGTH = 8
CLASSES = {"continues": AutoModelForCausalLM, "answers": AutoModelForSeq2SeqLM}
CASES = [("continues", kind) for kind in architectures.CAUSAL] + [("answers", kind) for kind in architectures.ENCODER_DECODERS]


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def pair(request, tmp_path_factory):
    """A model as Transformers builds it, without settings of its own for ``generate()``, and as it is loaded once imported."""
    use, kind = request.param
    sizes = {"continues": architectures.CAUSAL, "answers": architectures.ENCODER_DECODERS}[use][kind]
    model = architectures.build(CLASSES[use], kind, sizes)
    folder = architectures.write(tmp_path_factory.mktemp(kind), model)
    import_model(sorted(folder.iterdir()), folder / "imported", encoder_decoder=use == "answers")
    model.generation_config = GenerationConfig()
    return model, load_model(folder / "imported", CPU)


def generated(model, text, **options):
    settings = {"max_new_tokens": LENGTH, "do_sample": False, "eos_token_id": None, "pad_token_id": 0, **options}
    if model.config.is_encoder_decoder:
        settings["decoder_start_token_id"] = model.config.decoder_start_token_id
    (ids,) = model.generate(torch.tensor([text]), generation_config=GenerationConfig(**settings)).tolist()
    return ids[-LENGTH:]


@torch.inference_mode()
def read_anew(model, text):
    """The most probable tokens behind a text, which the forward pass reads whole and alone for each of them."""
    targets = [model.config.decoder_start_token_id] if model.config.is_encoder_decoder else list(text)
    for _ in range(LENGTH):
        inputs = {"decoder_input_ids": torch.tensor([targets])} if model.config.is_encoder_decoder else {}
        logits = model(torch.tensor([text if inputs else targets]), use_cache=False, **inputs).logits[0, -1]
        targets.append(int(logits.argmax()))
    return targets[-LENGTH:]


def test_texts_of_a_batch_are_those_of_each_text_alone(pair):
    published, model = pair
    texts = sample(model, TEXTS, length=LENGTH, seeds=[0] * len(TEXTS), decoding=Decoding())
    assert [text.token_ids for text in texts] == [read_anew(published, text) for text in TEXTS]
    if published.config.model_type not in architectures.GENERATED_OTHERWISE:
        assert [text.token_ids for text in texts] == [generated(published, text) for text in TEXTS]


def test_a_beam_search_finds_what_it_finds_alone_without_a_cache(pair):
    published, model = pair
    texts = sample(model, TEXTS, length=LENGTH, seeds=[0] * len(TEXTS), decoding=Decoding(num_beams=3))
    expected = [generated(published, text, num_beams=3, use_cache=False) for text in TEXTS]
    assert [text.token_ids for text in texts] == expected


def test_scores_are_those_of_the_forward_pass_of_each_text(pair):
    published, model = pair
    continuations = [[3, 30, 300], [4, 40], [21, 22, 23, 24]]
    scores = logprobs(model, list(zip(TEXTS, continuations, strict=True)))
    for text, continuation, values in zip(TEXTS, continuations, scores, strict=True):
        ids = torch.tensor([text + continuation])
        with torch.inference_mode():
            if model.config.is_encoder_decoder:
                targets = torch.tensor([[published.config.decoder_start_token_id, *continuation[:-1]]])
                logits = published(torch.tensor([text]), decoder_input_ids=targets).logits[0]
            else:
                logits = published(ids, use_cache=False).logits[0, len(text) - 1 : -1]
        expected = logits.log_softmax(-1)[range(len(continuation)), continuation]
        assert values == pytest.approx(expected.tolist(), abs=1e-4)


@pytest.mark.parametrize("pair", CASES[: len(architectures.CAUSAL)], indirect=True, ids=" ".join)
def test_a_text_goes_on_beyond_the_context(pair):
    _, model = pair
    (text,) = sample(model, [[5]], length=architectures.CONTEXT + 6, seeds=[0], decoding=Decoding())
    assert len(text.token_ids) == architectures.CONTEXT + 6


@pytest.mark.parametrize("kind", sorted(set(architectures.CAUSAL) - {"mamba", "rwkv"}))
def test_a_prefix_stands_right_before_every_text_of_a_batch(kind, tmp_path):
    model = architectures.build(AutoModelForCausalLM, kind, architectures.CAUSAL[kind])
    adapter = Adapter(model, PrefixAdaptation(kind="prefix", tokens=3), architectures.write(tmp_path, model))
    with torch.no_grad():
        adapter.model.prompt_encoder["default"].embedding.weight.normal_(0, 0.5)
    texts = sample(adapter.model, TEXTS, length=LENGTH, seeds=[0] * len(TEXTS), decoding=Decoding())
    for prompt, text in zip(TEXTS, texts, strict=True):
        (alone,) = logprobs(adapter.model, [(prompt, text.token_ids)])
        assert text.logprobs == pytest.approx(alone, abs=1e-4)


@pytest.mark.parametrize(
    ("kind", "sizes", "sentence"),
    [
        (
            "mamba",
            {},
            "adaptation.kind: not all layers of .* have the keys and values that a prefix is made of; expected full or",
        ),
        (
            "mistral",
            {"sliding_window": 3},
            "adaptation.tokens: expected fewer tokens than the smallest window of .* has, 3, found 3",
        ),
    ],
)
def test_a_prefix_that_not_all_layers_can_attend_to_is_refused(kind, sizes, sentence, tmp_path):
    model = architectures.build(AutoModelForCausalLM, kind, architectures.CAUSAL[kind] | sizes)
    with pytest.raises(UserError, match=sentence):
        Adapter(model, PrefixAdaptation(kind="prefix", tokens=3), tmp_path)


@pytest.mark.parametrize("kind", architectures.NOT_CAUSAL)
def test_a_model_that_reads_both_ways_is_refused_in_a_sentence(kind, tmp_path):
    model = architectures.build(AutoModelForCausalLM, kind, architectures.NOT_CAUSAL[kind])
    folder = architectures.write(tmp_path / kind, model)
    with pytest.raises(UserError, match=f"{kind}: read token by token, texts have other values .* of the kind {kind}") as error:
        import_model(sorted(folder.iterdir()), tmp_path / "imported")
    assert "\n" not in str(error.value) and not (tmp_path / "imported").exists()


@pytest.mark.parametrize("kind", architectures.ENCODERS)
def test_vectors_are_those_of_the_forward_pass_of_each_text(kind, tmp_path):
    published = architectures.build(AutoModelForMaskedLM, kind, architectures.ENCODERS[kind])
    folder = architectures.write(tmp_path / kind, published)
    import_encoder(sorted(folder.iterdir()), tmp_path / "imported")
    ((rows, vectors),) = pooled_batches(load_encoder(tmp_path / "imported", CPU), TEXTS, budget=100)
    for row, index in enumerate(rows):
        with torch.inference_mode():
            expected = published.base_model(torch.tensor([TEXTS[index]])).last_hidden_state[0]
        assert vectors["mean"][row] == pytest.approx(expected.mean(0).numpy(), abs=1e-4)


def test_a_cache_of_another_name_is_not_taken_for_one():
    models = {
        kind: architectures.build(AutoModelForCausalLM, kind, sizes)
        for kind, sizes in {**architectures.NOT_CAUSAL, **architectures.CAUSAL}.items()
    }
    assert {kind for kind, model in models.items() if not has_key_value_cache(model)} == {"mamba", "rwkv", "xlnet"}
