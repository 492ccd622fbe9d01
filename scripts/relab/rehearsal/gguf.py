"""A Llama as a GGUF file, written as llama.cpp's converter writes one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch
    from gguf import GGUFWriter
    from transformers import LlamaForCausalLM

#: Names of a layer's weights in a GGUF file and in Transformers.
LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
#: What a file says of a token: a control token, or a normal one.
CONTROL, NORMAL = 3, 1


def write(
    path: Path,
    model: LlamaForCausalLM,
    tokens: Sequence[str],
    merges: Sequence[str],
    end: str,
    *,
    quantization: str = "F32",
    pre: str | None = "smollm",
    template: str = "{{ messages[0]['content'] }}",
    architecture: str = "llama",
    without: str = "",
) -> Path:
    """Write a model and its byte-pair tokenizer: tokens in the order of their ids, merges, and the token that ends a text.

    Matrices are in ``quantization`` (F32, Q8_0, Q4_1), and the tensor ``without`` is left out.
    """
    from gguf import GGMLQuantizationType, GGUFWriter
    from gguf.quants import quantize

    writer = GGUFWriter(str(path), architecture)
    _add_sizes(writer, model.config)
    _add_tokenizer(writer, tokens, merges, end, pre, template)
    for name, weight in _tensors(model).items():
        kind = GGMLQuantizationType[quantization if weight.ndim == 2 else "F32"]
        if name != without:
            writer.add_tensor(name, quantize(weight, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_sizes(writer: GGUFWriter, config: Any) -> None:
    writer.add_name("tiny")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)


def _add_tokenizer(
    writer: GGUFWriter, tokens: Sequence[str], merges: Sequence[str], end: str, pre: str | None, template: str
) -> None:
    writer.add_tokenizer_model("gpt2")
    if pre is not None:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([CONTROL if token == end else NORMAL for token in tokens])
    writer.add_token_merges(merges)
    for role in ("bos", "eos"):
        getattr(writer, f"add_{role}_token_id")(tokens.index(end))
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)


def _tensors(model: LlamaForCausalLM) -> dict[str, np.ndarray]:
    state, config = model.state_dict(), model.config
    weights = {"token_embd.weight": state["model.embed_tokens.weight"], "output_norm.weight": state["model.norm.weight"]}
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    for layer in range(config.num_hidden_layers):
        for name, ours in LAYER.items():
            weight = state[f"model.layers.{layer}.{ours}.weight"]
            weights[f"blk.{layer}.{name}.weight"] = _permuted(weight, heads[name]) if name in heads else weight
    return {name: weight.numpy() for name, weight in weights.items()}


def _permuted(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """llama.cpp turns neighbouring rows together (rotary embeddings), Transformers rows half a head apart."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, weight.shape[1])
    return halves.swapaxes(1, 2).reshape(weight.shape).contiguous()
