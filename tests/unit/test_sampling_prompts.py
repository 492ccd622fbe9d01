"""What a model reads of a prompt: as it stands, in a template or a chat, as the source of a target; where prompts come from."""

from __future__ import annotations

import json
import runpy
import sys

import pytest
import torch
from support import sampled_texts
from support.tiny_gpt2 import FOLDER
from tokenizers import processors
from transformers import BartConfig, BartForConditionalGeneration

from relab.checkpoints import load_model, load_tokenizer
from relab.corpora.storage import Writer
from relab.datasets import storage
from relab.encoding import opening_tokens
from relab.errors import UserError
from relab.published.model import import_model
from relab.sampling.prompts import LanguageModel, build_prompts
from relab.sampling.texts import sample_records
from relab.settings.base import canonical, spec
from relab.settings.samplings import Sampling
from relab.texts.arguments import keyword_arguments
from relab.texts.samples import read_texts

CHAT = (
    "{% for message in messages %}<|endoftext|>{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|endoftext|>assistant: {% endif %}"
)
POSITIONS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    import_model(sorted(FOLDER.glob("*.*")), folder)
    return folder


def opened(folder, chat=None, around=None):
    """The tests' published model with a chat template, and with a token that its tokenizer puts around texts."""
    tokenizer = load_tokenizer(folder)
    tokenizer.chat_template = chat
    if around:
        special = [(tokenizer.eos_token, tokenizer.eos_token_id)]
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(single=around, special_tokens=special)
    return LanguageModel(load_model(folder, torch.device("cpu")), tokenizer)


@pytest.fixture(scope="module")
def plain(folder):
    return opened(folder)


@pytest.fixture(scope="module")
def chatting(folder):
    return opened(folder, CHAT, "<|endoftext|> $A")


@pytest.fixture(scope="module")
def encoder_decoder(folder):
    """An encoder–decoder of few positions, whose tokenizer puts an end behind every text."""
    lm = opened(folder, around="$A <|endoftext|>")
    torch.manual_seed(0)
    end, sizes = lm.tokenizer.eos_token_id, {"encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "decoder_ffn_dim": 16}
    special = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": end}
    config = BartConfig(
        vocab_size=len(lm.tokenizer), d_model=16, max_position_embeddings=POSITIONS, init_std=0.2, forced_eos_token_id=None,
        **sizes, **heads, **special,
    )  # fmt: skip
    return LanguageModel(BartForConditionalGeneration(config).eval(), lm.tokenizer)


def settings(**more):
    return Sampling(**{"model": "m", "prompts": ["the house"], "methods": {"greedy": {}}, "length": 5, **more})


def records(lm, files=(), **more):
    asked = settings(**more)
    return list(sample_records(asked, lm, build_prompts(asked, lm, files)))


def by_method(lm, methods, **more):
    return {record["method"]: record for record in records(lm, methods=methods, **more)}


def test_templates_share_the_prompt_and_ask_by_different_texts(chatting):
    methods = {"plain": {}, "rewrite": {"template": "Rewrite: {source}"}, "short": {"template": "{source}\nTL;DR:"}}
    found = by_method(chatting, methods, prompts=["the {house}", "a bird"])
    assert {name: record["asked"] for name, record in found.items()} == {
        "plain": None,
        "rewrite": "Rewrite: a bird",
        "short": "a bird\nTL;DR:",
    }
    assert {(record["prompt"], record["prompt_index"], record["row"]) for record in found.values()} == {("a bird", 1, None)}
    for record in found.values():
        assert record["prompt_ids"] == chatting.tokenizer(record["asked"] or record["prompt"])["input_ids"]
    assert records(chatting, prompts=["the {house}"], methods=methods)[1]["asked"] == "Rewrite: the {house}"


def test_a_method_is_not_changed_by_how_others_ask(chatting):
    drawn = {"do_sample": True, "temperature": 3.0}
    alone = records(chatting, methods={"drawn": drawn}, number=3)
    beside = records(chatting, methods={"chat": {**drawn, "chat": True}, "drawn": drawn}, number=3)
    tokens = [record["token_ids"] for record in beside if record["method"] == "drawn"]
    assert tokens == [record["token_ids"] for record in alone] and tokens[0] != tokens[1]


def test_methods_that_ask_alike_use_the_same_random_numbers(chatting):
    asked = {"do_sample": True, "temperature": 3.0, "template": "Say {source}"}
    found = by_method(chatting, {"all": asked, "also all": {**asked, "top_k": len(chatting.tokenizer)}, "plain": {}})
    assert found["all"]["token_ids"] == found["also all"]["token_ids"]


@pytest.mark.parametrize("system", [None, "Be brief."])
def test_a_chat_is_what_the_chat_template_makes_of_it(chatting, system):
    method = {"chat": True, "template": "Rewrite: {source}", **({"system": system} if system else {})}
    (record,) = records(chatting, methods={"chat": method})
    messages = [{"role": "user", "content": "Rewrite: the house"}]
    messages = [*([{"role": "system", "content": system}] if system else []), *messages]
    options = {"tokenizer_kwargs": {"split_special_tokens": False}, "add_generation_prompt": True, "return_dict": False}
    expected = chatting.tokenizer.apply_chat_template(messages, **options)
    assert record["prompt_ids"] == expected
    start = chatting.tokenizer.eos_token_id
    assert opening_tokens(chatting.tokenizer) == [start] and record["prompt_ids"].count(start) == len(messages) + 1
    assert record["asked"] == chatting.tokenizer.decode(expected) and record["prompt"] == "the house"
    assert record["text"] == chatting.tokenizer.decode(record["token_ids"], skip_special_tokens=True)


def test_a_chat_without_a_template_and_one_that_refuses_are_told(plain, folder):
    with pytest.raises(UserError, match=r"^methods\.b\.chat: expected a model whose tokenizer has a chat template"):
        records(plain, methods={"a": {}, "b": {"chat": True}})
    refusing = opened(folder, "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}hi")
    assert by_method(refusing, {"b": {"chat": True}})["b"]["asked"] == "hi"
    with pytest.raises(UserError, match=r"^methods\.b\.chat: .*refuses the messages \(no system role\)"):
        records(refusing, methods={"b": {"chat": True, "system": "Be brief."}})


def pairs(path, number):
    rows = [{"source": f"the house {row}", "target": "x", "references": []} for row in range(number)]
    storage.write(path, rows, storage.PAIRS)
    return path


@pytest.mark.parametrize(("asked", "expected"), [(None, range(7)), (7, range(7)), (3, [0, 2, 4]), (1, [0])])
def test_sources_of_a_data_set_are_evenly_spread_rows(plain, tmp_path, asked, expected):
    path = pairs(tmp_path / "test.parquet", 7)
    found = records(plain, [path], prompts={"dataset": "pairs", "number": asked})
    assert [record["row"] for record in found] == list(expected)
    sources = storage.read(path)["source"]
    assert [record["prompt"] for record in found] == [sources[record["row"]] for record in found]
    assert [record["prompt_index"] for record in found] == list(range(len(found)))


def test_preferences_give_their_prompts(plain, tmp_path):
    path = tmp_path / "test.parquet"
    storage.write(path, [{"prompt": "the house", "chosen": " a", "rejected": " b"}], storage.PREFERENCES)
    (record,) = records(plain, [path], prompts={"dataset": "liked"})
    assert record["prompt"] == "the house" and record["row"] == 0


def test_a_prompt_that_stands_in_two_rows_has_two_texts_and_other_rows_change_neither(plain, tmp_path):
    answers = {"chosen": " a", "rejected": " b"}
    prompts, drawn = ["the house", "a house", "the house"], {"drawn": {"do_sample": True}}
    texts = {}
    for rows in (prompts, prompts[:1] + prompts[2:]):
        path = tmp_path / "test.parquet"
        storage.write(path, [{"prompt": prompt, **answers} for prompt in rows], storage.PREFERENCES)
        sampled = records(plain, [path], prompts={"dataset": "liked"}, methods=drawn, length=12)
        texts[len(rows)] = [record["token_ids"] for record in sampled if record["prompt"] == "the house"]
    assert texts[3] == texts[2] and texts[3][0] != texts[3][1]


def test_more_sources_than_there_are_and_no_file_are_told(plain, tmp_path):
    with pytest.raises(UserError, match=r"test\.parquet: expected 8 rows \(prompts\.number\), found 7"):
        records(plain, [pairs(tmp_path / "test.parquet", 7)], prompts={"dataset": "pairs", "number": 8})
    with pytest.raises(UserError, match="expected the files that they are taken from"):
        records(plain, prompts={"dataset": "pairs"})


def test_each_file_is_one_text(plain, tmp_path):
    (tmp_path / "a.txt").write_bytes("the café\r\n\r\nof the bird\r\n".encode())
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbfa house ")
    found = records(plain, [tmp_path / "a.txt", tmp_path / "b.txt"], prompts={"asset": "articles"})
    assert [record["prompt"] for record in found] == ["the café\n\nof the bird", "a house "]
    (tmp_path / "b.txt").write_bytes("café".encode("latin-1"))
    with pytest.raises(UserError, match=r"b\.txt, line 1, byte 3: expected text in UTF-8"):
        records(plain, [tmp_path / "b.txt"], prompts={"asset": "articles"})


def test_beginnings_of_documents_go_through_templates_too(plain, tmp_path):
    with Writer(tmp_path / "c.parquet") as writer:
        writer.add("The bird goes on and on about the sea and the house.")
    prompts = {"corpus": "c", "number": 1, "tokens": 4, "human": "people"}
    found = by_method(
        plain, {"plain": {}, "asked": {"template": "> {source}"}}, prompts=prompts, files=[tmp_path / "c.parquet"]
    )
    assert found["asked"]["asked"] == "> " + found["plain"]["prompt"] and found["plain"]["asked"] is None
    assert found["people"]["prompt_ids"] == found["plain"]["prompt_ids"] != found["asked"]["prompt_ids"]


def test_an_encoder_decoder_reads_the_source_with_its_end_and_answers_alone(encoder_decoder):
    found = by_method(encoder_decoder, {"plain": {"do_sample": True}, "beams": {"num_beams": 2, "template": "Say: {source}"}})
    tokenizer = encoder_decoder.tokenizer
    for record in found.values():
        assert record["prompt_ids"] == tokenizer(record["asked"] or "the house")["input_ids"]
        assert record["prompt_ids"][-1] == tokenizer.eos_token_id
        assert record["text"] == tokenizer.decode(record["token_ids"], skip_special_tokens=True)


def test_a_source_longer_than_the_encoder_is_cut_at_its_end(encoder_decoder):
    long, short = "the house of the bird and the merchant of Syracuse, condemned", "the house"
    prompts = build_prompts(settings(prompts=[long, short]), encoder_decoder)
    (first, second) = (prompt.inputs["greedy"] for prompt in prompts)
    whole = encoder_decoder.tokenizer(long)["input_ids"]
    assert first.token_ids == [*whole[: POSITIONS - 1], encoder_decoder.tokenizer.eos_token_id]
    assert (first.cut, second.cut) == (len(whole) - POSITIONS, 0)
    assert second.token_ids == encoder_decoder.tokenizer(short)["input_ids"]  # nothing stays cut


def test_an_encoder_decoder_has_nothing_to_do_with_empty_texts_and_beginnings(encoder_decoder, tmp_path):
    with pytest.raises(UserError, match=r"^prompts\.0: the text is empty"):
        records(encoder_decoder, prompts=[""])
    with pytest.raises(UserError, match=r"^prompts\.corpus: .*found an encoder–decoder"):
        records(encoder_decoder, [tmp_path / "c.parquet"], prompts={"corpus": "c", "number": 1, "tokens": 4})


def test_the_program_reads_a_data_set_and_readers_read_its_records(folder, tmp_path, monkeypatch, checkout):
    methods = {"b": {"template": "Say {source}", "do_sample": True}, "a": {}}
    job = {**spec(settings(prompts={"dataset": "pairs", "number": 2}, methods=methods)), "order": ["b", "a"], "threads": 1}
    path = pairs(tmp_path / "test.parquet", 4)
    output = tmp_path / "texts.jsonl"
    words = ["--model", folder, "--dataset", path, "--output", output, "--spec", canonical(job)]
    words += ["--provenance", tmp_path / "p.json"]
    monkeypatch.setattr(sys, "argv", ["sample_texts.py", *map(str, words)])
    runpy.run_path(str(checkout / "scripts/sample_texts.py"), run_name="__main__")
    lines = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [(line["method"], line["row"], line["asked"]) for line in lines] == [
        ("b", 0, "Say the house 0"),
        ("a", 0, None),
        ("b", 2, "Say the house 2"),
        ("a", 2, None),
    ]
    texts = read_texts(output)
    assert texts.prompts == ["the house 0", "the house 2"]
    assert [(text.row, text.asked) for text in texts.methods["b"]] == [(0, "Say the house 0"), (2, "Say the house 2")]
    shown = "do_sample=True, template='Say {source}'"
    assert [keyword_arguments(texts.methods[name][0].settings) for name in "ba"] == [shown, "do_sample=False"]


def test_records_of_before_are_read(tmp_path):
    path = sampled_texts.write(tmp_path / "old.jsonl", [sampled_texts.line("greedy", 0, [1, 2])])
    (text,) = read_texts(path).texts
    assert text.row is None and text.asked is None and keyword_arguments(text.settings) == "do_sample=False"
