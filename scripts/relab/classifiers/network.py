"""The network of a classifier: a pretrained or random body with a head, all of its weights or an adapter trained."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from relab import checkpoints
from relab.characters import FILES as TOKENIZER_FILES
from relab.errors import UserError
from relab.files import replacing, write_json
from relab.settings.classifiers import FinetunedClassifier

#: The files of a classifier's directory that hold the network, for all weights and for an adapter.
FILES = {
    "full": ("config.json", "model.safetensors"),
    "lora": ("config.json", "adapter_config.json", "adapter_model.safetensors"),
}


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
    config.num_labels = len(classes)
    config.id2label, config.label2id = dict(enumerate(classes)), {name: number for number, name in enumerate(classes)}
    config.pad_token_id, config.use_cache = pad if pad < config.vocab_size else None, False
    config.problem_type = "single_label_classification"
    with checkpoints.told_as_error(directory, "a network with a classification head"), _quietly():
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
    if (directory / "adapter_config.json").exists():
        raise UserError(f"{directory}: holds an adapter, expected a model with all of its weights")
    with checkpoints.told_as_error(directory, "a model"):
        return AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False)


@contextmanager
def _quietly() -> Iterator[None]:
    """Transformers reports a head that is drawn, and one that is left out, which is meant here."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with checkpoints.without_bar():
            yield
    finally:
        logging.set_verbosity(before)


def positions_of(network: PreTrainedModel) -> float:
    """Tokens of context; infinite where the network has no table of positions."""
    positions = getattr(network.config, "max_position_embeddings", None) or math.inf
    table = getattr(getattr(network.base_model, "embeddings", None), "position_embeddings", None)
    # RoBERTa and its kin keep the rows up to that of padding for padding
    return positions - (0 if getattr(table, "padding_idx", None) is None else table.padding_idx + 1)


def _with_adapter(settings: FinetunedClassifier, network: PreTrainedModel, directory: Path) -> torch.nn.Module:
    """LoRA (Hu et al. 2021) beside the frozen weights; the head is trained whole and kept with the adapter."""
    from peft import LoraConfig, TaskType, get_peft_model

    lora = settings.adaptation
    names = {name.rpartition(".")[2] for name, module in network.named_modules() if isinstance(module, _linear())}
    for target in lora.targets or ():
        if not any(name == target or name.endswith(f".{target}") for name, _ in network.named_modules()):
            raise UserError(
                f"adaptation.targets: {directory.name} has no layer {target!r}; expected some of "
                f"{', '.join(sorted(names - {'score', 'classifier'}))}"
            )
    config = LoraConfig(
        task_type=TaskType.SEQ_CLS, r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, bias=lora.bias,
        target_modules=lora.targets,
    )  # fmt: skip
    config.base_model_name_or_path = str(directory)
    try:
        return get_peft_model(network, config)
    except ValueError as error:
        words = str(error).partition(". ")[0].rstrip(".")
        raise UserError(f"adaptation: no adapter can be put beside the layers of {directory.name} ({words})") from None


def _linear() -> tuple[type, ...]:
    from transformers.pytorch_utils import Conv1D

    return (torch.nn.Linear, Conv1D)


def trained(network: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The parameters that are trained, by name."""
    return {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}


def save(
    network: torch.nn.Module, settings: FinetunedClassifier, tokenizer: PreTrainedTokenizerBase, directory: Path
) -> list[Path]:
    """Write a classifier's directory, every file whole or not at all; return the paths.

    With all weights trained it is one that ``AutoModelForSequenceClassification`` opens. An adapter's is one of PEFT, whose
    base is named by the pipeline's name; open it with :func:`load`.
    """
    temporary = directory / ".partial"
    shutil.rmtree(temporary, ignore_errors=True)  # what a killed attempt left
    temporary.mkdir(parents=True)
    names = (*FILES[settings.adaptation.kind], *TOKENIZER_FILES)
    try:
        with checkpoints.without_bar():
            if settings.adaptation.kind == "full":
                network.save_pretrained(temporary)
            else:
                network.save_pretrained(temporary)
                network.base_model.model.config.save_pretrained(temporary)
                given = json.loads((temporary / "adapter_config.json").read_bytes())
                given |= {key: sorted(given[key]) for key in ("target_modules", "modules_to_save") if given[key]}  # sets
                write_json(temporary / "adapter_config.json", {**given, "base_model_name_or_path": settings.model})
            tokenizer.save_pretrained(temporary)
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
        UserError: where it is no classifier, or its base is not in ``models``.
    """
    directory = Path(directory)
    adapter = directory / "adapter_config.json"
    with checkpoints.told_as_error(directory, "a classifier"), _quietly():
        if not adapter.exists():
            return AutoModelForSequenceClassification.from_pretrained(directory, dtype="float32", local_files_only=True).eval()
        base = Path(models or "") / json.loads(adapter.read_bytes())["base_model_name_or_path"]
        if models is None or not (base / "model.safetensors").exists():
            raise UserError(f"{directory}: an adapter of {base.name}, whose directory is not at {base}")
        from peft import PeftModel

        config = AutoConfig.from_pretrained(directory, local_files_only=True)
        known = AutoConfig.from_pretrained(base, local_files_only=True).vocab_size
        wanted, config.vocab_size, pad = config.vocab_size, known, config.pad_token_id
        config.pad_token_id = pad if pad < known else None
        network = AutoModelForSequenceClassification.from_pretrained(
            base, config=config, dtype="float32", local_files_only=True
        )
        if wanted != known:
            network.resize_token_embeddings(wanted, mean_resizing=False)
        network.config.pad_token_id = pad
        return PeftModel.from_pretrained(network, directory).merge_and_unload().eval()
