"""Whether a language model, or an encoder–decoder, is sampled and scored as what it is."""

from __future__ import annotations

from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.published.checks.values import check_equal, run_as_others_are, short_texts
from relab.sampling.loop import sample
from relab.scoring import logprobs
from relab.settings.samplings import Decoding


def check_language_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: Path) -> None:
    """Refuse a model whose texts have other log-probabilities than those of each text read whole and alone.

    Read are texts while they are sampled together, from a cache where the model has one, and all of them in one batch.

    Args:
        model: the model, in evaluation mode, with weights of any type.
        tokenizer: its tokenizer.
        source: where it is from, in messages.

    Raises:
        UserError: it has others, it gives no numbers or cannot be run, or its tokenizer has a token that it lacks.
    """
    prompts = short_texts(model, tokenizer, source)
    with run_as_others_are(model, source):
        length = max(map(len, prompts))
        sampled = sample(model, prompts, length=length, seeds=[0] * len(prompts), decoding=Decoding())
        texts = [(prompt, generation.token_ids) for prompt, generation in zip(prompts, sampled, strict=True)]
        alone = [logprobs(model, [text])[0] for text in texts]
        together = logprobs(model, texts)
    check_equal([generation.logprobs for generation in sampled], alone, model, "token by token", source)
    check_equal(together, alone, model, "beside longer ones", source)
