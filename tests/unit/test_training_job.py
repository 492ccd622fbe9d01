"""A training job from files to files: what it writes, what it says of mistakes."""

from __future__ import annotations

import copy
import errno
import json
import math
import os

import pandas as pd
import pytest
import torch
import train_model as program
from safetensors.torch import load_file
from support import tiny_pieces
from support.training import SPEC, TrainingRun, make_corpus, make_tokens
from transformers import AutoModelForCausalLM, AutoTokenizer

from relab import characters, gpt
from relab.corpora.storage import Writer
from relab.device import prepare_device
from relab.errors import UserError, run
from relab.files import read_csv
from relab.sampling import text_seed
from relab.training.history import bits_per_byte, write_history


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("job") / "corpus")


def spec(**training) -> dict:
    changed = copy.deepcopy(SPEC)
    for key, value in training.items():
        if value is None:
            del changed["training"][key]
        else:
            changed["training"][key] = value
    return changed


def start(monkeypatch, job: TrainingRun) -> None:
    monkeypatch.setattr("sys.argv", ["train_model.py", *job.words()])
    threads = torch.get_num_threads()
    try:
        program.main()
    finally:
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def finished(corpus, tmp_path_factory):
    job = TrainingRun(tmp_path_factory.mktemp("finished"), corpus, spec(steps=20))
    with pytest.MonkeyPatch.context() as patch:
        start(patch, job)
    return job


def test_the_model_opens_and_gives_the_best_validation_loss(finished, corpus):
    model = AutoModelForCausalLM.from_pretrained(finished.output).eval()
    tokenizer = AutoTokenizer.from_pretrained(finished.output)
    text = "\n\n".join(pd.read_parquet(corpus / "validation.parquet")["text"])
    tokens = tokenizer(text, return_tensors="pt")["input_ids"][0]
    starts = [(len(tokens) - 17) * index // 7 for index in range(8)]
    blocks = torch.stack([tokens[first : first + 17] for first in starts])
    with torch.no_grad():
        loss = torch.nn.functional.cross_entropy(model(blocks[:, :-1]).logits.flatten(0, 1), blocks[:, 1:].flatten())
    history = read_csv(finished.output / "history.csv")
    assert float(loss) == pytest.approx(history.validation_loss.min())
    best = history.loc[history.validation_loss.idxmin()]
    nats, targets = float(loss) * 8 * 16, "".join(text[first + 1 : first + 17] for first in starts)
    assert best.validation_bits_per_byte == pytest.approx(nats / len(targets.encode()) / math.log(2))
    assert history.folded.tolist() == [False] * 4


def test_the_columns_of_the_history(finished):
    history, speed = (read_csv(finished.output / name) for name in ("history.csv", "speed.csv"))
    assert ",".join(history) == (
        "step,tokens_seen,train_loss,validation_loss,train_bits_per_byte,validation_bits_per_byte,folded,learning_rate"
    )
    assert history.step.tolist() == [0, 7, 14, 20] and speed.step.tolist() == [0, 7, 14, 15, 20]
    assert speed.dropna(subset="sampled_per_second").step.tolist() == [0, 15, 20]
    assert history.tokens_seen.tolist() == [0, 7 * 128, 14 * 128, 20 * 128]
    assert history.train_loss.isna().tolist() == [True, False, False, False]
    assert list(speed) == ["step", "seconds", "tokens_per_second", "sampled_per_second"]


def test_the_texts_sampled_on_the_way(finished):
    lines = (finished.output / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert [(one["step"], one["index"]) for one in records] == [(step, index) for step in (0, 15, 20) for index in (0, 1)]
    tokenizer = AutoTokenizer.from_pretrained(finished.output)
    for one in records:
        assert set(one) == {"step", "index", "prompt", "text", "settings", "seed", "token_ids", "token_logprobs"}
        assert one["prompt"] == "\n"
        assert one["settings"] == {"length": 30, "temperature": 1.0, "top_k": 10}
        assert one["seed"] == text_seed(3, one["step"], one["index"])
        assert len(one["text"]) == len(one["token_ids"]) == len(one["token_logprobs"]) == 30
        assert tokenizer.decode(one["token_ids"]) == one["text"]
        assert max(one["token_logprobs"]) < 0
    assert len({one["text"] for one in records}) == len(records)


def test_texts_of_pieces_sampled_on_the_way_are_not_glued_to_their_prompt(tmp_path, monkeypatch):
    pieces = tiny_pieces.tokenizer()
    folder = tmp_path / "tales"
    for split in ("train", "validation"):
        folder.mkdir(exist_ok=True)
        with Writer(folder / f"{split}.parquet") as writer:
            for text in tiny_pieces.TALES:
                writer.add(text)
        characters.save(pieces, folder / "tokenizer")
        make_tokens(folder, split)
    samples = {"every": 2, "length": 4, "number": 16, "prompt": "Once upon a time"}
    job = TrainingRun(tmp_path / "run", folder, spec(steps=2, samples=samples))
    start(monkeypatch, job)
    records = [json.loads(line) for line in (job.output / "samples.jsonl").read_text(encoding="utf-8").splitlines()]
    words = [one for one in records if pieces.convert_ids_to_tokens(one["token_ids"][0]).startswith("\u2581")]
    assert words and len(words) < len(records)
    assert all(one["text"].startswith(" ") for one in words)
    marked = [one for one in records if pieces.eos_token_id in one["token_ids"]]
    assert all("<eos>" in one["text"] for one in marked)


def test_the_record_tells_of_the_training(finished):
    told = finished.provenance()
    assert told["attempts"] == 1 and told["seed"] == 3 and told["device"] == "cpu"
    assert told["segments"] == [{"attempt": 1, "from_step": 0, "device": "cpu", "code": "abc"}]
    assert told["best_step"] in (0, 7, 14, 20)
    assert told["parameters"] == sum(one.numel() for one in load_file(finished.output / "model.safetensors").values())
    written = {str(path) for path in finished.output.rglob("*") if path.is_file()}
    assert written - set(told["outputs"]) == {str(finished.output / "model.safetensors.provenance.json")}


def test_the_loss_over_documents_is_that_of_each_alone(tmp_path, monkeypatch):
    words = make_corpus(tmp_path / "words", separator=" ")
    job = TrainingRun(tmp_path / "run", words, spec(reading="documents", samples=None))
    start(monkeypatch, job)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(job.output).eval(), AutoTokenizer.from_pretrained(job.output)
    texts = pd.read_parquet(words / "validation.parquet")["text"].tolist()
    kept = [text[:17] for text in texts if len(text) > 1]
    alone = len(texts) - len(kept)
    assert alone and f"validation.arrow: {alone} documents of fewer than two tokens are left out" in job.log(1)
    losses, chosen = [], [kept[(len(kept) - 1) * index // 7] for index in range(8)]
    for text in chosen:
        ids = tokenizer(text, return_tensors="pt")["input_ids"][0]
        with torch.no_grad():
            losses.append(torch.nn.functional.cross_entropy(model(ids[None, :-1]).logits[0], ids[1:], reduction="none"))
    loss = float(torch.cat(losses).mean())
    history = read_csv(job.output / "history.csv")
    best = history.loc[history.validation_loss.idxmin()]
    assert best.validation_loss == pytest.approx(loss)
    size = len("".join(text[1:] for text in chosen).encode())
    assert best.validation_bits_per_byte == pytest.approx(float(torch.cat(losses).sum()) / size / math.log(2))


def test_without_sampling_the_log_of_texts_is_empty(corpus, tmp_path, monkeypatch):
    job = TrainingRun(tmp_path, corpus, spec(steps=1, samples=None))
    start(monkeypatch, job)
    assert (job.output / "samples.jsonl").read_bytes() == b""


def test_best_and_last_weights_differ_where_the_last_are_not_the_best(corpus, tmp_path, monkeypatch):
    job = TrainingRun(tmp_path, corpus, spec(steps=3, learning_rate=5.0, samples=None, schedule=None, clip=None))
    start(monkeypatch, job)
    assert job.provenance()["best_step"] == 0
    best, last = (load_file(job.output / name) for name in ("model.safetensors", "last/model.safetensors"))
    assert best.keys() == last.keys()
    assert not torch.equal(best["transformer.wte.weight"], last["transformer.wte.weight"])
    AutoModelForCausalLM.from_pretrained(job.output / "last")


def test_outputs_that_cannot_be_written_are_all_that_is_done_again(finished, corpus, tmp_path, monkeypatch, capsys):
    job = TrainingRun(tmp_path, corpus, finished.spec)

    def full(model, tokenizer, directory):
        raise OSError(errno.ENOSPC, "No space left on device", str(directory))

    with monkeypatch.context() as patch:
        patch.setattr(gpt, "save", full)
        patch.setattr("sys.argv", ["train_model.py", *job.words()])
        with pytest.raises(SystemExit, match="error: the disk is full while writing .*/last; free some space"):
            run(program.main)
    assert job.checkpoints()
    start(monkeypatch, job)
    assert "goes on from step 20 of 20" in job.log(2)
    assert job.files() == finished.files()
    assert not job.checkpoints()


def refuse(monkeypatch, job: TrainingRun) -> str:
    with pytest.raises(UserError) as caught:
        start(monkeypatch, job)
    assert not job.output.exists()
    return str(caught.value)


def test_a_block_longer_than_the_corpus_is_refused(corpus, tmp_path, monkeypatch):
    long = spec()
    long["architecture"]["block"] = 100_000
    told = refuse(monkeypatch, TrainingRun(tmp_path, corpus, long))
    expected = "models.ruth.architecture.block: expected fewer than the "
    assert told.startswith(expected) and told.endswith(f" tokens of the train text of the corpus {corpus.name}, found 100000")


def test_a_corpus_without_a_document_of_two_tokens_is_refused(tmp_path, monkeypatch):
    letters = make_corpus(tmp_path / "letters")
    with Writer(letters / "validation.parquet") as writer:
        writer.add("e")
    make_tokens(letters, "validation")
    told = refuse(monkeypatch, TrainingRun(tmp_path / "run", letters, spec(reading="documents")))
    assert told == f"{letters}/validation.arrow: expected documents of at least two tokens, found none among 1"


def test_a_prompt_that_the_tokenizer_cannot_write_is_refused_before_training(corpus, tmp_path, monkeypatch):
    job = TrainingRun(tmp_path, corpus, spec(samples={"every": 5, "prompt": "☃"}))
    assert refuse(monkeypatch, job).startswith("models.ruth.training.samples.prompt: character '☃'")
    assert not job.checkpoints()


def test_settings_that_do_not_fit_are_refused(corpus, tmp_path, monkeypatch):
    assert "training.steps" in refuse(monkeypatch, TrainingRun(tmp_path, corpus, spec(steps=0)))
    assert "unknown key" in refuse(monkeypatch, TrainingRun(tmp_path, corpus, {**SPEC, "speed": 1}))


def test_another_c_library_is_no_obstacle(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    prepare_device(torch.device("cpu"), torch.get_num_threads())


def test_on_cuda_deterministic_kernels_are_taken(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    try:
        prepare_device(torch.device("cuda"), torch.get_num_threads())
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ.pop("CUBLAS_WORKSPACE_CONFIG") == ":4096:8"
    finally:
        torch.use_deterministic_algorithms(False)


def test_bits_per_byte_of_a_case_computed_by_hand():
    # 4 nats a token, 30 tokens in 60 bytes: 2 nats a byte, 2 / ln 2 bits
    assert bits_per_byte(4.0 * 30, 60) == pytest.approx(2.8853900817779268)
    assert bits_per_byte(None, 60) is bits_per_byte(4.0, 0) is None


def test_losses_are_written_with_all_their_digits(tmp_path):
    row = {"step": 1, "tokens_seen": 64, "train_loss": 0.1 + 0.2, "validation_loss": 1 / 3, "learning_rate": 5e-4}
    sampling = [{"step": step, "sampled_per_second": 10.0} for step in (1, 3)]
    write_history(tmp_path, [row], [{"step": 1, "seconds": 1.23456, "tokens_per_second": None}], sampling)
    assert (tmp_path / "history.csv").read_text().splitlines()[1] == "1,64,0.30000000000000004,0.3333333333333333,,,,0.0005"
    assert (tmp_path / "speed.csv").read_text().splitlines()[1:] == ["1,1.235,,10.0", "3,,,10.0"]
