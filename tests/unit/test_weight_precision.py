"""The number format of a network's weights: it reaches the network of each job, and the job's record names it."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support import tiny_bert
from support.row_program import run_program
from support.runs import CHECKOUT
from support.sampled_texts import line
from support.sampled_texts import write as write_samples
from support.sentences import READER, corpus, save_model, tokenizer_of
from support.tiny_gpt2 import FOLDER

from relab import precision
from relab.adapters import Adapter
from relab.checkpoints import load_encoder, load_model, load_tokenizer
from relab.command_line import parser
from relab.commands import generate
from relab.datasets.storage import CLASSIFICATION, write
from relab.features.encode import encode_part
from relab.features.store import POOLINGS, Features
from relab.published.model import import_model
from relab.sampling import sample
from relab.scoring import logprobs, next_token_logprobs
from relab.settings.base import canonical
from relab.settings.encoders import Encoder
from relab.settings.models import LoraAdaptation, PrefixAdaptation
from relab.settings.samplings import Decoding

CPU = torch.device("cpu")
IDS = [5, 17, 200, 3, 42, 99, 150, 7]
ADAPTATIONS = {"lora": LoraAdaptation(kind="lora", rank=2), "prefix": PrefixAdaptation(kind="prefix", tokens=3)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Model directories: a GPT-2, two adapters of it whose weights are drawn at random, a model of sentences, a BERT."""
    folder = tmp_path_factory.mktemp("models")
    import_model(sorted(FOLDER.glob("*.*")), folder / "gpt2")
    torch.manual_seed(0)
    for name, adaptation in ADAPTATIONS.items():
        adapter = Adapter(load_model(folder / "gpt2", CPU), adaptation, folder / "gpt2")
        with torch.no_grad():
            for parameter in adapter.model.parameters():
                if parameter.requires_grad:
                    parameter.normal_(0, 0.3)
        (folder / name).mkdir()
        adapter.save_pretrained(folder / name)
        load_tokenizer(folder / "gpt2").save_pretrained(folder / name)
    save_model(folder / "sentences", tokenizer_of())
    tiny_bert.write(folder / "bert")
    return folder


def formats(model) -> set[torch.dtype]:
    """The types of a model's weights."""
    return {parameter.dtype for parameter in model.parameters()}


@pytest.mark.parametrize("name", ["gpt2", "lora", "sentences"])
@pytest.mark.parametrize("asked", ["auto", "float32", "bfloat16"])
def test_all_weights_of_a_language_model_are_loaded_in_the_format_that_is_asked_for(folder, name, asked):
    model = load_model(folder / name, CPU, asked)
    expected = "bfloat16" if asked == "bfloat16" else "float32"
    assert formats(model) == {getattr(torch, expected)} and precision.used(model) == expected


@pytest.mark.parametrize("asked", ["auto", "float32", "bfloat16"])
def test_all_weights_of_an_encoder_are_loaded_in_the_format_that_is_asked_for(folder, asked):
    for name in ("bert", "gpt2"):
        model = load_encoder(folder / name, CPU, asked)
        assert formats(model) == {torch.bfloat16 if asked == "bfloat16" else torch.float32}


def test_without_a_word_weights_are_float32_on_a_cpu(folder):
    assert formats(load_model(folder / "gpt2", CPU)) == formats(load_encoder(folder / "bert", CPU)) == {torch.float32}


def test_a_record_of_several_models_names_each_format_once():
    assert precision.joined(["float32", "bfloat16", "float32"]) == "float32, bfloat16"


@pytest.mark.parametrize("name", ["gpt2", *ADAPTATIONS])
def test_scores_of_narrow_weights_are_nearly_the_same(folder, name):
    exact, narrow = (load_model(folder / name, CPU, asked) for asked in ("float32", "bfloat16"))
    expected, found = next_token_logprobs(exact, IDS), next_token_logprobs(narrow, IDS)
    assert found.dtype == torch.float32 and not torch.equal(expected, found)
    assert (expected - found).abs().max() < 0.25 and (expected - found).abs().mean() < 0.05
    # normalised in float32: probabilities of three digits each would sum to something else
    assert found.double().exp().sum(-1) == pytest.approx(np.ones(len(IDS)), abs=1e-5)
    (values,) = logprobs(narrow, [(IDS[:3], IDS[3:])])
    together = [found[position + 2, token].item() for position, token in enumerate(IDS[3:])]
    assert values == pytest.approx(together, abs=0.1)


@pytest.mark.parametrize("name", ["gpt2", *ADAPTATIONS])
@pytest.mark.parametrize(
    "method", [Decoding(), Decoding(do_sample=True), Decoding(num_beams=2)], ids=["best", "draw", "search"]
)
def test_sampling_from_narrow_weights_gives_the_probabilities_that_scoring_gives(folder, name, method):
    model = load_model(folder / name, CPU, "bfloat16")
    prompts = [IDS[:3], IDS[:5]]
    texts = sample(model, prompts, length=10, seeds=[0, 1], decoding=method)
    scored = logprobs(model, [(prompt, text.token_ids) for prompt, text in zip(prompts, texts, strict=True)])
    for text, values in zip(texts, scored, strict=True):
        assert text.logprobs == pytest.approx(values, abs=0.2)
    exact = sample(load_model(folder / name, CPU), prompts, length=1, seeds=[0, 1], decoding=method)
    assert [text.logprobs[0] for text in exact] != [text.logprobs[0] for text in texts]


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_vectors_of_narrow_weights_are_nearly_the_same_and_pooled_in_float32(folder, tmp_path, name):
    rows = [{"text": text, "label": ""} for text in ("the cat sat on the mat", "a dog ran", "it was not seen again")]
    write(tmp_path / "part.parquet", rows, CLASSIFICATION)
    vectors = {}
    for asked in ("float32", "bfloat16"):
        network = load_encoder(folder / name, CPU, asked), load_tokenizer(folder / name)
        path = tmp_path / f"{asked}.safetensors"
        encode_part(tmp_path / "part.parquet", ["text"], path, *network, Encoder(model="tiny", precision=asked))
        vectors[asked] = {pooling: Features(path).vectors("text", pooling) for pooling in POOLINGS}
    for pooling in POOLINGS:
        expected, found = (vectors[asked][pooling] for asked in ("float32", "bfloat16"))
        assert found.dtype == np.float32 and not np.array_equal(expected, found)
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.15)
    mean = torch.from_numpy(vectors["bfloat16"]["mean"])
    assert not torch.equal(mean, mean.bfloat16().float())


# the jobs


def program(name, words, spec, folder, monkeypatch):
    """Run a program of a stage in this process."""
    path = CHECKOUT / "scripts" / f"{name}.py"
    words = [path, *words, "--spec", canonical(spec), "--provenance", folder / "record.json"]
    monkeypatch.setattr(sys, "argv", list(map(str, words)))
    runpy.run_path(str(path), run_name="__main__")


def sample_texts(models, folder, asked, monkeypatch):
    methods = {"best": Decoding().model_dump(exclude_none=True)}
    spec = {"model": "gpt2", "prompts": ["Once"], "methods": methods, "order": ["best"], "length": 4, "threads": 1}
    words = ["--model", models / "gpt2", "--output", folder / "made"]
    program("sample_texts", words, {**spec, "precision": asked}, folder, monkeypatch)


def encode_texts(models, folder, asked, monkeypatch):
    write(folder / "part.parquet", [{"text": "the cat sat", "label": ""}], CLASSIFICATION)
    source = {"encoder": "bert", "dataset": "cats", "part": "test"}
    spec = {"source": source, "encoder": {"model": "bert", "precision": asked}, "columns": ["text"], "threads": 1}
    words = ["--model", models / "bert", "--part", folder / "part.parquet", "--stats", folder / "stats.json"]
    program("encode_texts", [*words, "--output", folder / "made"], spec, folder, monkeypatch)


def weights(models, *names):
    return [next((models / name).glob("*model.safetensors")) for name in names]


def judge(models, folder, asked, monkeypatch):
    write_samples(folder / "mine.jsonl", [line("best", 0, [1, 2], 0, prompt="Once ", text="upon a time")])
    inputs = {"weights": weights(models, "gpt2"), "samples": [folder / "mine.jsonl"]}
    spec = {"samplings": ["mine"], "precision": asked, "threads": 1}
    step(monkeypatch, "judged_texts.measure.judge", inputs, {"judgements": folder / "made"}, spec, folder)


def trace(models, folder, asked, monkeypatch):
    texts = corpus(folder / "validation.parquet", ["Once upon a time there was a merchant."])
    inputs = {"weights": weights(models, "gpt2"), "validation": texts}
    setting = {"temperature": 0.5, "top_k": 3}
    spec = {"documents": 1, "characters": 30, "settings": [setting], "precision": asked, "threads": 1}
    output = {"distributions": folder / "made.parquet"}
    step(monkeypatch, "judged_texts.distributions.trace", inputs, output, spec, folder)


def passages(models, folder, asked, monkeypatch):
    inputs = {"weights": weights(models, "gpt2", "lora"), "validation": corpus(folder / "v.parquet", ["the merchant"])}
    spec = {"models": ["gpt2", "lora"], "passages": {"number": 1, "characters": 99}, "precision": asked, "threads": 1}
    step(monkeypatch, "finetuned.measure.measure", inputs, {"judgements": folder / "made"}, spec, folder)


def continuations(models, folder, asked, monkeypatch):
    texts = {split: corpus(folder / f"{split}.parquet", ["the merchant of Syracuse"]) for split in ("train", "validation")}
    spec = {"models": ["gpt2", "prefix"], "opening": 2, "precision": asked, "threads": 1}
    inputs = {"weights": weights(models, "gpt2", "prefix"), **texts}
    step(monkeypatch, "memorisation.measure.measure", inputs, {"judgements": folder / "made"}, spec, folder)


def words_of_sentences(models, folder, asked, monkeypatch):
    spec = {
        "models": {"sentences": 0},
        "words": [{"prompt": "He", "temperature": 0.5}],
        "alternatives": {"prompts": ["She"], "number": 3},
        "length": 4,
        "reader": READER,
        "precision": asked,
        "threads": 1,
    }
    inputs = {"weights": weights(models, "sentences"), "train": corpus(folder / "train.parquet")}
    step(monkeypatch, "next_words.measure.measure", inputs, {"traces": folder / "made"}, spec, folder)


def step(monkeypatch, function, inputs, outputs, spec, folder):
    run_program(monkeypatch, function, inputs, outputs, spec, folder / "record.json")


JOBS = [sample_texts, encode_texts, judge, trace, passages, continuations, words_of_sentences]


@pytest.mark.parametrize("job", JOBS, ids=[job.__name__ for job in JOBS])
def test_a_job_computes_in_the_format_that_is_asked_for_and_its_record_names_it(folder, tmp_path, monkeypatch, job):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    made, threads = {}, torch.get_num_threads()
    for asked, used in (("auto", "float32"), ("float32", "float32"), ("bfloat16", "bfloat16")):
        (tmp_path / asked).mkdir()
        try:
            job(folder, tmp_path / asked, asked, monkeypatch)
        finally:
            torch.set_num_threads(threads)
        record = json.loads((tmp_path / asked / "record.json").read_text())
        assert (record["device"], record["precision"]) == ("cpu", used)
        made[asked] = next((tmp_path / asked).glob("made*")).read_bytes()
    assert made["auto"] == made["float32"] != made["bfloat16"]


def test_the_command_that_samples_takes_a_format(folder):
    def texts(*options: str):
        args = parser().parse_args(["--model", str(folder / "gpt2"), "--prompt", "Once", "--length", "3", "--greedy", *options])
        return generate.texts(args, generate.sampling(args))[0]

    (plain,), (exact,), (narrow,) = texts(), texts("--precision", "float32"), texts("--precision", "bfloat16")
    assert plain == exact and exact["token_logprobs"] != narrow["token_logprobs"]
    with pytest.raises(SystemExit):
        texts("--precision", "half")
