"""The prompts of a sampling: their texts, and what the model reads of them under each method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab.checkpoints import end_tokens, start_token
from relab.corpora import sources
from relab.corpora.storage import documents
from relab.datasets import storage
from relab.encoded_sources import is_encoder_decoder
from relab.encoding import continuation, decode, encode, encode_with_control_tokens, guard, opening_tokens, unguarded
from relab.errors import UserError
from relab.networks import context_length
from relab.settings.asking import SOURCE, Asking
from relab.settings.samplings import CorpusPrompts, DatasetPrompts, Sampling


@dataclass(frozen=True)
class ModelInput:
    """What a model reads of a prompt.

    ``asked`` is its text where that is another than the prompt's; ``cut`` is the number of tokens that were left out at its
    end, so that it fits an encoder.
    """

    token_ids: list[int]
    asked: str | None = None
    cut: int = 0


@dataclass(frozen=True)
class Prompt:
    """A text to continue or to answer, with what the model reads of it by method.

    For the beginning of a document ``human`` are the token ids of its own continuation; for what a data set asks ``row`` is its
    row number from 0.
    """

    text: str
    inputs: dict[str, ModelInput]
    human: list[int] | None = None
    row: int | None = None


@dataclass(frozen=True)
class LanguageModel:
    """A model with its tokenizer: it continues texts, or, an encoder–decoder, answers them."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    def ask(self, prompt: str, asking: Asking, name: str, key: str) -> ModelInput:
        """What the model reads of a prompt.

        Args:
            prompt: the text.
            asking: what stands around it.
            name: the prompt in messages.
            key: the key of ``asking`` in messages.

        Raises:
            UserError: an empty text that the model cannot start from, a character that the tokenizer lacks, a chat template
                that there is not or that refuses the messages.
        """
        text = asking.template.replace(SOURCE, prompt)
        if asking.chat:
            return self._chat(text, asking.system, key)
        read = self._source(text, name) if is_encoder_decoder(self.model) else self._beginning(text, name)
        return read if text == prompt else replace(read, asked=text)

    def _beginning(self, text: str, name: str) -> ModelInput:
        """A text to continue, after the tokenizer's beginning-of-text token; the empty text is the model's start token."""
        if text:
            return ModelInput([*opening_tokens(self.tokenizer), *encode(self.tokenizer, text, name).tolist()])
        start = start_token(self.model, self.tokenizer)
        if start is None:
            raise UserError(f"{name}: the text is empty, and the model has no token that texts start from; give a text")
        return ModelInput([start])

    def _source(self, text: str, name: str) -> ModelInput:
        """A text that an encoder reads, with the tokenizer's own special tokens, cut at its end to the encoder's positions."""
        if not text:
            raise UserError(f"{name}: the text is empty, and an encoder–decoder has nothing to read; give a text")
        ids = self.tokenizer(text, verbose=False)["input_ids"]
        most = context_length(self.model)
        if len(ids) <= most:
            return ModelInput(ids)
        kept = self.tokenizer(text, truncation=True, max_length=int(most))["input_ids"]
        return ModelInput(kept, cut=len(ids) - len(kept))

    def _chat(self, text: str, system: str | None, key: str) -> ModelInput:
        """A text as the user's turn of a chat that the model answers; the chat template has all special tokens itself."""
        from jinja2 import TemplateError

        if self.tokenizer.chat_template is None:
            raise UserError(f"{key}.chat: expected a model whose tokenizer has a chat template, found one without")
        messages = [{"role": "system", "content": guard(self.tokenizer, system)}] if system is not None else []
        messages.append({"role": "user", "content": guard(self.tokenizer, text)})
        try:
            chat = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        except (TemplateError, ValueError) as error:
            raise UserError(f"{key}.chat: the chat template of the model refuses the messages ({error})") from None
        return ModelInput(encode_with_control_tokens(self.tokenizer, chat), asked=unguarded(chat))

    def text_of(self, prompt: str, read: ModelInput, token_ids: Sequence[int]) -> str:
        """The text of generated tokens: what follows the prompt, or an answer, which stands alone."""
        if is_encoder_decoder(self.model):
            return decode(self.tokenizer, token_ids)
        return continuation(self.tokenizer, prompt if read.asked is None else read.asked, read.token_ids, token_ids)

    def ends(self) -> list[int]:
        """The token ids that end a text."""
        return end_tokens(self.model, self.tokenizer)


def target_behind(tokenizer: PreTrainedTokenizerBase, read: str, chat: bool, target: str, name: str) -> list[int]:
    """Token ids of a target as the continuation of what a language model read, without a token at its end.

    A blank stands between them, unless what was read ends with one or is a chat. ``name`` is the target's in messages.
    """
    between = "" if chat or read[-1:].isspace() else " "
    return encode(tokenizer, between + target, name).tolist()


def build_prompts(settings: Sampling, lm: LanguageModel, files: Sequence[Path] = ()) -> list[Prompt]:
    """The prompts of a sampling, from its settings or from files: a split of a corpus or of a data set, or texts.

    Raises:
        UserError: a prompt that cannot be encoded, a corpus with too few documents that are long enough, a data set with too
            few rows, a file that is not in UTF-8, no file where prompts are taken from one.
    """
    if not files and not isinstance(settings.prompts, list):
        raise UserError("prompts: expected the files that they are taken from, found none")
    if isinstance(settings.prompts, CorpusPrompts):
        return _from_corpus(settings, lm, *files)
    return [Prompt(text, _inputs(settings, lm, text, name), row=row) for text, name, row in _texts(settings.prompts, files)]


def _texts(prompts: object, files: Sequence[Path]) -> Iterator[tuple[str, str, int | None]]:
    """The text of each prompt, what messages call it, and its row in its data set."""
    if isinstance(prompts, list):
        for number, text in enumerate(prompts):
            yield text, f"prompts.{number}", None
    elif isinstance(prompts, DatasetPrompts):
        (path,) = files
        rows = storage.read(path)
        texts = rows["source"] if "source" in rows else rows["prompt"]
        number = len(texts) if prompts.number is None else prompts.number
        if number > len(texts):
            raise UserError(f"{path}: expected {number} rows (prompts.number), found {len(texts)}")
        for row in _evenly_spread(len(texts), number):
            yield texts[row], f"{path}, row {row}", row
    else:
        for source in sources.sources(files):
            with sources.open_text(source) as file:
                yield file.read().removesuffix("\n"), source.name, None


def _evenly_spread(total: int, number: int) -> list[int]:
    return [index * total // number for index in range(number)]


def _inputs(
    settings: Sampling, lm: LanguageModel, text: str, name: str, plain: ModelInput | None = None
) -> dict[str, ModelInput]:
    """What the model reads of a prompt by method; methods that ask alike read the same, ``plain`` if that is given."""
    by_asking = {} if plain is None else {Asking(): plain}
    for method_name, method in settings.methods.items():
        if method.asking not in by_asking:
            by_asking[method.asking] = lm.ask(text, method.asking, name, f"methods.{method_name}")
    return {method_name: by_asking[method.asking] for method_name, method in settings.methods.items()}


def _from_corpus(settings: Sampling, lm: LanguageModel, corpus: Path) -> list[Prompt]:
    """Beginnings of documents, evenly spread over those that are long enough for a prompt and a text.

    A beginning that would end within a character is shorter by the tokens of that character.
    """
    prompts, length = settings.prompts, settings.length
    if is_encoder_decoder(lm.model):
        raise UserError("prompts.corpus: expected a model that continues documents, found an encoder–decoder")
    needed = prompts.tokens + length
    candidates = []
    for document in documents(corpus):
        start = document[: 64 * needed]  # a token has a few characters: what lies far beyond need not be encoded
        ids = encode(lm.tokenizer, start, str(corpus))[:needed].tolist()
        if len(ids) == needed:
            candidates.append(ids)
    if len(candidates) < prompts.number:
        raise UserError(
            f"{corpus}: expected {prompts.number} documents of at least {needed} tokens (prompts.number, prompts.tokens, "
            f"length), found {len(candidates)}"
        )
    chosen = [candidates[index] for index in _evenly_spread(len(candidates), prompts.number)]
    return [_beginning_of(ids, settings, lm) for ids in chosen]


def _beginning_of(ids: Sequence[int], settings: Sampling, lm: LanguageModel) -> Prompt:
    """The beginning of a document as a prompt, with its own continuation."""
    cut = _whole_characters(lm.tokenizer, ids, settings.prompts.tokens)
    text = decode(lm.tokenizer, ids[:cut])
    plain = ModelInput([*opening_tokens(lm.tokenizer), *ids[:cut]])
    inputs = _inputs(settings, lm, text, "prompts", plain)
    if settings.prompts.human is not None:
        inputs[settings.prompts.human] = plain
    return Prompt(text, inputs, list(ids[cut : cut + settings.length]))


def _whole_characters(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], cut: int) -> int:
    """The last index up to ``cut`` at which no character is split between two tokens."""
    text = decode(tokenizer, ids)
    while cut > 1 and not text.startswith(decode(tokenizer, ids[:cut])):
        cut -= 1
    return cut
