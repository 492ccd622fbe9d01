"""Importing a published classifier, or a published reward model of one output, as a reward model."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relab import gpt
from relab.checkpoints import load_tokenizer
from relab.classifiers.network import check_context
from relab.classifiers.texts import ensure_padding_token
from relab.errors import UserError
from relab.files import replacing, sha256
from relab.published.checks.values import check_vocabulary
from relab.published.encoder import WEIGHTS
from relab.published.files import CLASSIFIER, files_by_name
from relab.published.weights import read_network
from relab.rewards.model import FILES, Header, RewardModel
from relab.settings.reward_models import PublishedRewardModel

#: Two texts of different lengths, of which the first is padded beside the second.
TEXTS = ("This is a film.", "This is a film, and what is said of it is a text that is longer than the other one by far.")


def import_reward_model(
    paths: Iterable[Path], tokenizer_dir: Path, settings: PublishedRewardModel, directory: Path
) -> dict[str, Any]:
    """Turn the files of a published network for sequence classification into the directory of a reward model.

    Weights keep their type. A configuration that names no token of padding gets that of the tokenizer, by which the head of a
    language model finds the last token of a text in a batch. The same files give the same bytes.

    Args:
        paths: the files of the network.
        tokenizer_dir: the directory of the model whose tokenizer it reads with.
        settings: the class whose logit is the reward, and tokens of a text.
        directory: where to write.

    Returns:
        For the record of the import, as :func:`relab.published.model.import_model`, and the ``output`` that is the reward.

    Raises:
        UserError: files that are no network for sequence classification, or not all of one with its head, a label that it
            lacks, more tokens than it has positions, a tokenizer that is another network's or has no token for padding, a
            network whose reward depends on padding.
    """
    files = files_by_name(paths)
    published = read_network(files, CLASSIFIER)
    network, asset = published.model, files["config.json"].parent
    if network.config.is_encoder_decoder:
        raise UserError(f"{asset}: an encoder–decoder, expected an encoder or a language model with a classification head")
    output = _output(network, settings.label, files["config.json"])
    check_context(network, settings.tokens, asset.name)
    tokenizer = load_tokenizer(tokenizer_dir)
    check_vocabulary(network, tokenizer, f"{asset} with the tokenizer of {tokenizer_dir}")
    _set_padding(network, tokenizer, f"{asset} with the tokenizer of {tokenizer_dir}")
    header = Header(
        base=settings.asset, output=output, tokens=settings.tokens, tokenizer=sha256(tokenizer_dir / "tokenizer.json")
    )
    record = published.record()
    with TemporaryDirectory() as name:
        folder = Path(name)
        gpt.save(network, tokenizer_dir, folder, files=WEIGHTS)
        header.write(folder)
        del network, published  # the check opens it again
        _check_padding(RewardModel.load(folder, torch.device("cpu")), asset)
        for name in FILES:
            with replacing(directory / name) as path:
                shutil.copyfile(folder / name, path)
    return {**record, "output": output}


def _output(network: PreTrainedModel, label: str | None, config: Path) -> int:
    """The index of the output that is the reward."""
    labels = [str(network.config.id2label[index]) for index in range(network.config.num_labels)]
    if label is None and len(labels) == 1:
        return 0
    if labels.count(label) != 1:
        raise UserError(f"label: expected one of {', '.join(labels)}, the classes of {config}, found {label or 'none'}")
    return labels.index(label)


def _set_padding(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    """Choose a token of padding for a network without one: a token of the tokenizer that ends no text."""
    tokens = network.get_input_embeddings().weight.shape[0]
    config = network.config.get_text_config()
    if config.pad_token_id in range(tokens):
        return
    config.pad_token_id = ensure_padding_token(tokenizer)
    if config.pad_token_id >= tokens:  # a new one
        raise UserError(
            f"{source}: expected pad_token_id in config.json, or a tokenizer with a token for padding that ends no text, found "
            "neither"
        )


def _check_padding(model: RewardModel, asset: Path) -> None:
    """Refuse a network whose reward of a text depends on what stands beside it in a batch."""
    alone, beside = model.score(TEXTS[:1]), model.score(TEXTS)[:1]
    if not torch.allclose(alone, beside, rtol=1e-3, atol=1e-3):
        raise UserError(
            f"{asset}: expected a network for which padding on the right changes no logit, found {float(alone):.4f} for a text "
            f"alone and {float(beside):.4f} for the same text beside a longer one"
        )
