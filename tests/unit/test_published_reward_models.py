"""Published classifiers as reward models: which logit is the reward, padding, what is written, what is refused."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from support import tiny_bert, tiny_gpt2
from support.finetuning import make_base
from support.policies import PPO, PolicyRun, make_policies
from support.runs import CHECKOUT
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BartConfig,
    BartForSequenceClassification,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
    XLNetConfig,
    XLNetForSequenceClassification,
)

from relab.errors import UserError
from relab.files import read_csv
from relab.rewards import RewardModel
from relab.rewards.imported import import_reward_model
from relab.rewards.model import FILES
from relab.settings.reward_models import PublishedRewardModel

CPU = torch.device("cpu")
TEXTS = ["the cat", "a dog sat under the mat and then it ran", "tree", "by any tree it was not seen again"]
SIZE = len(tiny_bert.VOCABULARY)
LABELS = {"0": "NEGATIVE", "1": "POSITIVE"}
#: BERT's vocabulary pads with another token than RoBERTa, which counts positions without its own.
ROBERTA = RobertaConfig(
    vocab_size=SIZE, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
    max_position_embeddings=30, initializer_range=0.2, id2label=LABELS,
)  # fmt: skip
DISTILBERT = DistilBertConfig(
    vocab_size=SIZE, dim=16, n_layers=2, n_heads=2, hidden_dim=32, max_position_embeddings=24, initializer_range=0.2
)  # fmt: skip
LLAMA = LlamaConfig(
    vocab_size=tiny_gpt2.VOCABULARY, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
    max_position_embeddings=60, initializer_range=0.2, num_labels=1,
)  # fmt: skip
XLNET = XLNetConfig(vocab_size=SIZE, d_model=16, n_layer=2, n_head=2, d_inner=32, id2label=LABELS, initializer_range=0.2)
BART = BartConfig(
    vocab_size=SIZE, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
    encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=24, id2label=LABELS,
)  # fmt: skip


def seeded(network, config):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return network(config)


def gpt2(**options):
    """A reward model of one output that reads the last token."""
    config = GPT2Config.from_pretrained(tiny_gpt2.FOLDER)
    return seeded(GPT2ForSequenceClassification, GPT2Config(**config.to_dict() | {"num_labels": 1} | options))


def bert():
    return tiny_bert.model(BertForSequenceClassification)


#: Published networks: how each is made, whose tokenizer it reads with, and the class whose logit is the reward.
NETWORKS = {
    "bert": (bert, "bert", "POSITIVE"),
    "bert, negative": (bert, "bert", "NEGATIVE"),
    "roberta": (lambda: seeded(RobertaForSequenceClassification, ROBERTA), "bert", "POSITIVE"),
    "distilbert": (lambda: seeded(DistilBertForSequenceClassification, DISTILBERT), "bert", "POSITIVE"),
    "llama": (lambda: seeded(LlamaForSequenceClassification, LLAMA), "base", None),
    "gpt2": (gpt2, "base", None),
    "gpt2 with a token of padding": (lambda: gpt2(pad_token_id=7, num_labels=3, id2label=None), "base", "LABEL_2"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Model directories whose tokenizers are read with: ``base``, a tiny GPT-2, and ``bert``."""
    folder = tmp_path_factory.mktemp("published")
    make_base(folder / "base")
    tiny_bert.write(folder / "bert")
    return folder


def publish(network, folder: Path) -> Path:
    """The files of a published network, without a tokenizer; one of two outputs has the classes of SST-2."""
    network.save_pretrained(folder)
    if network.config.num_labels == 2:
        change(folder, id2label=LABELS, label2id={name: int(index) for index, name in LABELS.items()})
    return folder


def change(folder: Path, **keys):
    """Change the configuration of a published network."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | keys))


def imported(asset: Path, tokenizer: Path, out: Path, label=None, tokens=20):
    settings = PublishedRewardModel(kind="published", asset="network", model=tokenizer.name, label=label, tokens=tokens)
    return import_reward_model(sorted(asset.iterdir()), tokenizer, settings, out)


def logits(asset: Path, tokenizer: Path, column: int) -> torch.Tensor:
    """A logit of each text, by Transformers from the published files, each text for itself."""
    network, tokenizer = (
        AutoModelForSequenceClassification.from_pretrained(asset).eval(),
        AutoTokenizer.from_pretrained(tokenizer),
    )
    with torch.no_grad():
        return torch.stack([network(tokenizer(text, return_tensors="pt")["input_ids"]).logits[0, column] for text in TEXTS])


# --- what the reward is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_the_reward_is_the_logit_of_the_class_and_padding_changes_none(folder, tmp_path, name):
    make, tokenizer, label = NETWORKS[name]
    asset = publish(make(), tmp_path / "asset")
    record = imported(asset, folder / tokenizer, tmp_path / "mine", label, tokens=60 if tokenizer == "base" else 20)
    assert {path.name for path in (tmp_path / "mine").iterdir()} == set(FILES)
    expected = logits(asset, folder / tokenizer, {"POSITIVE": 1, "LABEL_2": 2}.get(label, 0))
    assert expected.unique().numel() == len(TEXTS)
    model = RewardModel.load(tmp_path / "mine", CPU)
    assert torch.allclose(torch.cat([model.score([text]) for text in TEXTS]), expected, atol=1e-5)
    assert torch.allclose(model.score(TEXTS), expected, atol=1e-5)
    assert torch.allclose(model.score(TEXTS[::-1]), expected.flip(0), atol=1e-5)
    assert record["format"] == "safetensors" and record["parameters"] == sum(len(w.flatten()) for w in make().parameters())


@pytest.mark.parametrize("name", NETWORKS)
def test_transformers_opens_it_with_the_logits_of_all_classes(folder, tmp_path, name):
    make, tokenizer, label = NETWORKS[name]
    asset = publish(make(), tmp_path / "asset")
    imported(asset, folder / tokenizer, tmp_path / "mine", label)
    ids = torch.arange(8, 20)[None]
    networks = [AutoModelForSequenceClassification.from_pretrained(path).eval() for path in (asset, tmp_path / "mine")]
    with torch.no_grad():
        assert torch.equal(*(network(ids).logits for network in networks))
    assert networks[1].config.id2label == networks[0].config.id2label
    assert isinstance(networks[1].config.pad_token_id, int)


def test_weights_in_half_precision_stay_so_and_the_same_files_give_the_same_bytes(folder, tmp_path):
    asset = publish(bert().to(torch.bfloat16), tmp_path / "asset")
    for name in ("mine", "again"):
        imported(asset, folder / "bert", tmp_path / name, "POSITIVE")
    for name in FILES:
        assert (tmp_path / "mine" / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    assert {weight.dtype for weight in load_file(tmp_path / "mine/model.safetensors").values()} == {torch.bfloat16}
    assert RewardModel.load(tmp_path / "mine", CPU).score(TEXTS).dtype == torch.float32


def test_a_long_text_loses_its_beginning(folder, tmp_path):
    imported(publish(bert(), tmp_path / "asset"), folder / "bert", tmp_path / "mine", "POSITIVE", tokens=6)
    first, second, third = RewardModel.load(tmp_path / "mine", CPU).score(
        ["the cat sat on a mat", "cat sat on a mat", "the mat"]
    )
    assert first == pytest.approx(float(second), abs=1e-5)
    assert first != pytest.approx(float(third), abs=1e-3)


def test_a_policy_learns_by_it(folder, tmp_path):
    data = make_policies(tmp_path / "data" / "words")
    shutil.rmtree(data / "reward")
    imported(publish(gpt2(), tmp_path / "asset"), folder / "base", data / "reward", tokens=60)
    spec = {**PPO, "training": {**PPO["training"], "steps": 2, "evaluation": {"every": 2, "texts": 4}}}
    run = PolicyRun(tmp_path / "run", data, spec, base=data.parent / "base")
    run.run_here()
    assert read_csv(run.output / "history.csv")["validation_standardised_reward"].notna().all()


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def asset(tmp_path):
    """The files of the published BERT, to be changed."""
    return publish(bert(), tmp_path / "asset")


def refused(asset, tokenizer, out, match, **options):
    with pytest.raises(UserError, match=match) as error:
        imported(asset, tokenizer, out, **options)
    assert "\n" not in str(error.value) and not out.exists()


@pytest.mark.parametrize(("label", "word"), [(None, "none"), ("positive", "positive"), ("LABEL_1", "LABEL_1")])
def test_a_label_that_it_lacks_or_that_is_missing_is_a_sentence(asset, folder, tmp_path, label, word):
    sentence = rf"^label: expected one of NEGATIVE, POSITIVE, the classes of {asset}/config.json, found {word}$"
    refused(asset, folder / "bert", tmp_path / "mine", sentence, label=label)


def test_two_classes_of_one_name_are_a_sentence(asset, folder, tmp_path):
    change(asset, id2label={"0": "GOOD", "1": "GOOD"})
    refused(asset, folder / "bert", tmp_path / "mine", "^label: expected one of GOOD, GOOD, the classes", label="GOOD")


@pytest.mark.parametrize(
    ("tokenizer", "make", "label", "head"),
    [("bert", bert, "POSITIVE", "classifier.bias, classifier.weight"), ("base", gpt2, None, "score.weight")],
)
def test_weights_of_a_head_are_never_drawn(folder, tmp_path, tokenizer, make, label, head):
    """Of a network without a head, and of a reward model's directory whose head is gone."""
    missing = f"weights of the model are missing, among them {head}.*; expected a network for sequence classification"
    refused(folder / tokenizer, folder / tokenizer, tmp_path / "mine", missing, label=label)
    imported(publish(make(), tmp_path / "asset"), folder / tokenizer, tmp_path / "whole", label)
    path = tmp_path / "whole" / "model.safetensors"
    save_file({name: value for name, value in load_file(path).items() if name not in head}, path, {"format": "pt"})
    with pytest.raises(UserError, match=f"whole: expected a network for sequence classification, found no weights {head}"):
        RewardModel.load(tmp_path / "whole", CPU)


def test_another_number_of_classes_than_weights_is_a_sentence(asset, folder, tmp_path):
    change(asset, id2label={"0": "BAD", "1": "FAIR", "2": "GOOD"})
    refused(
        asset, folder / "bert", tmp_path / "mine", "cannot be opened as a network for sequence classification", label="GOOD"
    )


def test_a_tokenizer_of_another_network_is_a_sentence(asset, folder, tmp_path):
    sentence = (
        f"asset with the tokenizer of .*base: the tokenizer has the token id 319, but the model has embeddings for {SIZE}"
    )
    refused(asset, folder / "base", tmp_path / "mine", sentence, label="POSITIVE")


def test_more_tokens_than_positions_are_a_sentence(asset, folder, tmp_path):
    sentence = "^tokens: expected at most 24, the context of asset, found 25$"
    refused(asset, folder / "bert", tmp_path / "mine", sentence, label="POSITIVE", tokens=25)


def test_a_token_of_padding_must_end_no_text(folder, tmp_path):
    """Where a language model finds the end of a text by it, and there is no other."""
    shutil.copytree(folder / "base", tmp_path / "base")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "base")
    mark = tokenizer.eos_token
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        f"$A {mark}", special_tokens=[(mark, tokenizer.eos_token_id)]
    )
    PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, eos_token=mark).save_pretrained(tmp_path / "base")
    asset = publish(gpt2(), tmp_path / "asset")
    refused(
        asset, tmp_path / "base", tmp_path / "mine", "expected pad_token_id in config.json, or a tokenizer with a token for"
    )


def test_a_network_that_reads_padding_is_refused(folder, tmp_path):
    """XLNet's head reads the last position, whatever stands there."""
    asset = publish(seeded(XLNetForSequenceClassification, XLNET), tmp_path / "asset")
    refused(
        asset, folder / "bert", tmp_path / "mine", "for which padding on the right changes no logit, found", label="POSITIVE"
    )


def test_an_encoder_decoder_is_refused(folder, tmp_path):
    asset = publish(seeded(BartForSequenceClassification, BART), tmp_path / "asset")
    refused(asset, folder / "bert", tmp_path / "mine", "asset: an encoder–decoder, expected an encoder or a", label="POSITIVE")


def test_a_directory_says_what_kind_it_is(asset, folder, tmp_path):
    imported(asset, folder / "bert", tmp_path / "mine", "POSITIVE")
    header = json.loads((tmp_path / "mine/reward_model.json").read_bytes())
    assert (header["base"], header["output"], header["tokens"]) == ("network", 1, 20)
    for keys, sentence in (
        ({"pooling": "last"}, "either pooling or output, found both"),
        ({"output": 2}, "expected output 2 among"),
    ):
        (tmp_path / "mine/reward_model.json").write_text(json.dumps(header | keys))
        with pytest.raises(UserError, match=sentence):
            RewardModel.load(tmp_path / "mine", CPU)


# --- the program ------------------------------------------------------------------------------------------------------


def run_here(monkeypatch, asset, tokenizer, out, **spec):
    program = str(CHECKOUT / "scripts" / "import_reward_model.py")
    words = ["--files", *map(str, sorted(asset.iterdir())), "--tokenizer", str(tokenizer), "--output-dir", str(out)]
    spec = {"kind": "published", "asset": "network", "model": "bert", "tokens": 20, **spec}
    monkeypatch.setattr(sys, "argv", [program, *words, "--spec", json.dumps(spec), "--provenance", f"{out}.json"])
    monkeypatch.setenv("TQDM_DISABLE", "1")  # as the program sets it, but taken back
    runpy.run_path(program, run_name="__main__")


def test_the_program_records_what_it_did(asset, folder, tmp_path, monkeypatch, capsys):
    run_here(monkeypatch, asset, folder / "bert", tmp_path / "mine", label="POSITIVE")
    parameters = sum(weight.numel() for weight in bert().parameters())
    told = f"{parameters:,} parameters from safetensors, of which output 1 is the reward\n"
    assert capsys.readouterr().out == told
    record = json.loads((tmp_path / "mine.json").read_bytes())
    assert (record["parameters"], record["output"], record["unused_weights"]) == (parameters, 1, [])
    assert set(record["outputs"]) == {str(tmp_path / "mine" / name) for name in FILES}


def test_the_program_ends_on_an_error_in_one_sentence(asset, folder, tmp_path, monkeypatch):
    with pytest.raises(SystemExit) as stop:
        run_here(monkeypatch, asset, folder / "bert", tmp_path / "mine", label="GOOD")
    assert stop.value.code.startswith("error: label: expected one of NEGATIVE, POSITIVE") and "\n" not in stop.value.code
    assert not (tmp_path / "mine").exists() and not (tmp_path / "mine.json").exists()
