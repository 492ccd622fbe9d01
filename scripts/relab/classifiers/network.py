"""The network of a classifier: a pretrained or random body with a classification head, trained whole or by an adapter."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase

from relab import adapters, checkpoints
from relab.characters import FILES as TOKENIZER_FILES
from relab.errors import UserError
from relab.files import replacing, sha256
from relab.networks import context_length
from relab.settings.classifiers import FinetunedClassifier

#: The files of a classifier's directory that hold the network, for all weights and for an adapter.
FILES = {
    "full": ("config.json", "model.safetensors"),
    "lora": ("config.json", *adapters.FILES),
}

#: PEFT's name of the task: sequence classification.
TASK = "SEQ_CLS"


def build(
    settings: FinetunedClassifier, directory: Path, tokenizer: PreTrainedTokenizerBase, pad: int, classes: Sequence[str]
) -> torch.nn.Module:
    """Build the network before its fine-tuning, on the CPU, float32; its head is drawn from torch's global random state.

    Args:
        settings: whether weights are pretrained or random, and what is trained.
        directory: model directory of the body; a random network uses only its configuration.
        tokenizer: its tokenizer, after :func:`relab.classifiers.texts.ensure_padding_token`.
        pad: the token id of padding.
        classes: names of the classes, an output each.

    Raises:
        UserError: more tokens than the network has positions, a network that Transformers has no head for, an adapter's
            target that the network lacks.
    """
    config = _load_config(directory)
    if getattr(config, "vocab_size", None) is None:
        raise UserError(f"{directory}: a network of the kind {config.model_type}, expected one that reads texts")
    config.num_labels = len(classes)
    config.id2label, config.label2id = dict(enumerate(classes)), {name: number for number, name in enumerate(classes)}
    config.pad_token_id, config.use_cache = pad if pad < config.vocab_size else None, False
    config.problem_type = "single_label_classification"
    with checkpoints.user_errors(directory, "a network with a classification head"), checkpoints.without_weight_report():
        if settings.pretrained:
            network = AutoModelForSequenceClassification.from_pretrained(
                directory, config=config, dtype="float32", use_safetensors=True, local_files_only=True, trust_remote_code=False
            )
        else:
            network = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    check_context(network, settings.tokens, directory.name)
    if pad >= config.vocab_size:  # a token that the network does not know yet
        network.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    network.config.pad_token_id = pad
    if settings.adaptation.kind == "full":
        return network.train()
    return _with_adapter(settings, network, directory).train()


def _load_config(directory: Path):
    if (directory / adapters.CONFIG).exists():
        raise UserError(f"{directory}: holds an adapter, expected a model with all of its weights")
    with checkpoints.user_errors(directory, "a model"):
        return AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False)


def check_context(network: PreTrainedModel, tokens: int, name: str) -> None:
    """Refuse more tokens than a network has positions; errors call it by its ``name``.

    Raises:
        UserError: there are more.
    """
    if tokens > (positions := context_length(network)):
        raise UserError(f"tokens: expected at most {positions}, the context of {name}, found {tokens}")


def _with_adapter(settings: FinetunedClassifier, network: PreTrainedModel, directory: Path) -> torch.nn.Module:
    """LoRA (Hu et al. 2021) beside the frozen weights; the head is trained whole and kept with the adapter."""
    from peft import get_peft_model

    config = adapters.lora_config(network, settings.adaptation, directory, TASK)
    with adapters.without_peft_warnings():
        adapted = get_peft_model(network, config)
    config.base_model_name_or_path = str(directory)
    return adapted


def save(
    network: torch.nn.Module, settings: FinetunedClassifier, tokenizer: PreTrainedTokenizerBase, base: Path, directory: Path
) -> list[Path]:
    """Write a classifier's directory, every file whole or not at all; return the paths.

    With all weights trained ``AutoModelForSequenceClassification`` opens it. An adapter's is a PEFT directory, which names its
    base by the name of its model directory and the digest of its weights.

    Args:
        network: the network.
        settings: how it was trained.
        tokenizer: its tokenizer.
        base: the model directory that it was trained from.
        directory: where to write.
    """
    temporary = directory / ".partial"
    shutil.rmtree(temporary, ignore_errors=True)  # what a killed attempt left
    temporary.mkdir(parents=True)
    files = (*FILES[settings.adaptation.kind], *TOKENIZER_FILES)
    try:
        with checkpoints.without_progress_bar(), adapters.without_peft_warnings():
            network.save_pretrained(temporary)
            tokenizer.save_pretrained(temporary)
        if settings.adaptation.kind != "full":
            network.get_base_model().config.save_pretrained(temporary)
            adapters.write_base(temporary, base.name, sha256(base / "model.safetensors"))
        for name in files:
            with replacing(directory / name) as path:
                shutil.copyfile(temporary / name, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return [directory / name for name in files]
