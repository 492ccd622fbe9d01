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

#: What these files call a tokenizer of byte pairs, whose texts are split before.
BYTE_PAIRS = "gpt2"
#: Pre-tokenizers (``tokenizer.ggml.pre``) that split as GPT-2's does, as llama.cpp has them; Transformers so splits any that it
#: does not list.
AS_GPT2 = {
    *("gpt-2", "phi-2", "mpt", "olmo", "jais", "gigachat", "mellum", "exaone4"),
    *("a.x-4.0", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de"),
}
#: Those before whose splits every digit stands alone, as in SmolLM's own tokenizer.json.
WITH_DIGITS_ALONE = {"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"}


def load_model(path: Path) -> PreTrainedModel:
    """The model of a GGUF file, on the CPU, in float32.

    Weights are converted one after the other and put into the model without a copy.

    Raises:
        UserError: an architecture that Transformers does not know in this format, or weights that are missing.
    """
    from accelerate import init_empty_weights
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    settings = load_gguf_checkpoint(str(path))["config"]
    settings.pop("_model_name_or_path", None)
    with init_empty_weights(include_buffers=False):
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
    """The tokenizer that a GGUF file describes.

    Raises:
        UserError: byte pairs of texts that are split in a way that is not known.
    """
    from transformers.integrations.gguf import convert_gguf_tokenizer, get_gguf_tokenizer
    from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

    architecture, description, settings = get_gguf_tokenizer(str(path))
    backend: Tokenizer = convert_gguf_tokenizer(architecture, description)[0]
    name = description.get("pre_tokenizer_type")
    if name in WITH_DIGITS_ALONE:
        splits = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        backend.pre_tokenizer = pre_tokenizers.Sequence(splits)
    elif description["tokenizer_type"] == BYTE_PAIRS and name not in AS_GPT2 | set(GGUF_PRE_TOKENIZER_SPLITS):
        raise UserError(
            f"{path}: its texts are split in a way that is not known here (tokenizer.ggml.pre is {name!r}); put the model's "
            "tokenizer.json among the files of the asset, which says how"
        )
    return PreTrainedTokenizerFast(tokenizer_object=backend, clean_up_tokenization_spaces=False, **settings)
