"""Features of frozen networks: the vectors of each text alone, whatever its company, and files that hold each text once."""

from __future__ import annotations

import json
import runpy
import sys

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file
from support import tiny_bert
from support.runs import CHECKOUT
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, RobertaConfig, RobertaModel

from relab.checkpoints import load_encoder, load_tokenizer
from relab.datasets.storage import CHOICE, CLASSIFICATION, write
from relab.errors import UserError
from relab.features import encode
from relab.features.store import POOLINGS, Features, feature_writer
from relab.settings.encoders import Encoder

CPU = torch.device("cpu")
WORDS = tiny_bert.WORDS.split()
LIMIT = 12


def made_texts(number, longest=20):
    """Texts of 1 to ``longest`` words, lengths and words mixed, most of them different."""
    draw = np.random.default_rng(0)
    return [" ".join(draw.choice(WORDS, draw.integers(1, longest + 1))) for _ in range(number)]


def gpt2(folder):
    """A tiny GPT-2 whose tokenizer knows words, and makes nothing of blanks."""
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(["[UNK]", *WORDS])}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    sizes = {"n_embd": 16, "n_head": 2, "n_layer": 2, "n_positions": 24, "vocab_size": len(WORDS) + 1}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = GPT2LMHeadModel(GPT2Config(**sizes, initializer_range=0.2, bos_token_id=None, eos_token_id=None))
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]").save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The model directories of a BERT and of a GPT-2."""
    return {"bert": tiny_bert.write(tmp_path_factory.mktemp("bert")), "gpt2": gpt2(tmp_path_factory.mktemp("gpt2"))}


@pytest.fixture(params=["bert", "gpt2"])
def network(request, folders):
    return load_encoder(folders[request.param], CPU), load_tokenizer(folders[request.param])


@pytest.fixture
def bert(folders):
    return load_encoder(folders["bert"], CPU), load_tokenizer(folders["bert"])


def part_of(path, texts):
    write(path, [{"text": text, "label": ""} for text in texts], CLASSIFICATION)
    return path


def questions(path, rows):
    write(path, [{"question": question, "choices": choices, "answer": 0} for question, choices in rows], CHOICE)
    return path


def encoded(part, network, columns=("text",), name="features", **settings):
    """The features of a part, and what was counted."""
    path = part.parent / f"{name}.safetensors"
    counts = encode.encode_part(part, columns, path, *network, Encoder(model="tiny", **{"tokens": LIMIT, **settings}))
    return Features(path), counts


@torch.inference_mode()
def alone(network, text, limit=LIMIT):
    """The vectors of a text that is encoded by itself, by the network's own call, and its tokens."""
    model, tokenizer = network
    ids = tokenizer(text, truncation=True, max_length=limit, return_tensors="pt")["input_ids"]
    states = model(input_ids=ids).last_hidden_state[0].double().numpy()
    return {"cls": states[0], "mean": states.mean(0), "last": states[-1]}, len(states)


# vectors


def test_vectors_are_those_of_each_text_alone_in_the_order_of_rows(tmp_path, network):
    found = made_texts(60)
    features, counts = encoded(part_of(tmp_path / "a.parquet", found), network, batch_tokens=40)
    expected = [alone(network, text) for text in found]
    for pooling in POOLINGS:
        vectors = features.vectors("text", pooling)
        assert vectors.dtype == np.float32 and vectors.shape == (60, 16)
        np.testing.assert_allclose(vectors, [vectors[pooling] for vectors, _ in expected], rtol=0, atol=1e-5)
    assert np.ptp(features.vectors("text", "mean"), axis=0).min() > 0.1  # texts are not all alike
    tokens = {text: number for text, (_, number) in zip(found, expected, strict=True)}
    assert counts["tokens"] == sum(tokens.values())
    assert counts["texts"] == 60 and counts["unique"] == len(tokens) == features.unique


def test_the_last_position_of_bert_is_its_mark_of_the_end(tmp_path, bert):
    features, _ = encoded(part_of(tmp_path / "a.parquet", ["the cat", "the cat sat on the mat"]), bert)
    model, tokenizer = bert
    with torch.inference_mode():
        ids = torch.tensor([[tokenizer.cls_token_id, *tokenizer("the cat", add_special_tokens=False)["input_ids"]]])
        ids = torch.cat([ids, torch.tensor([[tokenizer.sep_token_id]])], dim=1)
        states = model(input_ids=ids).last_hidden_state[0].numpy()
    for pooling, expected in (("cls", states[0]), ("last", states[3]), ("mean", states.mean(0))):
        np.testing.assert_allclose(features.vectors("text", pooling)[0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("budget", [1, 13, 100, 4096])
def test_budgets_change_only_the_last_bits(tmp_path, network, budget):
    part = part_of(tmp_path / "a.parquet", made_texts(40))
    wanted, _ = encoded(part, network, name="wanted", batch_tokens=64)
    found, _ = encoded(part, network, name="found", batch_tokens=budget)
    for pooling in POOLINGS:
        np.testing.assert_allclose(found.vectors("text", pooling), wanted.vectors("text", pooling), rtol=0, atol=1e-5)


def test_no_batch_is_beyond_the_budget_but_one_text(tmp_path, bert, monkeypatch):
    model, tokenizer = bert
    seen = []
    forward = model.forward
    monkeypatch.setattr(model, "forward", lambda input_ids, **more: seen.append(input_ids) or forward(input_ids, **more))
    encoded(part_of(tmp_path / "a.parquet", made_texts(80)), bert, batch_tokens=30)
    assert all(ids.numel() <= 30 or len(ids) == 1 for ids in seen)
    lengths = [ids.shape[1] for ids in seen]
    assert lengths == sorted(lengths, reverse=True)
    assert max(map(len, seen)) > 3


def test_an_open_budget_is_that_of_the_device_and_a_given_one_is_kept():
    budgets = {kind: encode.token_budget(Encoder(model="tiny"), torch.device(kind)) for kind in ("cpu", "cuda", "mps")}
    assert budgets["cpu"] < budgets["cuda"] == budgets["mps"]
    assert encode.token_budget(Encoder(model="tiny", batch_tokens=7), torch.device("cpu")) == 7


def test_no_keys_and_values_are_kept(tmp_path, network, monkeypatch):
    model, _ = network
    forward, kept = model.forward, []

    def watched(**given):
        output = forward(**given)
        kept.append(getattr(output, "past_key_values", None))
        return output

    monkeypatch.setattr(model, "forward", watched)
    encoded(part_of(tmp_path / "a.parquet", made_texts(5)), network)
    assert kept == [None]


def test_batches_hold_as_many_as_the_budget_allows():
    lengths = [3, 9, 1, 4, 9, 2, 3]
    found = list(encode.length_batches(lengths, 12))
    assert found == [[1], [4], [3, 0, 6], [5, 2]]
    assert list(encode.length_batches(lengths, 1)) == [[1], [4], [3], [0], [6], [5], [2]]
    assert list(encode.length_batches(lengths, 1000)) == [[1, 4, 3, 0, 6, 5, 2]]
    assert list(encode.length_batches([], 5)) == []


@pytest.mark.parametrize("window", [1, 7, 40, 41])
def test_a_window_boundary_changes_nothing(tmp_path, network, monkeypatch, window):
    part = part_of(tmp_path / "a.parquet", [*dict.fromkeys(made_texts(60))][:40] + ["the cat"] * 3)
    wanted, counts = encoded(part, network, name="wanted", batch_tokens=64)
    monkeypatch.setattr(encode, "WINDOW", window)
    found, again = encoded(part, network, name="found", batch_tokens=64)
    assert counts == again
    assert (found.index("text") == wanted.index("text")).all()
    for pooling in POOLINGS:
        np.testing.assert_allclose(found.vectors("text", pooling), wanted.vectors("text", pooling), rtol=0, atol=1e-5)


def test_the_same_part_gives_the_same_bytes(tmp_path, network):
    part = part_of(tmp_path / "a.parquet", made_texts(30))
    for name in ("one", "two"):
        encoded(part, network, name=name)
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()


def test_progress_is_told_in_texts(tmp_path, bert):
    told = []
    part = part_of(tmp_path / "a.parquet", ["the cat", "a dog", "the cat", "the mat"])
    settings = Encoder(model="tiny", tokens=LIMIT, batch_tokens=8)
    encode.encode_part(part, ["text"], tmp_path / "f.safetensors", *bert, settings, progress=told.append)
    assert told == [2, 1]


# texts that stand several times


def test_identical_texts_share_a_row(tmp_path, bert):
    found = ["the cat", "a dog", "the cat", "The cat", "a dog", "the cat"]
    features, counts = encoded(part_of(tmp_path / "a.parquet", found), bert)
    assert features.index("text").tolist() == [0, 1, 0, 2, 1, 0]
    assert (counts["texts"], counts["unique"], features.unique) == (6, 3, 3)
    mean = features.vectors("text", "mean")
    assert (mean[0] == mean[2]).all() and (mean[0] == mean[5]).all() and not (mean[0] == mean[1]).all()


def test_questions_and_choices_share_rows_too(tmp_path, network):
    rows = [
        ("the cat sat", ["a dog", "the mat"]),
        ("a dog", ["the cat sat", "one tree", "the mat"]),
        ("the mat", ["a dog", "in town"]),
    ]
    features, counts = encoded(questions(tmp_path / "a.parquet", rows), network, ("question", "choices"))
    order = ["the cat sat", "a dog", "the mat", "one tree", "in town"]  # as the rows name them
    assert features.index("question").tolist() == [order.index(question) for question, _ in rows]
    assert features.index("choices").tolist() == [order.index(text) for _, choices in rows for text in choices]
    with safe_open(features.path, framework="np") as file:
        assert file.get_tensor("offsets.choices").tolist() == [0, 2, 5, 7]
    assert (counts["texts"], counts["unique"], features.unique) == (10, 5, 5)
    for pooling in POOLINGS:
        expected = {text: alone(network, text)[0][pooling] for text in order}
        found = features.vectors("question", pooling), features.vectors("choices", pooling)
        np.testing.assert_allclose(found[0], [expected[question] for question, _ in rows], rtol=0, atol=1e-5)
        np.testing.assert_allclose(found[1], [expected[text] for _, own in rows for text in own], rtol=0, atol=1e-5)


# texts that are too long


def test_long_texts_are_cut_and_counted(tmp_path, bert):
    words = " ".join(WORDS)
    fits, long = " ".join(WORDS[: LIMIT - 2]), " ".join(WORDS[: LIMIT - 1])
    features, counts = encoded(part_of(tmp_path / "a.parquet", [fits, long, words, words, "the cat"]), bert)
    assert counts == {"texts": 5, "unique": 4, "tokens": 3 * LIMIT + 4, "truncated": 2}
    same = features.vectors("text", "mean")
    np.testing.assert_allclose(same[1], same[0], rtol=0, atol=1e-5)  # cut to the words of the first, marks kept
    np.testing.assert_allclose(same[2], same[0], rtol=0, atol=1e-5)


def test_a_language_model_has_no_marks_to_keep(tmp_path, folders):
    network = load_encoder(folders["gpt2"], CPU), load_tokenizer(folders["gpt2"])
    found = [" ".join(WORDS[:LIMIT]), " ".join(WORDS[: LIMIT + 1])]
    features, counts = encoded(part_of(tmp_path / "a.parquet", found), network)
    assert (counts["tokens"], counts["truncated"]) == (2 * LIMIT, 1)
    np.testing.assert_allclose(*features.vectors("text", "last"), rtol=0, atol=1e-5)


def test_no_text_is_longer_than_the_network_has_positions(tmp_path, network):
    part = part_of(tmp_path / "a.parquet", [" ".join(WORDS * 2), "the cat"])
    _, counts = encoded(part, network, tokens=500)
    assert counts["tokens"] == 24 + alone(network, "the cat")[1] and counts["truncated"] == 1


def test_positions_that_are_kept_for_padding_are_none():
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 30}
    model = RobertaModel(RobertaConfig(**sizes, max_position_embeddings=20, pad_token_id=1)).eval()
    limit = encode.token_limit(Encoder(model="tiny", tokens=500), model)
    assert limit == 18
    rows = [[5] * limit, [6] * 3]
    [(places, pooled)] = encode.pooled_batches(model, rows, 100)
    assert places.tolist() == [0, 1]
    with torch.inference_mode():
        expected = [model(input_ids=torch.tensor([row])).last_hidden_state[0].mean(0).numpy() for row in rows]
    np.testing.assert_allclose(pooled["mean"], expected, rtol=0, atol=1e-5)
    assert encode.token_limit(Encoder(model="tiny", tokens=10), model) == 10


# what cannot be encoded


def test_a_part_without_texts_and_a_text_without_a_token(tmp_path, folders):
    network = load_encoder(folders["gpt2"], CPU), load_tokenizer(folders["gpt2"])
    with pytest.raises(UserError, match="a.parquet: expected texts in text, found none"):
        encoded(part_of(tmp_path / "a.parquet", []), network)
    with pytest.raises(UserError, match="the tokenizer makes no token of the text '  '"):
        encoded(part_of(tmp_path / "a.parquet", ["the cat", "  "]), network)
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


# files


def test_files_open_with_safetensors_own_reader(tmp_path, bert):
    rows = [("the cat", ["a dog", "the mat"]), ("a dog", ["the cat", "the mat"])]
    features, _ = encoded(questions(tmp_path / "a.parquet", rows), bert, ("question", "choices"))
    with safe_open(features.path, framework="np") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 (it is no dict)
        for pooling in POOLINGS:
            tensor = file.get_tensor(pooling)
            assert tensor.dtype == np.float32
            for column in ("question", "choices"):
                assert (tensor[file.get_tensor(f"index.{column}")] == features.vectors(column, pooling)).all()
    assert shapes == {
        "cls": [3, 16], "mean": [3, 16], "last": [3, 16], "index.question": [2], "index.choices": [4], "offsets.choices": [3]
    }  # fmt: skip


def test_vectors_are_read_a_block_at_a_time(tmp_path):
    path = tmp_path / "f.safetensors"
    values = np.arange(14, dtype=np.float32).reshape(7, 2)
    with feature_writer(path, 7, 2, {"index.text": np.array([6, 0, 3])}) as vectors:
        for number, pooling in enumerate(POOLINGS):
            vectors[pooling][[4, 5, 6]] = values[4:] + number
            vectors[pooling][[0, 1, 2, 3]] = values[:4] + number
        assert not path.exists()
    features = Features(path)
    assert features.unique == 7
    for number, pooling in enumerate(POOLINGS):
        assert [len(block) for block in features.blocks(pooling, 3)] == [3, 3, 1]
        assert (np.concatenate(list(features.blocks(pooling, 3))) == values + number).all()
        assert features.vectors("text", pooling).tolist() == (values[[6, 0, 3]] + number).tolist()


def test_a_file_says_what_each_of_its_tensors_is(tmp_path):
    path, index = tmp_path / "f.safetensors", {"index.question": np.array([1, 0]), "offsets.choices": np.array([0, 2, 4])}
    with feature_writer(path, 3, 2, index, {"dataset": "Prüfung 好"}):
        pass
    with safe_open(path, framework="np") as file:
        told, tensors = file.metadata(), file.keys()
        assert told.keys() == {"dataset", "unique_texts", "width", *tensors} and told["dataset"] == "Prüfung 好"
        for tensor in tensors:
            assert told[tensor].startswith(str(file.get_slice(tensor).get_shape())), tensor
    assert "of the column question, in the order of rows" in told["index.question"]
    assert "begin in index.choices" in told["offsets.choices"]


def test_a_file_is_whole_or_not_there(tmp_path):
    with pytest.raises(KeyboardInterrupt), feature_writer(tmp_path / "f.safetensors", 2, 2, {"index.text": np.array([0, 1])}):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"no features", (10).to_bytes(8, "little") + b"{}        "])
def test_what_is_no_file_of_features(tmp_path, content):
    path = tmp_path / "f.safetensors"
    path.write_bytes(content)
    with pytest.raises(
        UserError, match="f.safetensors: expected (features in safetensors|the tensors cls, mean, last, found no)"
    ):
        Features(path)
    with pytest.raises(UserError, match="nowhere.safetensors: expected features in safetensors"):
        Features(tmp_path / "nowhere.safetensors")


# the program


def test_the_program_encodes_a_part(tmp_path, folders, monkeypatch, capsys):
    part = part_of(tmp_path / "a.parquet", ["the cat", "a dog", "the cat", " ".join(WORDS)])
    source = {"encoder": "minimal", "dataset": "pets", "part": "test"}
    spec = {
        "encoder": {"model": "tiny", "tokens": LIMIT, "batch_tokens": 64},
        "columns": ["text"],
        "threads": 1,
        "source": source,
    }
    words = ["--model", folders["bert"], "--part", part, "--output", tmp_path / "f.safetensors", "--stats", tmp_path / "f.json"]
    words += ["--spec", json.dumps(spec), "--provenance", tmp_path / "provenance.json"]
    program = CHECKOUT / "scripts" / "encode_texts.py"
    monkeypatch.setattr(sys, "argv", list(map(str, [program, *words])))
    monkeypatch.setattr("relab.device.pick_device", lambda *_: CPU)
    threads = torch.get_num_threads()
    try:
        runpy.run_path(str(program), run_name="__main__")
    finally:
        torch.set_num_threads(threads)
    counts = {"texts": 4, "unique": 3, "tokens": 4 + 4 + LIMIT, "truncated": 1}
    assert json.loads((tmp_path / "f.json").read_text()) == counts
    assert capsys.readouterr().out == "4 texts, 3 of them different, 20 tokens, 1 texts cut, on cpu\n"
    wanted, _ = encoded(part, (load_encoder(folders["bert"], CPU), load_tokenizer(folders["bert"])), batch_tokens=64)
    files = load_file(tmp_path / "f.safetensors"), load_file(wanted.path)
    assert all((files[0][name] == values).all() for name, values in files[1].items()) and files[0].keys() == files[1].keys()
    with safe_open(tmp_path / "f.safetensors", framework="np") as file:
        assert file.metadata().items() >= {**source, "model": "tiny", "unique_texts": "3", "width": "16"}.items()
    assert json.loads((tmp_path / "provenance.json").read_text())["spec"] == spec
