"""Language models in GGUF files (llama.cpp's format), their quantized weights turned into float32.

Transformers knows how the format names configurations, weights and tokenizers. Its ``from_pretrained(gguf_file=…)`` is not
used: the model that comes of it cannot be saved.
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


def model(path: Path) -> PreTrainedModel:
    """The model of a GGUF file, on the CPU, in float32; buffers that no checkpoint holds are left on the meta device.

    Its weights are turned one after the other and put into the model as they are, so that there is one copy of them.

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
    with _names_mapped_once():
        tensors = load_gguf_checkpoint(str(path), return_tensors=True, model_to_load=model)["tensors"]
    model.load_state_dict(tensors, strict=False, assign=True)
    model.tie_weights()
    missing = [name for name, parameter in model.named_parameters() if parameter.is_meta]
    if missing:
        raise UserError(f"{path}: {len(missing)} weights of the model are missing, among them {', '.join(missing[:3])}")
    return model.requires_grad_(False).eval()


@contextmanager
def _names_mapped_once() -> Iterator[None]:
    """Transformers makes the same map of names anew for every module of the model, a third of the time of an import."""
    import gguf

    made_anew = gguf.get_tensor_name_map
    gguf.get_tensor_name_map = cache(made_anew)
    try:
        yield
    finally:
        gguf.get_tensor_name_map = made_anew


def tokenizer(path: Path) -> PreTrainedTokenizerFast:
    """The tokenizer that a GGUF file describes."""
    from transformers.integrations.gguf import convert_gguf_tokenizer, get_gguf_tokenizer

    architecture, described, settings = get_gguf_tokenizer(str(path))
    backend: Tokenizer = convert_gguf_tokenizer(architecture, described)[0]
    if (own := PRE_TOKENIZERS.get(described.get("pre_tokenizer_type"))) is not None:
        backend.pre_tokenizer = own
    return PreTrainedTokenizerFast(tokenizer_object=backend, clean_up_tokenization_spaces=False, **settings)
