"""Log-probabilities of held-out passages."""

from __future__ import annotations

from pathlib import Path

from relab.corpora.storage import documents
from relab.errors import UserError
from relab.judging.human import golden_fraction, shortened
from relab.rows.finetuned.names import HELD_OUT, MeasureSpec, Passages
from relab.rows.job import Job
from relab.rows.shared.finetuning_judgements import measure_texts, numbered


def measure(job: Job) -> None:
    """The step ``measure``."""
    spec = job.settings(MeasureSpec)
    texts = [(HELD_OUT, "", passage) for passage in spread(job.file("validation"), spec.passages)]
    measure_texts(job, spec, numbered(texts))


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
    start = max(0, min(int(share * len(text)), len(text) - characters))
    begin = text.rfind("\n", 0, start + 1) + 1
    return shortened(text[begin:].lstrip(), characters)
