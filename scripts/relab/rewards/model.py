"""Reward models and the directories that hold them.

The directory of a trained reward model holds the body's weights under the names that Transformers gives them below a head, the
head's as ``score.weight``, and ``reward_model.json``. Where the head reads the last token of a language model,
``AutoModelForSequenceClassification`` opens it; ``AutoModel`` opens the body of any. That of a published reward model holds the
network for sequence classification with all of its outputs; ``reward_model.json`` says which of them is the reward.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import Field, model_validator
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerBase

from relab import checkpoints
from relab.characters import FILES as TOKENIZER_FILES
from relab.classifiers.texts import encode_texts
from relab.errors import UserError
from relab.features.encode import batch_tokens, length_batches
from relab.files import replacing, sha256, write_json
from relab.precision import FLOAT32
from relab.rewards.network import PublishedRewardNetwork, RewardNetwork, load_published
from relab.settings.base import Int, Settings, check
from relab.settings.reward_models import Pooling

CONFIG, WEIGHTS, HEADER = "config.json", "model.safetensors", "reward_model.json"

#: The files of a reward model's directory.
FILES = (CONFIG, WEIGHTS, HEADER, *TOKENIZER_FILES)

#: The name of the head's weights, as Transformers calls them below a language model.
SCORE = "score.weight"


class Header(Settings):
    """What ``reward_model.json`` says."""

    base: str = Field(description="Name of the model that the reward model started from, or of the asset that it is.")
    pooling: Pooling | None = Field(None, description="What the head of a trained reward model reads.")
    output: Int | None = Field(None, description="Index of the logit that is the reward of a published one.", ge=0)
    tokens: Int = Field(description="Tokens of a text at most; what is longer loses its beginning.", ge=2)
    tokenizer: str = Field(description="SHA-256 of the tokenizer.json that it was trained with.")

    @model_validator(mode="after")
    def _is_trained_or_published(self):
        if (self.pooling is None) == (self.output is None):
            raise ValueError(f"expected either pooling or output, found {'neither' if self.output is None else 'both'}")
        return self

    def write(self, directory: Path) -> None:
        """Write it into the directory of its reward model."""
        write_json(directory / HEADER, self.model_dump(exclude_none=True))


class RewardModel:
    """A network that gives each text a reward, with its tokenizer.

    Args:
        network: the network, on the device where it runs.
        tokenizer: its tokenizer, which is changed: texts are cut at their beginning.
        header: what its directory says of it.
        directory: where it was read from, for errors.
    """

    def __init__(
        self, network: RewardNetwork | PublishedRewardNetwork, tokenizer: PreTrainedTokenizerBase, header: Header,
        directory: Path,
    ):  # fmt: skip
        tokenizer.truncation_side = "left"
        self.network, self.tokenizer, self.header, self.directory = network, tokenizer, header, directory
        ids = (network.padding, tokenizer.pad_token_id, tokenizer.eos_token_id)
        #: the token id of padding; None where the tokenizer has no token for it
        self.pad = next((token for token in ids if token is not None and token < self.vocabulary), None)

    @classmethod
    def load(cls, directory: str | Path, device: torch.device) -> RewardModel:
        """Open a reward model's directory, on ``device``, in evaluation mode, float32.

        Raises:
            UserError: no reward model, one without all of its weights, or with another tokenizer than it was trained with.
        """
        directory = Path(directory)
        if missing := [name for name in FILES if not (directory / name).is_file()]:
            raise UserError(
                f"{directory}: {' and '.join(missing)} not found, expected a reward model with {' and '.join(FILES)}"
            )
        header = _read_header(directory / HEADER)
        if (digest := sha256(directory / TOKENIZER_FILES[0])) != header.tokenizer:
            raise UserError(
                f"{directory}: a reward model of another tokenizer than it says: expected {TOKENIZER_FILES[0]} of SHA-256 "
                f"{header.tokenizer[:16]}…, found {digest[:16]}…"
            )
        with torch.random.fork_rng(devices=[]):  # weights are drawn before they are read
            network = load_published(directory, header.output) if header.pooling is None else _load_trained(directory, header)
        return cls(network.to(device).eval(), checkpoints.load_tokenizer(directory), header, directory)

    @property
    def vocabulary(self) -> int:
        """The number of tokens that the network knows."""
        return self.network.body.get_input_embeddings().weight.shape[0]

    def encode(self, texts: Sequence[str], source: str = "texts") -> tuple[list[list[int]], int]:
        """Token ids of whole texts with special tokens, and how many texts lost their beginning. Errors name the ``source``.

        Raises:
            UserError: a text without a token, a token that the network does not know.
        """
        if not len(texts):
            return [], 0  # of which tokenizers make an error
        ids, cut = encode_texts(texts, self.tokenizer, self.header.tokens, source)
        if (largest := max(map(max, ids))) >= self.vocabulary:
            raise UserError(
                f"{self.directory}: the tokenizer is another network's: expected token ids below {self.vocabulary}, found "
                f"{largest}"
            )
        return ids, cut

    @torch.no_grad()  # not inference mode, whose tensors no loss could be computed with
    def score(self, texts: Sequence[str]) -> torch.Tensor:
        """The reward of each text ``[texts]``, float32, on the CPU; a text is a prompt and its answer.

        Raises:
            UserError: what :meth:`encode` refuses, a reward that is not a finite number.
        """
        self.network.eval()
        ids, _ = self.encode(texts)
        rewards = torch.empty(len(ids))
        for rows in length_batches([len(row) for row in ids], batch_tokens(self.network.body.device)):
            tokens = [torch.tensor(ids[row]) for row in rows]
            inputs = pad_sequence(tokens, batch_first=True, padding_value=self.pad or 0)
            mask = pad_sequence([torch.ones_like(row) for row in tokens], batch_first=True)
            device = self.network.body.device
            rewards[rows] = self.network(inputs.to(device), mask.to(device)).logits.squeeze(1).cpu()
        for text, reward in zip(texts, rewards.tolist(), strict=True):
            if not math.isfinite(reward):
                raise UserError(f"{self.directory}: the reward of the text {text[:40]!r} is not a finite number: {reward}")
        return rewards

    def save(self, base: Path, directory: Path) -> None:
        """Write the directory of a trained reward model, every file whole or not at all.

        Args:
            base: the model directory whose tokenizer it has.
            directory: where to write.
        """
        temporary = directory / ".partial"
        shutil.rmtree(temporary, ignore_errors=True)  # what a killed attempt left
        temporary.mkdir(parents=True)
        try:
            self._save_network(temporary)
            for source in [temporary / CONFIG, temporary / WEIGHTS, *(base / name for name in TOKENIZER_FILES)]:
                with replacing(directory / source.name) as path:
                    shutil.copyfile(source, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self.header.write(directory)

    def _save_network(self, folder: Path) -> None:
        body, prefix = self.network.body, self.network.body.base_model_prefix
        tensors = {f"{prefix}.{name}" if prefix else name: value for name, value in body.state_dict().items()}
        tensors[SCORE] = self.network.head.weight
        save_file({name: value.detach().contiguous() for name, value in tensors.items()}, folder / WEIGHTS, {"format": "pt"})
        config = body.config
        config.num_labels, config.pad_token_id = 1, self.pad
        config.architectures = [type(body).__name__]
        if self.network.pooling == "last" and (name := _class_of(config, tensors)):
            config.architectures = [name]
        config.save_pretrained(folder)


def _class_of(config, tensors: dict[str, torch.Tensor]) -> str | None:
    """The network for sequence classification that Transformers has with exactly these weights; None if there is none."""
    try:
        with torch.device("meta"):
            network = AutoModelForSequenceClassification.from_config(config)
    except ValueError:  # it has none of this kind
        return None
    return type(network).__name__ if set(network.state_dict()) == set(tensors) else None


def _read_header(path: Path) -> Header:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path}: expected JSON ({error})") from None
    return check(Header, content, str(path))


def _load_trained(directory: Path, header: Header) -> RewardNetwork:
    network = RewardNetwork(checkpoints.load_encoder(directory, torch.device("cpu"), FLOAT32), header.pooling)
    network.head.weight.data = _read_head(directory, network.head.in_features)
    return network


def _read_head(directory: Path, width: int) -> torch.Tensor:
    """The head's weights ``[1, width]``."""
    with checkpoints.user_errors(directory / WEIGHTS, "a reward model"), safe_open(directory / WEIGHTS, "pt") as file:
        head = file.get_tensor(SCORE)
    if head.shape != (1, width):
        raise UserError(
            f"{directory / WEIGHTS}: expected {SCORE} of the shape 1 × {width}, found {' × '.join(map(str, head.shape))}"
        )
    return head.float()
