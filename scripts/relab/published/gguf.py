"""Language models in GGUF files (llama.cpp's format), quantized weights converted to float32.

Transformers knows how the format names configurations, weights and tokenizers. Its ``from_pretrained(gguf_file=…)`` is not
used: the model that it returns cannot be saved.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer, pre_tokenizers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from relab.errors import UserError

#: Pre-tokenizers that Transformers does not derive from their names in GGUF files (it splits such texts as GPT-2 does).
#: "smollm": every digit stands alone before GPT-2's splits, as in llama.cpp and in SmolLM's own tokenizer.json.
PRE_TOKENIZERS = {
    "smollm": pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    ),
}


def load_model(path: Path) -> PreTrainedModel:
    """The model of a GGUF file, on the CPU, in float32; buffers that no checkpoint holds are left on the meta device.

    Weights are converted one after the other and put into the model without a copy.

    Raises:
        UserError: an architecture that Transformers does not know in this format, or weights that are missing.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    settings = load_gguf_checkpoint(str(path))["config"]
    settings.pop("_model_name_or_path", None)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**settings))
    with _cached_name_maps():
        tensors = load_gguf_checkpoint(str(path), return_tensors=True, model_to_load=model)["tensors"]
    model.load_state_dict(tensors, strict=False, assign=True)
    model.tie_weights()
    missing = [name for name, parameter in model.named_parameters() if parameter.is_meta]
    if missing:
        raise UserError(f"{path}: {len(missing)} weights of the model are missing, among them {', '.join(missing[:3])}")
    return model.requires_grad_(False).eval()


@contextmanager
def _cached_name_maps() -> Iterator[None]:
    """Cache maps of names: Transformers makes the same map for every module of the model, a third of an import's time."""
    import gguf

    original = gguf.get_tensor_name_map
    gguf.get_tensor_name_map = cache(original)
    try:
        yield
    finally:
        gguf.get_tensor_name_map = original


def load_tokenizer(path: Path) -> PreTrainedTokenizerFast:
    """The tokenizer that a GGUF file describes."""
    from transformers.integrations.gguf import convert_gguf_tokenizer, get_gguf_tokenizer

    architecture, description, settings = get_gguf_tokenizer(str(path))
    backend: Tokenizer = convert_gguf_tokenizer(architecture, description)[0]
    if (pre_tokenizer := PRE_TOKENIZERS.get(description.get("pre_tokenizer_type"))) is not None:
        backend.pre_tokenizer = pre_tokenizer
    return PreTrainedTokenizerFast(tokenizer_object=backend, clean_up_tokenization_spaces=False, **settings)
