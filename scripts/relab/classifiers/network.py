"""The network of a classifier: a pretrained or random body with a head, all of its weights or an adapter trained."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase

from relab import adapters, checkpoints
from relab.characters import FILES as TOKENIZER_FILES
from relab.errors import UserError
from relab.files import replacing, sha256
from relab.settings.classifiers import FinetunedClassifier

#: The files of a classifier's directory that hold the network, for all weights and for an adapter.
FILES = {
    "full": ("config.json", "model.safetensors"),
    "lora": ("config.json", *adapters.FILES),
}

#: What an adapter's base is for, in PEFT's words: it classifies sequences.
TASK = "SEQ_CLS"


def build(
    settings: FinetunedClassifier, directory: Path, tokenizer: PreTrainedTokenizerBase, pad: int, classes: Sequence[str]
) -> torch.nn.Module:
    """The network before its fine-tuning, on the CPU, float32; its head is drawn from torch's global random state.

    Args:
        settings: whether weights are the model's or random, and what is trained.
        directory: model directory of the body, of which a random network needs the configuration alone.
        tokenizer: its tokenizer, after :func:`relab.classifiers.texts.padding`.
        pad: the token id of padding.
        classes: names of the classes, an output each.

    Raises:
        UserError: more tokens than the network has positions, a network that Transformers has no head for, an adapter's
            target that the network lacks.
    """
    config = _config(directory)
    if getattr(config, "vocab_size", None) is None:
        raise UserError(f"{directory}: a network of the kind {config.model_type}, expected one that reads texts")
    config.num_labels = len(classes)
    config.id2label, config.label2id = dict(enumerate(classes)), {name: number for number, name in enumerate(classes)}
    config.pad_token_id, config.use_cache = pad if pad < config.vocab_size else None, False
    config.problem_type = "single_label_classification"
    with checkpoints.told_as_error(directory, "a network with a classification head"), checkpoints.without_report():
        if settings.pretrained:
            network = AutoModelForSequenceClassification.from_pretrained(
                directory, config=config, dtype="float32", use_safetensors=True, local_files_only=True, trust_remote_code=False
            )
        else:
            network = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    positions = positions_of(network)
    if settings.tokens > positions:
        raise UserError(f"tokens: expected at most {positions}, the context of {directory.name}, found {settings.tokens}")
    if pad >= config.vocab_size:  # a token that the network does not know yet
        network.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    network.config.pad_token_id = pad
    if settings.adaptation.kind == "full":
        return network.train()
    return _with_adapter(settings, network, directory).train()


def _config(directory: Path):
    if (directory / adapters.CONFIG).exists():
        raise UserError(f"{directory}: holds an adapter, expected a model with all of its weights")
    with checkpoints.told_as_error(directory, "a model"):
        return AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False)


def positions_of(network: PreTrainedModel) -> float:
    """Tokens of context; infinite where the network has no table of positions."""
    positions = getattr(network.config, "max_position_embeddings", None) or math.inf
    table = getattr(getattr(network.base_model, "embeddings", None), "position_embeddings", None)
    # RoBERTa and its kin keep the rows up to that of padding for padding
    return positions - (0 if getattr(table, "padding_idx", None) is None else table.padding_idx + 1)


def _with_adapter(settings: FinetunedClassifier, network: PreTrainedModel, directory: Path) -> torch.nn.Module:
    """LoRA (Hu et al. 2021) beside the frozen weights; the head is trained whole and kept with the adapter."""
    from peft import get_peft_model

    config = adapters.lora_config(network, settings.adaptation, directory, TASK)
    with adapters.quiet():
        found = get_peft_model(network, config)
    config.base_model_name_or_path = str(directory)
    return found


def trained(network: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The parameters that are trained, by name."""
    return {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}


def save(
    network: torch.nn.Module, settings: FinetunedClassifier, tokenizer: PreTrainedTokenizerBase, base: Path, directory: Path
) -> list[Path]:
    """Write a classifier's directory, every file whole or not at all; return the paths.

    With all weights trained it is one that ``AutoModelForSequenceClassification`` opens. An adapter's is one of PEFT, whose
    base is named by the pipeline's name and the digest of its weights; open it with :func:`load`.

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
    names = (*FILES[settings.adaptation.kind], *TOKENIZER_FILES)
    try:
        with checkpoints.without_bar(), adapters.quiet():
            network.save_pretrained(temporary)
            tokenizer.save_pretrained(temporary)
        if settings.adaptation.kind != "full":
            network.get_base_model().config.save_pretrained(temporary)
            adapters.write_base(temporary, base.name, sha256(base / "model.safetensors"))
        for name in names:
            with replacing(directory / name) as path:
                shutil.copyfile(temporary / name, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return [directory / name for name in names]


def load(directory: str | Path, models: str | Path | None = None) -> PreTrainedModel:
    """A classifier of :func:`save` in evaluation mode; an adapter is merged into its base.

    Args:
        directory: the classifier's directory.
        models: the folder of the base's model directory, which only an adapter needs.

    Raises:
        UserError: where it is no classifier, or its base is not in ``models``, or is another one.
    """
    directory = Path(directory)
    if not (directory / adapters.CONFIG).exists():
        with checkpoints.told_as_error(directory, "a classifier"), checkpoints.without_report():
            return AutoModelForSequenceClassification.from_pretrained(directory, dtype="float32", local_files_only=True).eval()
    with checkpoints.told_as_error(directory, "a classifier"):
        base = Path(models or "") / json.loads((directory / adapters.CONFIG).read_bytes())["base_model_name_or_path"]
        config = AutoConfig.from_pretrained(directory, local_files_only=True)
    if models is None or not (base / "model.safetensors").exists():
        raise UserError(f"{directory}: its base {base.name} was not found, expected {base / 'model.safetensors'}")
    adapters.check_base(directory, base)
    from peft import PeftModel

    known = AutoConfig.from_pretrained(base, local_files_only=True).vocab_size
    size, pad = config.vocab_size, config.pad_token_id
    config.vocab_size, config.pad_token_id = known, pad if pad < known else None
    with checkpoints.told_as_error(directory, "a classifier"), checkpoints.without_report(), adapters.quiet():
        network = AutoModelForSequenceClassification.from_pretrained(
            base, config=config, dtype="float32", local_files_only=True
        )
        if size != known:
            network.resize_token_embeddings(size, mean_resizing=False)
        network.config.pad_token_id = pad
        return PeftModel.from_pretrained(network, directory, local_files_only=True).merge_and_unload().eval()
