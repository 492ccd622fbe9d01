"""Character tokenizers: exact round trips, a directory that Transformers opens, the same bytes every time."""

import json

import pytest
from transformers import AutoTokenizer

from relab import characters
from relab.errors import UserError

TEXTS = [
    "Nel mezzo del cammin di nostra vita\nmi ritrovai per una selva oscura\n",
    "è perché città — «così» …",
    "a\u00a0b\u2009c\u3000d",
    "😀👩‍👩‍👧 𝔤𝔭𝔱",
    "line\r\nline\rline\n\n\n",
    "e\u0301 and é are not the same; o\u0308\u0304",
    "  leading and trailing  ",
    " .don't ,you 've n't I'm",
    "\t\x0b\x0c\u2028\ufeff\u200b",
    "<unk> [UNK] </s> ##ing ▁Ġ",
    "a",
    "",
]


@pytest.fixture(scope="module")
def tokenizer():
    return characters.build("".join(TEXTS))


@pytest.fixture(scope="module")
def reloaded(tokenizer, tmp_path_factory):
    directory = tmp_path_factory.mktemp("tokenizer")
    characters.save(tokenizer, directory)
    return AutoTokenizer.from_pretrained(directory)


@pytest.mark.parametrize("text", TEXTS)
def test_round_trip(tokenizer, reloaded, text):
    for one in (tokenizer, reloaded):
        ids = one(text)["input_ids"]
        assert len(ids) == len(text)
        assert one.decode(ids) == text
        assert [one.decode([token]) for token in ids] == list(text)


def test_tokens_are_numbered_by_code_point(tokenizer):
    vocabulary = tokenizer.get_vocab()
    expected = sorted(set("".join(TEXTS)))
    assert vocabulary == {character: index for index, character in enumerate(expected)}
    assert len(tokenizer) == len(expected)
    assert characters.alphabet(tokenizer) == vocabulary


def test_order_and_repetition_of_the_characters_do_not_matter(tmp_path):
    for name, text in {"one": "abcé\n", "two": "\néccbbaaa"}.items():
        characters.save(characters.build(text), tmp_path / name)
    for file in characters.FILES:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_saved_directory_holds_the_files_and_nothing_else(tmp_path, capfd):
    paths = characters.save(characters.build("ab"), tmp_path / "new" / "folder")
    assert sorted(paths) == sorted((tmp_path / "new" / "folder").iterdir())
    assert {path.name for path in paths} == {"tokenizer.json", "tokenizer_config.json"}
    assert capfd.readouterr() == ("", "")
    assert str(tmp_path) not in "".join(path.read_text() for path in paths)


def test_no_special_tokens(reloaded):
    assert reloaded.all_special_tokens == []
    assert reloaded.unk_token is None
    assert reloaded.model_max_length > 10**12


def test_saving_twice_gives_the_same_bytes(tokenizer, reloaded, tmp_path):
    for number, one in enumerate((tokenizer, reloaded)):
        characters.save(one, tmp_path / str(number))
    first, second = (json.loads((tmp_path / name / "tokenizer.json").read_text()) for name in "01")
    assert first["model"] == second["model"]
    assert (tmp_path / "0" / "tokenizer.json").read_bytes() == (tmp_path / "1" / "tokenizer.json").read_bytes()


def test_other_tokenizers_have_no_alphabet(other_tokenizers):
    assert [characters.alphabet(one) for one in other_tokenizers] == [None, None, None]


@pytest.fixture
def other_tokenizers():
    from tokenizers import Tokenizer, models, normalizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"a": 0, "word": 1}))
    lower = Tokenizer(models.WordLevel({"a": 0, "b": 1}))
    lower.normalizer = normalizers.Lowercase()
    pieces = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    return [PreTrainedTokenizerFast(tokenizer_object=backend) for backend in (words, lower, pieces)]


def test_nothing_to_build_from():
    with pytest.raises(UserError, match="at least one character"):
        characters.build("")
