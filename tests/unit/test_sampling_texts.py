"""Samplings from settings to records, on the tests' published model."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from support import tiny_pieces
from support.tiny_gpt2 import FOLDER

from relab import gpt
from relab.checkpoints import load_model, load_tokenizer
from relab.errors import UserError
from relab.published.model import import_model
from relab.sampling.prompts import LanguageModel, build_prompts
from relab.sampling.texts import max_tokens, sample_records
from relab.scoring import logprobs
from relab.settings.models import Architecture
from relab.settings.samplings import Sampling

METHODS = {"greedy": {}, "warm": {"do_sample": True}, "hot": {"do_sample": True, "temperature": 3.0}, "beams": {"num_beams": 2}}


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    import_model(sorted(FOLDER.glob("*.*")), folder)
    return LanguageModel(load_model(folder, torch.device("cpu")), load_tokenizer(folder))


def settings(**more):
    return Sampling(**{"model": "m", "prompts": ["ab", "the house"], "methods": METHODS, "length": 5, "number": 2, **more})


def records(lm, **more):
    one = settings(**more)
    return list(sample_records(one, lm, build_prompts(one, lm)))


def test_records_come_by_prompt_method_and_number(lm):
    found = records(lm)
    names = ["greedy", "warm", "warm", "hot", "hot", "beams"]
    assert [one["method"] for one in found] == names * 2
    assert [one["prompt_index"] for one in found] == [0] * 6 + [1] * 6
    assert [one["index"] for one in found] == [0, 0, 1, 0, 1, 0] * 2
    for one in found:
        assert one["prompt_ids"] == lm.tokenizer(one["prompt"])["input_ids"]
        assert len(one["token_ids"]) == len(one["token_logprobs"]) <= 5
        assert one["text"] == lm.tokenizer.decode(one["token_ids"], skip_special_tokens=True)
    assert found[1]["token_ids"] != found[2]["token_ids"]
    assert max_tokens(settings(), 2) == 60


def test_a_text_depends_on_its_prompt_method_seed_and_number_alone(lm):
    whole = {(one["prompt"], one["method"], one["index"]): one["token_ids"] for one in records(lm)}
    other = records(lm, prompts=["another", "the house"], methods={"warm": METHODS["warm"]}, number=1)
    assert other[1]["token_ids"] == whole["the house", "warm", 0]
    assert records(lm, seed=1)[1]["token_ids"] != whole["ab", "warm", 0]


def test_where_texts_may_not_end_the_end_of_text_is_never_chosen(lm):
    (end,) = lm.ends()
    several = {"length": 40, "number": 20, "methods": {"hot": {"do_sample": True, "temperature": 9.0}}}
    assert any(one["ended"] for one in records(lm, **several))
    kept = records(lm, stop=False, **several)
    assert not any(one["ended"] or end in one["token_ids"] for one in kept)
    assert {len(one["token_ids"]) for one in kept} == {40}


def test_the_empty_prompt_is_the_start_of_text(lm):
    (first, *_) = records(lm, prompts=[""])
    assert first["prompt_ids"] == [lm.tokenizer.bos_token_id] and first["prompt"] == ""


def corpus(path, texts):
    pq.write_table(pa.table({"text": texts}), path)
    return path


def test_prompts_from_a_corpus_and_what_people_wrote_after_them(lm, tmp_path):
    texts = [f"{place}: a document goes on and on about the sea." for place in range(9)]
    path = corpus(tmp_path / "c.parquet", ["short", *texts])
    one = settings(prompts={"corpus": "c", "number": 3, "tokens": 4, "human": "people"}, methods={"greedy": {}})
    prompts = build_prompts(one, lm, [path])
    found = list(sample_records(one, lm, prompts))
    assert [record["method"] for record in found] == ["greedy", "people"] * 3
    for record in found[1::2]:
        assert any(text.startswith(record["prompt"] + record["text"]) for text in texts)
        assert record["settings"] is None and len(record["token_ids"]) == 5
        (expected,) = logprobs(lm.model, [(record["prompt_ids"], record["token_ids"])])
        assert record["token_logprobs"] == pytest.approx(expected, abs=1e-5)
    assert len({record["prompt"] for record in found}) == 3


def test_too_few_long_documents_are_told(lm, tmp_path):
    one = settings(prompts={"corpus": "c", "number": 3, "tokens": 4})
    with pytest.raises(UserError, match="expected 3 documents of at least 9 tokens .*, found 1"):
        build_prompts(one, lm, [corpus(tmp_path / "c.parquet", ["short", "A longer document about the sea."])])


def test_texts_of_pieces_are_not_glued_to_their_prompts(tmp_path):
    torch.manual_seed(0)
    pieces = tiny_pieces.tokenizer()
    model = gpt.build(Architecture(width=8, layers=1, heads=1, block=32, initializer_range=0.5), len(pieces)).eval()
    whole = LanguageModel(model, pieces)
    prompts = ["Once upon a time", "Once upon a time "]
    bare, spaced = (records(whole, prompts=[prompt], methods={"warm": {"do_sample": True}}, number=24) for prompt in prompts)
    begun = {one["token_ids"][0]: one for one in bare}
    words = [one for token, one in begun.items() if pieces.convert_ids_to_tokens(token).startswith("\u2581")]
    assert words and len(words) < len(begun)
    for one in words:
        assert one["text"].startswith(" ")
    for one, other in zip(bare, spaced, strict=True):  # the tokenizer makes the same of both
        assert one["token_ids"] == other["token_ids"]
        assert other["text"] == one["text"].removeprefix(" ")


def test_prompts_from_a_corpus_end_where_a_character_does(lm, tmp_path):
    text = "\u6b7b" * 12  # three bytes each, a token of the tests' tokenizer each
    path = corpus(tmp_path / "c.parquet", [text])
    for tokens, characters in ((3, 1), (4, 1), (5, 1), (6, 2), (2, None)):
        one = settings(prompts={"corpus": "c", "number": 1, "tokens": tokens, "human": "people"}, methods={"greedy": {}})
        (prompt,) = build_prompts(one, lm, [path])
        if characters is None:  # there is no earlier end
            assert len(prompt.inputs["greedy"].token_ids) == 1
            continue
        assert (prompt.text, len(prompt.inputs["greedy"].token_ids), len(prompt.human)) == (
            "\u6b7b" * characters,
            3 * characters,
            5,
        )
        *_, people = sample_records(one, lm, [prompt])
        assert people["text"].startswith("\u6b7b")
