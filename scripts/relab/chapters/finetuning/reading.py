"""What finetuned models and their base read: held-out passages, or the texts that were learnt by heart and the rest of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.chapters.finetuning.names import HELD_OUT, TAIL, TRAINED
from relab.corpora.storage import documents
from relab.errors import UserError
from relab.judging.human import shortened
from relab.judging.job import judgements
from relab.judging.storage import Judgement
from relab.settings.chapters import Passages


def asked(train: Path, validation: Path, passages: Passages | None, opening: int | None) -> list[dict[str, Any]]:
    """What each model is to read, without the name of the model.

    Either passages of the validation text, without a prompt; or every document of both splits, its first words the prompt.

    Raises:
        UserError: a document of no more words than are given as its opening; less validation text than passages.
    """
    if passages is not None:
        found = [(HELD_OUT, "", text) for text in spread(validation, passages)]
    else:
        splits = ((TRAINED, train), (TAIL, validation))
        found = [(split, *_opened(text, opening, path)) for split, path in splits for text in documents(path)]
    numbers: dict[str, int] = {}
    rows = []
    for method, prompt, text in found:
        index = numbers[method] = numbers.get(method, -1) + 1
        rows.append({"method": method, "prompt": prompt, "prompt_index": 0, "index": index, "text": text})
    return rows


def _opened(text: str, words: int, path: Path) -> tuple[str, str]:
    opening = re.match(rf"\s*(?:\S+\s+){{{words - 1}}}\S+", text)
    if opening is None or not text[opening.end() :].strip():
        raise UserError(f"{path}: expected documents of more than {words} words, found {text[:40]!r}")
    return opening[0], text[opening.end() :]


def spread(path: Path, passages: Passages) -> list[str]:
    """Passages evenly spread over a split of a corpus: each begins where a line of a document does and ends with a word.

    The places are even in characters, so that a long document has more of them; a document that is shorter than a passage is
    one.

    Raises:
        UserError: fewer passages than are asked for.
    """
    lengths = [len(text) for text in documents(path)]
    total = sum(lengths)
    places = [(2 * number + 1) * total // (2 * passages.number) for number in range(passages.number)]
    starts = [0, *accumulate(lengths)]
    found: dict[tuple[int, int], str] = {}
    for document, text in enumerate(documents(path)):
        for place in places:
            if starts[document] <= place < starts[document + 1]:
                begin = _line_before(text, place - starts[document], passages.characters)
                if passage := shortened(text[begin:].lstrip(), passages.characters):
                    found.setdefault((document, begin), passage)
    if len(found) < passages.number:
        raise UserError(
            f"{path}: expected {passages.number} passages at different lines, found {len(found)}: ask for fewer, or for more "
            "validation text"
        )
    return list(found.values())


def _line_before(text: str, place: int, characters: int) -> int:
    """Where the line of a place begins, or an earlier one where too little would be left of the text."""
    place = max(0, min(place, len(text) - characters))
    return text.rfind("\n", 0, place + 1) + 1


def read_by(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    name: str,
    rows: Sequence[dict[str, Any]],
    progress: Callable[[int], object] = lambda texts: None,
) -> Iterator[Judgement]:
    """What a model makes of what it is asked to read."""
    yield from judgements(model, tokenizer, [{"source": name, **row} for row in rows], progress)
