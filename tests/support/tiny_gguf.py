"""A tiny Llama as a GGUF file, written as llama.cpp's converter writes one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize
from support import tiny_gpt2
from transformers import LlamaConfig, LlamaForCausalLM

WIDTH, FEED_FORWARD, HEADS, KEY_HEADS, LAYERS, CONTEXT = 64, 96, 4, 2, 2, 128
VOCABULARY = tiny_gpt2.VOCABULARY
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


def llama() -> LlamaForCausalLM:
    """The model with random weights that the file holds."""
    torch.manual_seed(0)
    sizes = {"hidden_size": WIDTH, "intermediate_size": FEED_FORWARD, "num_hidden_layers": LAYERS, "vocab_size": VOCABULARY}
    heads = {"num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS, "max_position_embeddings": CONTEXT}
    return LlamaForCausalLM(LlamaConfig(**sizes, **heads, initializer_range=0.2, tie_word_embeddings=True)).eval()


def write(
    path: Path, quantization: str = "F32", *, without: str = "", pre: str | None = "smollm", architecture: str = "llama"
) -> Path:
    """Write the file, its matrices in ``quantization`` (F32, Q8_0, Q4_1), leaving out one tensor."""
    writer = GGUFWriter(str(path), architecture)
    writer.add_name("tiny")
    for name, value in {"block_count": LAYERS, "context_length": CONTEXT, "embedding_length": WIDTH}.items():
        getattr(writer, f"add_{name}")(value)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(VOCABULARY)
    _add_tokenizer(writer, pre)
    for name, weight in _tensors(llama().state_dict()).items():
        kind = GGMLQuantizationType[quantization if weight.ndim == 2 else "F32"]
        if name != without:
            writer.add_tensor(name, quantize(weight, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: GGUFWriter, pre: str | None) -> None:
    made = tiny_gpt2.tokenizer()
    vocabulary = made.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.get)
    merges = (tiny_gpt2.FOLDER / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    writer.add_tokenizer_model("gpt2")
    if pre is not None:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token == made.eos_token else 1 for token in tokens])  # 3: control, 1: normal
    writer.add_token_merges(merges)
    for role in ("bos", "eos"):
        getattr(writer, f"add_{role}_token_id")(made.eos_token_id)
    writer.add_add_bos_token(False)
    writer.add_chat_template("{{ messages[0]['content'] }}")


def _tensors(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    found = {"token_embd.weight": state["model.embed_tokens.weight"], "output_norm.weight": state["model.norm.weight"]}
    for layer in range(LAYERS):
        for name, ours in LAYER.items():
            found[f"blk.{layer}.{name}.weight"] = _permuted(name, state[f"model.layers.{layer}.{ours}.weight"])
    return {name: weight.numpy() for name, weight in found.items()}


def _permuted(name: str, weight: torch.Tensor) -> torch.Tensor:
    """llama.cpp turns neighbouring rows together (rotary embeddings), Transformers rows half a head apart."""
    heads = {"attn_q": HEADS, "attn_k": KEY_HEADS}.get(name)
    if heads is None:
        return weight
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, weight.shape[1])
    return halves.swapaxes(1, 2).reshape(weight.shape).contiguous()
