"""What finetuned models and their base read: held-out passages, or the texts that were learnt by heart and the rest of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.chapters.finetuning.names import HELD_OUT, TAIL, TRAINED
from relab.corpora.storage import documents
from relab.errors import UserError
from relab.judging.human import golden_fraction, shortened
from relab.judging.job import judgements
from relab.judging.storage import Judgement
from relab.settings.chapters import Passages


def asked(train: Path, validation: Path, passages: Passages | None, opening: int | None) -> list[dict[str, Any]]:
    """What each model is to read, without the name of the model.

    Either passages of the validation text, without a prompt; or every document of both splits, its first words the prompt.

    Raises:
        UserError: a document of no more words than are given as its opening; fewer validation documents than passages.
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
    """One passage of each of some documents, evenly spread over a split: it begins where a line does and ends with a word.

    Passages of one document are alike, so that an interval over them would be too narrow. Where in its document each begins
    is evenly spread, too; a document that is shorter than a passage is one.

    Raises:
        UserError: fewer documents than passages.
    """
    written = [number for number, text in enumerate(documents(path)) if text.strip()]
    if len(written) < passages.number:
        raise UserError(
            f"{path}: expected {passages.number} documents, one a passage, found {len(written)}: ask for fewer, or for "
            "more validation documents"
        )
    middles = [(2 * index + 1) * len(written) // (2 * passages.number) for index in range(passages.number)]
    indices = {written[middle]: index for index, middle in enumerate(middles)}
    return [
        _passage(text.strip(), golden_fraction(indices[number]), passages.characters)
        for number, text in enumerate(documents(path))
        if number in indices
    ]


def _passage(text: str, share: float, characters: int) -> str:
    """A passage that begins with the line at a share of a text, or earlier where too little would be left of the text."""
    place = max(0, min(int(share * len(text)), len(text) - characters))
    begin = text.rfind("\n", 0, place + 1) + 1
    return shortened(text[begin:].lstrip(), characters)


def read_by(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    name: str,
    rows: Sequence[dict[str, Any]],
    progress: Callable[[int], object] = lambda texts: None,
) -> Iterator[Judgement]:
    """What a model makes of what it is asked to read."""
    yield from judgements(model, tokenizer, [{"source": name, **row} for row in rows], progress)
