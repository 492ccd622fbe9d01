"""Fine-tuned classifiers: what is read and what is not, networks and adapters, errors in a sentence, what is written."""

from __future__ import annotations

import copy
import json
import shutil

import numpy as np
import pytest
import torch
from support import tiny_bert
from support.classifiers import CLASSES, LORA, SPEC, STEPS, lines, make_models, open_classifier
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DistilBertConfig,
    GPT2Config,
    LlamaConfig,
    OPTConfig,
)

from relab import characters
from relab.checkpoints import load_tokenizer
from relab.classifiers import job as jobs
from relab.classifiers import network, texts
from relab.classifiers.job import COLUMNS, Job
from relab.datasets import storage
from relab.errors import UserError
from relab.files import read_csv
from relab.predictions import FINETUNED, read_predictions
from relab.settings.base import check
from relab.settings.classifiers import FinetunedClassifier
from relab.training.objectives.classification import Classification
from relab.training.signals import StopSignal
from relab.training.state import State

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "initializer_range": 0.4}
#: Architectures with learned, rotary and mask-counted positions, and two encoders; each 64 tokens of context.
ARCHITECTURES = {
    "gpt2": lambda size: GPT2Config(
        n_embd=16, n_layer=2, n_head=2, n_positions=64, vocab_size=size, initializer_range=0.4, bos_token_id=0, eos_token_id=0
    ),
    "llama": lambda size: LlamaConfig(
        **SMALL, vocab_size=size, intermediate_size=16, num_attention_heads=2, max_position_embeddings=64
    ),
    "opt": lambda size: OPTConfig(
        hidden_size=16, num_hidden_layers=2, vocab_size=size, ffn_dim=16, num_attention_heads=2, word_embed_proj_dim=16,
        max_position_embeddings=64, init_std=0.4,
    ),
    "distilbert": lambda size: DistilBertConfig(
        dim=16, n_layers=2, n_heads=2, hidden_dim=16, vocab_size=size, max_position_embeddings=64, initializer_range=0.4
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Splits of lines in two languages, and the model directory ``base``, a tiny GPT-2."""
    return make_models(tmp_path_factory.mktemp("classifiers"))


def splits_of(folder):
    return {split: folder / f"{split}.parquet" for split in ("train", "validation", "test")}


def spec(**more) -> Job:
    return Job.model_validate({**copy.deepcopy(SPEC), **more})


def finetuned(job, folder, tmp_path, model="base"):
    """A classifier, and its directory with everything written."""
    with State.open(tmp_path / "state") as state:
        found = jobs.finetune(
            job, splits=splits_of(folder), base=folder / model, device=torch.device("cpu"), code="abc", state=state,
            stop=StopSignal(),
        )  # fmt: skip
        found.write(tmp_path / "out" / "mine")
        state.finish()
    return found, tmp_path / "out" / "mine"


# --- padding ----------------------------------------------------------------------------------------------------------


def objective_of(rows, pad) -> Classification:
    return Classification(rows, rows, batch=4, seed=0, pad=pad, device=torch.device("cpu"))


def logits_with_padding(net, ids, pad, more):
    longer = [1] * (len(ids) + more)  # the longer row decides how far the first is padded
    rows = texts.EncodedSplit([ids, longer], [0, 0], 0, [])
    return objective_of(rows, pad).logits(net, rows)[0]


def build(folder, name, settings, classes=CLASSES):
    tokenizer = load_tokenizer(folder / name)
    pad = texts.ensure_padding_token(tokenizer)
    torch.manual_seed(0)
    return network.build(settings, folder / name, tokenizer, pad, classes).eval(), tokenizer, pad


def model_directory(folder, name, config, tokenizer):
    config.save_pretrained(folder / name)
    tokenizer.save_pretrained(folder / name)
    return folder / name


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("kind", ["words", "characters"])
def test_more_padding_changes_no_logit_and_what_is_read_is_the_last_real_position(folder, tmp_path, name, kind):
    tokenizer = load_tokenizer(folder / "base") if kind == "words" else characters.build("abc def\n")
    model_directory(tmp_path, name, ARCHITECTURES[name](len(tokenizer)), tokenizer)
    settings = spec(pretrained=False, tokens=40)
    net, read, pad = build(tmp_path, name, settings)
    ids = read("a bad cab\n" if kind == "words" else "a bad cab\n".replace("b", "c"), add_special_tokens=False)["input_ids"]
    alone = logits_with_padding(net, ids, pad, 0)
    for more in (1, 5, 20):
        assert torch.allclose(logits_with_padding(net, ids, pad, more), alone, atol=1e-5)
    other = logits_with_padding(net, [*ids[:-1], ids[0]], pad, 5)
    assert not torch.allclose(other, alone, atol=1e-3), "another last token, another answer"


def test_the_last_real_position_is_read_even_where_it_holds_what_pads_elsewhere(folder):
    """The tokenizer's only mark pads; written in a text it is read as characters, so that no text ends in padding."""
    tokenizer = load_tokenizer(folder / "base")
    pad = texts.ensure_padding_token(tokenizer)
    assert tokenizer.convert_ids_to_tokens(pad) == tokenizer.eos_token
    storage.write(
        folder / "marked.parquet", [{"text": f"the end {tokenizer.eos_token}", "label": "English"}], storage.CLASSIFICATION
    )
    rows = texts.encode_split(folder / "marked.parquet", tokenizer, CLASSES, 40)
    assert pad not in rows.ids[0]
    assert tokenizer.decode(rows.ids[0]) == f"the end {tokenizer.eos_token}"


def test_a_tokenizer_without_any_mark_gets_one_for_padding(tmp_path):
    tokenizer = characters.build("abc\n")
    model_directory(tmp_path, "letters", ARCHITECTURES["gpt2"](4), tokenizer)
    net, tokenizer, pad = build(tmp_path, "letters", spec(pretrained=False))
    assert (pad, len(tokenizer), net.config.pad_token_id) == (4, 5, 4)
    assert net.get_input_embeddings().weight.shape[0] == 5


def test_a_mark_that_ends_every_text_does_not_pad(folder):
    """SentencePiece tokenizers put their end-of-text token behind each text: padding must be told from it."""
    from tokenizers.processors import TemplateProcessing

    tokenizer = load_tokenizer(folder / "base")
    mark = tokenizer.eos_token
    marks = [(mark, tokenizer.eos_token_id)]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(f"$A {mark}", special_tokens=marks)
    pad = texts.ensure_padding_token(tokenizer)
    assert tokenizer.convert_ids_to_tokens(pad) == texts.PADDING
    assert tokenizer("the end")["input_ids"][-1] == tokenizer.eos_token_id != pad


# --- rows -------------------------------------------------------------------------------------------------------------


def test_texts_are_cut_and_counted(folder):
    tokenizer = load_tokenizer(folder / "base")
    rows = texts.encode_split(folder / "train.parquet", tokenizer, CLASSES, 5)
    assert max(map(len, rows.ids)) == 5
    assert rows.truncated == sum(len(tokenizer(text)["input_ids"]) > 5 for text in rows.texts)


# --- errors -----------------------------------------------------------------------------------------------------------


def test_a_label_outside_the_head_is_a_sentence(folder, tmp_path):
    with pytest.raises(UserError, match=r"train.parquet: row 2 has the label 'Italian', for which the head has no output; exp"):
        finetuned(spec(classes=["English", "French"]), folder, tmp_path)


def test_more_tokens_than_the_context_is_a_sentence(folder, tmp_path):
    with pytest.raises(UserError, match="tokens: expected at most 64, the context of base, found 65"):
        finetuned(spec(tokens=65), folder, tmp_path)


def test_a_layer_that_the_network_lacks_is_a_sentence(folder, tmp_path):
    with pytest.raises(UserError, match="adaptation.targets: no layer of .*base is called 'q_proj'; there are .*c_attn"):
        finetuned(spec(adaptation={**LORA, "targets": ["q_proj"]}), folder, tmp_path)


def test_a_training_split_of_one_class_is_a_sentence(folder, tmp_path):
    copied = tmp_path / "one"
    shutil.copytree(folder, copied)
    storage.write(copied / "train.parquet", [row for row in lines() if row["label"] == "English"], storage.CLASSIFICATION)
    with pytest.raises(UserError, match="train.parquet: expected rows of at least two classes, found English"):
        finetuned(spec(), copied, tmp_path)


def test_a_character_that_the_tokenizer_does_not_know_is_a_sentence(folder, tmp_path):
    tokenizer = characters.build("abc")
    storage.write(tmp_path / "train.parquet", [{"text": "abz", "label": "English"}], storage.CLASSIFICATION)
    with pytest.raises(UserError, match="train.parquet, row 1: character 'z'"):
        texts.encode_split(tmp_path / "train.parquet", tokenizer, CLASSES, 5)


def test_an_adapter_is_nothing_to_start_from(folder, tmp_path):
    _, directory = finetuned(spec(adaptation=LORA), folder, tmp_path)
    with pytest.raises(UserError, match="holds an adapter, expected a model with all of its weights"):
        build(directory.parent, "mine", spec())


def test_a_network_that_cannot_classify_is_a_sentence(folder, tmp_path):
    config = AutoConfig.for_model("clip")
    model_directory(tmp_path, "pictures", config, load_tokenizer(folder / "base"))
    with pytest.raises(UserError, match="pictures: a network of the kind clip, expected one that reads texts"):
        build(tmp_path, "pictures", spec(pretrained=False))
    model_directory(tmp_path, "speech", AutoConfig.for_model("speecht5", vocab_size=320), load_tokenizer(folder / "base"))
    with pytest.raises(UserError, match="speech: cannot be opened as a network with a classification head"):
        build(tmp_path, "speech", spec(pretrained=False))


def test_a_loss_that_is_not_finite_is_a_sentence(folder, tmp_path):
    with pytest.raises(UserError, match=r"loss is not a finite number at step 2 \(learning rate .*\): lower training.l"):
        finetuned(spec(training={**SPEC["training"], "learning_rate": 1e25, "clip": 1e30, "warmup": 0}), folder, tmp_path)


def test_an_adapter_of_random_weights_is_refused():
    raw = {"model": "a", "dataset": "b", "pretrained": False, "adaptation": {"kind": "lora"}, "training": {"epochs": 1}}
    with pytest.raises(UserError, match="an adapter of random weights learns nothing, expected pretrained"):
        check(FinetunedClassifier, raw, "classifiers.x")


# --- a whole job ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["full", "lora", "random"])
def classifier(request, folder, tmp_path_factory):
    more = {"lora": {"adaptation": LORA}, "random": {"pretrained": False}, "full": {}}[request.param]
    job = spec(**more)
    found, directory = finetuned(job, folder, tmp_path_factory.mktemp(request.param))
    return job, found, directory, request.param


def test_it_learns_and_its_history_tells_so(classifier):
    job, found, directory, kind = classifier
    history = read_csv(directory / "history.csv")
    assert list(history.columns) == COLUMNS
    assert history["step"].tolist() == [0, 7, 14, 21, 28, 35, STEPS]
    assert history["rows_seen"].tolist() == [0, 28, 56, 84, 112, 140, 168]
    assert history["epoch"].tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3]
    assert np.isnan(history["train_loss"][0]) and history["train_loss"][1:].notna().all()
    if kind == "full":
        assert history["train_accuracy"].iloc[-1] > 0.75 > history["validation_accuracy"][0]
    rates = [0.01 * (STEPS - step) / (STEPS - 4) for step in history["step"][1:]]  # of the next update, behind four of warm-up
    assert history["learning_rate"].tolist() == pytest.approx([0, *rates])
    assert found.trainer.best_row()["validation_loss"] == history["validation_loss"].min()


def test_predictions_are_those_of_the_written_classifier_padded_or_not(classifier, folder):
    job, found, directory, kind = classifier
    told = read_predictions(directory / "predictions.parquet", FINETUNED)
    net = open_classifier(directory, folder)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    rows = storage.read(folder / "test.parquet")
    assert told["label"].tolist() == rows["label"]
    for text, row in zip(rows["text"], told.itertuples(), strict=True):
        ids = tokenizer(text, truncation=True, max_length=job.tokens, return_tensors="pt")
        with torch.no_grad():
            probabilities = net(**{key: ids[key] for key in ("input_ids", "attention_mask")}).logits[0].softmax(0)
        assert net.config.id2label[int(probabilities.argmax())] == row.prediction
        assert float(probabilities.max()) == pytest.approx(row.probability, abs=1e-4)


def test_the_best_weights_are_kept_not_the_last(classifier, folder):
    job, found, directory, kind = classifier
    net = open_classifier(directory, folder)
    tokenizer = load_tokenizer(directory)
    texts.ensure_padding_token(tokenizer)
    rows = texts.encode_split(folder / "validation.parquet", tokenizer, CLASSES, job.tokens)
    batch = objective_of(rows, net.config.pad_token_id).collate(rows, range(len(rows)))
    with torch.no_grad():
        loss = net(input_ids=batch.inputs, attention_mask=batch.mask, labels=batch.labels).loss
    assert float(loss) == pytest.approx(found.trainer.best_row()["validation_loss"], abs=1e-4)


def test_transformers_opens_it(classifier):
    _, _, directory, kind = classifier
    if kind == "lora":
        told = json.loads((directory / "adapter_config.json").read_bytes())
        assert told["base_model_name_or_path"] == "base"
        assert told["target_modules"] == ["c_attn"]
    else:
        net = AutoModelForSequenceClassification.from_pretrained(directory)
        assert net.config.id2label == {0: "English", 1: "Italian"}
        assert net.config.pad_token_id is not None


def test_nothing_but_the_files_is_left(classifier):
    job, _, directory, kind = classifier
    assert {path.name for path in directory.iterdir()} == set(job.files)
    assert not list(directory.parents[1].rglob("*checkpoint-*")), "checkpoints go when the run has succeeded"


def test_training_ends_early_where_validation_says_so(folder, tmp_path):
    training = {"epochs": 30, "batch": 4, "learning_rate": 0.05, "evaluations": 1, "early_stopping": 2}
    found, _ = finetuned(spec(training=training), folder, tmp_path)
    history = found.trainer.progress.history
    best = history.index(found.trainer.best_row())
    assert len(history) - 1 - best == 2
    assert history[-1]["step"] < 30 * 14


def test_an_encoder_reads_its_first_position(folder, tmp_path):
    copied = shutil.copytree(folder, tmp_path / "with")
    tiny_bert.write(copied / "bert")
    found, directory = finetuned(spec(model="bert", tokens=20), copied, tmp_path, "bert")
    assert type(AutoModelForSequenceClassification.from_pretrained(directory)).__name__ == "BertForSequenceClassification"
    assert found.trainer.progress.history[-1]["step"] == STEPS


def test_words_that_a_tokenizer_splits(folder, tmp_path):
    bert = AutoTokenizer.from_pretrained(tiny_bert.write(tmp_path / "bert"))
    whole = texts.split_words(bert, ["the cat sat", "the dog ran"])
    assert whole == {"words": 6, "words_split": 0, "distinct": 5, "distinct_split": 0, "examples": ""}
    pieces = texts.split_words(load_tokenizer(folder / "base"), ["the abracadabra the"])
    assert (pieces["words"], pieces["distinct"], pieces["distinct_split"]) == (3, 2, 1)
    assert pieces["examples"].startswith("abracadabra → ")
    letters = texts.split_words(characters.build("abc "), ["a abc"])
    assert (letters["words_split"], letters["examples"]) == (1, "abc → a b c")
