"""GPT-2 models (Radford et al. 2019) built from settings, as Transformers checkpoints."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from torch.nn.init import xavier_uniform_
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedModel

from relab import dropout
from relab.characters import FILES as TOKENIZER_FILES
from relab.checkpoints import without_progress_bar
from relab.files import replacing
from relab.settings.models import Architecture

#: The files of a checkpoint directory that hold the model.
FILES = ("config.json", "generation_config.json", "model.safetensors")


def build(architecture: Architecture, vocab_size: int) -> GPT2LMHeadModel:
    """Build a GPT-2 with random weights, drawn from torch's global random state (seed it before), in training mode on the CPU.

    Weights are initialised as GPT-2's: normal with the given standard deviation, the two projections of every block into the
    residual stream divided by the square root of their number; biases 0. With ``initialisation: xavier`` all matrices,
    embeddings included, are drawn uniformly (Glorot & Bengio 2010). Feed-forward layers are four times as wide as the model.
    Dropout is that of :mod:`relab.dropout`.
    """
    config = GPT2Config(
        vocab_size=vocab_size,
        n_positions=architecture.block,
        n_embd=architecture.width,
        n_layer=architecture.layers,
        n_head=architecture.heads,
        activation_function=architecture.activation,
        resid_pdrop=architecture.dropout,
        embd_pdrop=architecture.dropout,
        attn_pdrop=architecture.dropout,
        initializer_range=architecture.initializer_range,
        tie_word_embeddings=architecture.tied,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = GPT2LMHeadModel(config)
    if architecture.initialisation == "xavier":
        for parameter in model.parameters():
            if parameter.dim() > 1:
                xavier_uniform_(parameter)
    dropout.install(model)
    return model


def save(
    model: PreTrainedModel, tokenizer_dir: str | Path | None, directory: str | Path, files: Sequence[str] = FILES
) -> list[Path]:
    """Write a checkpoint directory that ``from_pretrained`` opens; return the paths of its files.

    Args:
        model: the model.
        tokenizer_dir: tokenizer directory whose files are copied too; None leaves them out.
        directory: where to write. Every file is replaced whole or not at all.
        files: the files that hold the model.
    """
    directory = Path(directory)
    temporary = directory / ".partial"
    shutil.rmtree(temporary, ignore_errors=True)  # what a killed attempt left
    temporary.mkdir(parents=True)
    try:
        with without_progress_bar():
            model.save_pretrained(temporary)
        sources = [temporary / name for name in files]
        if tokenizer_dir is not None:
            sources += [Path(tokenizer_dir) / name for name in TOKENIZER_FILES]
        for source in sources:
            with replacing(directory / source.name) as path:
                shutil.copyfile(source, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return [directory / source.name for source in sources]


def parameter_count(model: PreTrainedModel, trained: bool = False) -> int:
    """The number of a model's parameters, or of the ``trained`` ones; tied parameters count once."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad or not trained)
