"""Judging texts: which tokens count, the same as one text at a time, human texts, the file of judgements."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import torch
from support.sampled_texts import line, settings
from support.sampled_texts import write as write_samples
from support.tiny_gpt2 import CONTEXT, FOLDER, tokenizer
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from relab import characters, scoring
from relab.checkpoints import load_model
from relab.corpora.storage import Writer
from relab.errors import UserError
from relab.judging.human import human_texts, shortened
from relab.judging.job import judgements
from relab.judging.judge import judged
from relab.judging.names import HUMAN
from relab.judging.storage import check_sources, read_judgements, start_of, write_judgements
from relab.rows.judged_texts.measure import texts_to_judge
from relab.texts.samples import read_samplings

STORY = "Once upon a time there was a merchant of Syracuse, condemned to die."
PAIRS = [
    ("Once upon a time", " there was a merchant of Syracuse."),
    ("", "O, had the gods done so!"),
    ("Hap", "less Aegeon"),
    ("Once upon a time", ""),
    ("Proceed, ", "é naïf — 死"),
    ("Once upon a time", " there was a merchant of Syracuse."),
    ("Solinus", " a"),
]


@pytest.fixture(scope="module")
def judge():
    return load_model(FOLDER, torch.device("cpu")), tokenizer()


@pytest.fixture(scope="module")
def unstarted(judge):
    """The same judge without a start-of-text token, in model and tokenizer."""
    model, own = load_model(FOLDER, torch.device("cpu")), judge[1]
    model.config.bos_token_id = model.generation_config.bos_token_id = None
    bare = {**json.loads(own.backend_tokenizer.to_str()), "added_tokens": []}
    return model, PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(bare)))


def alone(model, own, prompt, text, start):
    """One text by itself: the log-probabilities of the tokens that reach beyond the prompt."""
    found = own(prompt + text, add_special_tokens=False, return_offsets_mapping=True)
    ids = [*start, *found["input_ids"]]
    with torch.no_grad():
        logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    counted = [place for place, (_, end) in enumerate(found["offset_mapping"]) if end > len(prompt) and place + len(start)]
    return [logprobs[place + len(start) - 1, found["input_ids"][place]].item() for place in counted]


@pytest.mark.parametrize("tokens", [None, 1, 60])
def test_each_text_is_judged_as_by_a_plain_loop_over_single_texts(judge, tokens):
    found = judged(*judge, PAIRS, tokens)
    for (prompt, text), one in zip(PAIRS, found, strict=True):
        assert one.logprobs == pytest.approx(alone(*judge, prompt, text, [judge[1].bos_token_id]), abs=1e-4)
        assert (one.tokens, one.characters, one.cut) == (len(one.logprobs), len(text), False)
    assert found[3].logprobs == [] and len(found[4].logprobs) > len(PAIRS[4][1])  # a character of several tokens


def test_a_token_that_straddles_prompt_and_text_counts_and_the_prompts_own_do_not(judge):
    ids = judge[1]("the merchant", add_special_tokens=False)["input_ids"]
    whole, after, within = judged(*judge, [("", "the merchant"), ("the", " merchant"), ("the m", "erchant")])
    assert len(whole.logprobs) == len(ids)
    assert after.logprobs == pytest.approx(whole.logprobs[len(whole.logprobs) - after.tokens :], abs=1e-5)
    ends = [end for _, end in judge[1]("the merchant", return_offsets_mapping=True)["offset_mapping"]]
    assert within.tokens == sum(end > 5 for end in ends) and within.characters == 7


def test_without_a_start_token_and_a_prompt_the_first_token_is_not_scored(unstarted):
    own = unstarted[1]
    bare, prompted = judged(*unstarted, [("", STORY[:40]), (STORY[:16], STORY[16:40])])
    offsets = own(STORY[:40], return_offsets_mapping=True)["offset_mapping"]
    assert bare.tokens == len(offsets) - 1 and bare.characters == 40 - offsets[0][1]
    assert bare.logprobs == pytest.approx(alone(*unstarted, "", STORY[:40], []), abs=1e-4)
    assert prompted.characters == 24
    one = judged(*unstarted, [("", "O")])[0]  # a single token
    assert (one.tokens, one.characters, one.cut) == (0, 0, False)


def test_the_same_prompt_and_text_are_read_once_and_progress_tells_what_is_done(judge, monkeypatch):
    read, done = [], []
    real = scoring.logprobs
    monkeypatch.setattr(
        "relab.judging.judge.logprobs", lambda model, pairs, *more: read.extend(pairs) or real(model, pairs, *more)
    )
    found = judged(*judge, PAIRS, progress=done.append)
    assert len(read) == len(set(PAIRS)) - 1  # and the empty text not at all
    assert done == [2, 5] and found[0] == found[5]


def test_a_text_beyond_the_context_is_cut_there(judge):
    long = STORY * 4
    own = judge[1](long, add_special_tokens=False, return_offsets_mapping=True)
    assert len(own["input_ids"]) > CONTEXT
    (one,) = judged(*judge, [("", long)])
    assert one.cut and one.tokens == CONTEXT  # the start token and all but the last are read
    assert one.characters == own["offset_mapping"][CONTEXT - 1][1]
    with torch.no_grad():
        ids = torch.tensor([[judge[1].bos_token_id, *own["input_ids"][: CONTEXT - 1]]])
        last = judge[0](ids).logits[0, -1].log_softmax(-1)[own["input_ids"][CONTEXT - 1]].item()
    assert one.logprobs[-1] == pytest.approx(last, abs=1e-4)
    (none,) = judged(*judge, [(long, " and")])  # the prompt fills the context by itself
    assert (none.cut, none.tokens, none.characters) == (True, 0, 0)


def test_a_judge_that_cannot_judge_is_told_in_a_sentence(judge):
    class Slow:
        is_fast = False

    with pytest.raises(UserError, match="the judge's tokenizer: expected one that tells where tokens lie, found Slow"):
        judged(judge[0], Slow(), PAIRS)
    with pytest.raises(UserError, match="text 2: character 'z' .* is not among the 2 characters of the tokenizer"):
        judged(judge[0], characters.build("ab"), [("", "ab"), ("a", "bz")])
    broken = load_model(FOLDER, torch.device("cpu"))
    with torch.no_grad():
        broken.transformer.ln_f.weight.fill_(float("nan"))
    with pytest.raises(UserError, match="text 1: the judge's log-probabilities are not numbers"):
        judged(broken, judge[1], PAIRS)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (13, "one two three"),
        (12, "one two"),
        (8, "one two"),
        (7, "one two"),
        (6, "one"),
        (3, "one"),
        (2, "on"),
        (99, "one two three"),
    ],
)
def test_texts_are_cut_to_where_a_word_ends(length, text):
    assert shortened("one two three", length) == text


@pytest.fixture
def validation(tmp_path):
    path = tmp_path / "validation.parquet"
    with Writer(path) as writer:
        for number in range(10):
            writer.add(f" {number} " + "word " * number)  # 1 + 5 a number of characters, but for blanks around
    return path


def test_human_texts_are_as_long_as_the_texts_of_all_methods(tmp_path):
    path = tmp_path / "validation.parquet"
    with Writer(path) as writer:
        for _ in range(60):
            writer.add("ab " * 100)
    methods = [*[30] * 16, *[90] * 16, *[0] * 4, *[150] * 16, *[240] * 16]
    found = human_texts(path, methods, 16)
    assert Counter(len(one) for one in found) == {29: 4, 89: 4, 149: 4, 239: 4}  # back to where a word ends
    assert sorted(map(len, human_texts(path, list(reversed(methods)), 16))) == sorted(map(len, found))  # in whatever order
    positions = [index for index, one in enumerate(found) if len(one) < 100]
    assert min(positions) < 5 and max(positions) > 10  # short and long ones among each other


def test_human_texts_are_not_of_long_documents_where_short_ones_do(tmp_path):
    path = tmp_path / "validation.parquet"
    with Writer(path) as writer:
        for number in range(400):
            writer.add(f"{number} " + "word " * (5 if number % 4 else 400))  # a quarter is long
    found = human_texts(path, [*[20] * 39, 1500], 40)
    numbers = [int(one.split()[0]) for one in found]
    long = [number for number, one in zip(numbers, found, strict=True) if len(one) > 1000]
    assert len(set(numbers)) == 40 and numbers == sorted(numbers) and len(long) == 1 and long[0] % 4 == 0
    short = [number for number in numbers if number not in long]
    assert 5 <= sum(number % 4 == 0 for number in short) <= 15  # about a quarter
    assert [sum(number // 100 == part for number in short) > 4 for part in range(4)] == [True] * 4


def test_human_texts_want_long_documents_for_long_texts_alone(validation):
    # of at least 31 characters are the documents 6, 7, 8 and 9, of at least 46 the last one
    assert "9" + " word" * 9 in human_texts(validation, [46, *[6] * 6], 7)
    with pytest.raises(UserError, match=r"validation.parquet: expected 5 documents of at least 31 characters, .* found 4"):
        human_texts(validation, [31], 5)
    with pytest.raises(UserError, match=r"expected 2 documents of at least 46 characters, .* found 1$"):
        human_texts(validation, [46, 6, 46], 3)
    with pytest.raises(UserError, match="found only empty ones"):
        human_texts(validation, [0], 3)


SAMPLES = [
    line("hot", 0, [1, 2], 0, text=" there was", prompt="Once", settings=settings(do_sample=True)),
    line("hot", 0, [1, 2], 1, text="", prompt="Once", settings=settings(do_sample=True)),
    line("cold", 0, [1, 2], text=" a merchant", prompt="Once"),
]


@pytest.fixture
def samplings(tmp_path):
    return read_samplings([write_samples(tmp_path / "samples/grid.jsonl", SAMPLES)], ["grid"])


def test_judgements_are_written_and_read_by_source_and_method(judge, samplings, tmp_path):
    made = judgements(*judge, texts_to_judge(samplings, ["A tale.", "Another"]))
    write_judgements(tmp_path / "j.jsonl", made)
    found = read_judgements(tmp_path / "j.jsonl")
    assert [(key, len(own)) for key, own in found.items()] == [(("grid", "hot"), 2), (("grid", "cold"), 1), ((HUMAN, HUMAN), 2)]
    assert [one for own in found.values() for one in own] == made
    assert (found[HUMAN, HUMAN][1].prompt, found[HUMAN, HUMAN][1].text) == ("", "Another")
    assert found["grid", "hot"][1].tokens == 0
    assert {one.start for one in made} == {judge[1].eos_token} and start_of(made) == "<|endoftext|>"
    check_sources(tmp_path / "j.jsonl", found, samplings, human=True)


GOOD = {
    **{"source": "grid", "method": "hot", "prompt": "", "prompt_index": 0, "index": 0, "text": "ab"},
    **{"tokens": 2, "characters": 2, "logprobs": [-1.0, -2.5], "cut": False},
}


def test_the_token_that_texts_are_read_behind_is_told(judge, unstarted):
    texts = texts_to_judge([], ["A tale."])
    behind, without = judgements(*judge, texts), judgements(*unstarted, texts)
    assert (without[0].start, start_of(without)) == (None, "none")
    with pytest.raises(UserError, match=r"expected judgements of texts behind one start token, found <\|endoftext\|>, none"):
        start_of([*behind, *without])
    with pytest.raises(UserError, match="found no text"):
        start_of([])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "j.jsonl: expected judged texts, found none"),
        ([GOOD, {**GOOD, "index": 1, "tokens": 3}], "line 2: logprobs: expected one for each of the 3 tokens, found 2"),
        ([{**GOOD, "characters": 3}], "line 1: characters: expected at most the 2 of the text, found 3"),
        ([{**GOOD, "logprobs": [-1.0, 0.5]}], "line 1: logprobs: expected none above 0, found 0.5"),
        ([{**GOOD, "logprobs": [-1.0, float("nan")]}], "line 1: logprobs.1: input should be a finite number"),
        ([{**GOOD, "text": None}], "line 1: text: input should be a valid string"),
        ([{**GOOD, "mood": 1}], "line 1: mood: unknown key"),
        ([GOOD, GOOD], "line 2: expected the text numbered 1 of the source 'grid', method 'hot', prompt 0, found 0"),
    ],
)
def test_what_is_no_file_of_judgements_is_refused_by_line(tmp_path, lines, message):
    path = tmp_path / "j.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    with pytest.raises(UserError, match=message):
        read_judgements(path)


def test_a_line_that_is_no_json_is_named(tmp_path):
    path = tmp_path / "j.jsonl"
    path.write_text(json.dumps(GOOD) + "\n{\n")
    with pytest.raises(UserError, match="j.jsonl, line 2: not JSON"):
        read_judgements(path)


@pytest.mark.parametrize(
    ("change", "human", "message"),
    [
        (lambda made: made[:2], False, "j: no texts of the source 'grid', method 'cold'; have the texts judged again"),
        (lambda made: made, True, "j: no texts of the source 'human', method 'human'"),
        (lambda made: [*made, made[0].model_copy(update={"source": "other"})], False, "j: not expected: texts of .* 'other'"),
        (lambda made: [made[0].model_copy(update={"text": "x"}), *made[1:]], False, "j: judged other texts of 'grid'"),
    ],
)
def test_judgements_of_other_texts_are_refused(judge, samplings, change, human, message):
    found = {}
    for one in change(judgements(*judge, texts_to_judge(samplings, []))):
        found.setdefault((one.source, one.method), []).append(one)
    with pytest.raises(UserError, match=message):
        check_sources("j", found, samplings, human)
