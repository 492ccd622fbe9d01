"""What models of sentences can reach, with no training: the losses of their grammar, of their text, of a uniform guess."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from relab.checkpoints import load_tokenizer
from relab.corpora.storage import documents
from relab.encoding import encode
from relab.rows.iteration_losses.names import HeldOut
from relab.rows.job import Job
from relab.rows.shared.sentences import Sentences
from relab.training.draws import evenly_spread_indices


def read_baselines(job: Job, held_out: HeldOut) -> dict[str, float]:
    """The losses of :func:`baseline_losses` for the sentences and the tokenizer of a job.

    Raises:
        UserError: a training text that is not the grammar's; see :meth:`Sentences.read`.
    """
    tokenizer = load_tokenizer(job.file("tokenizer").parent)
    sentences = Sentences.read(held_out.reader, job.file("train"), tokenizer)
    evaluated = evaluated_sentences(job.file("validation"), tokenizer, held_out.sentences, held_out.block)
    return baseline_losses(sentences, evaluated, len(tokenizer))


def baseline_losses(sentences: Sentences, held_out: Sequence[Sequence[int]], vocabulary: int) -> dict[str, float]:
    """The losses of :data:`relab.rows.iteration_losses.names.BASELINES`, nats per token.

    Args:
        held_out: token ids of the sentences that the models are evaluated on.
    """
    return {
        "grammar_loss": sentences.grammar.loss(held_out),
        "grammar_entropy": sentences.grammar.entropy(),
        "training_text_entropy": sentences.corpus.entropy(),
        "uniform": math.log(vocabulary),
    }


def evaluated_sentences(validation: Path, tokenizer: PreTrainedTokenizerBase, number: int, block: int) -> list[list[int]]:
    """The held-out sentences that a model's validation loss is a mean over, as token ids.

    Args:
        validation: the held-out sentences.
        number: sentences at most, evenly spread as in training (``training.evaluation.blocks``).
        block: the models' context: what is predicted of a longer sentence are its first ``block`` tokens after the first.
    """
    encoded = [
        encode(tokenizer, text, f"{validation}, sentence {index}").tolist() for index, text in enumerate(documents(validation))
    ]
    predicted = [ids[: block + 1] for ids in encoded if len(ids) > 1]
    return [predicted[index] for index in evenly_spread_indices(len(predicted) - 1, number)]
