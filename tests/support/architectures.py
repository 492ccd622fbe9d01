"""Tiny models with random weights of the architectures that are tried, and a vocabulary that goes with all of them.

Their weights are ten times as large as at the start of a training, so that contexts matter and texts are not all alike.
"""

from __future__ import annotations

from pathlib import Path

from support import tiny_gpt2

VOCABULARY, WIDTH, CONTEXT = tiny_gpt2.VOCABULARY, 16, 32
_SIZES = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_GROUPED = {**_SIZES, "num_key_value_heads": 1, "max_position_embeddings": CONTEXT}
_GPT2 = {"n_embd": WIDTH, "n_layer": 2, "n_head": 2, "n_positions": CONTEXT}
_LAYERS = {"layers": 1, "attention_heads": 2, "ffn_dim": 32}
_BOTH = {f"{side}_{key}": value for side in ("encoder", "decoder") for key, value in _LAYERS.items()}
_START = {"decoder_start_token_id": 0, "pad_token_id": 0}
_BART = {"d_model": WIDTH, **_BOTH, **_START, "max_position_embeddings": CONTEXT, "forced_eos_token_id": None}

#: Sizes of architectures that continue texts, by Transformers' name of each.
CAUSAL: dict[str, dict] = {
    "gpt2": _GPT2,
    "opt": {**_SIZES, "ffn_dim": 32, "word_embed_proj_dim": WIDTH, "max_position_embeddings": CONTEXT},
    "llama": _GROUPED,
    "qwen2": _GROUPED,
    "mistral": {**_GROUPED, "sliding_window": 8},
    "gemma3_text": {**_GROUPED, "head_dim": 8, "sliding_window": 8},
    "gpt_neox": {**_SIZES, "max_position_embeddings": CONTEXT},
    "gpt_neo": {"hidden_size": WIDTH, "num_layers": 2, "num_heads": 2, "attention_types": [[["global", "local"], 1]],
                "window_size": 8, "max_position_embeddings": CONTEXT},
    "gptj": {**_GPT2, "rotary_dim": 4},
    "bloom": {"hidden_size": WIDTH, "n_layer": 2, "n_head": 2},
    "mpt": {"d_model": WIDTH, "n_layers": 2, "n_heads": 2, "max_seq_len": CONTEXT},
    "falcon": {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": CONTEXT},
    "xglm": {"d_model": WIDTH, "num_layers": 2, "attention_heads": 2, "ffn_dim": 32, "max_position_embeddings": CONTEXT},
    "biogpt": {**_SIZES, "max_position_embeddings": CONTEXT},
    "ctrl": {"n_embd": WIDTH, "n_layer": 2, "n_head": 2, "dff": 32, "n_positions": CONTEXT},
    "mamba": {"hidden_size": WIDTH, "num_hidden_layers": 2, "state_size": 4},
    "rwkv": {"hidden_size": WIDTH, "attention_hidden_size": WIDTH, "num_hidden_layers": 2, "context_length": CONTEXT},
    "roberta": {**_SIZES, "is_decoder": True, "max_position_embeddings": CONTEXT + 1, "pad_token_id": 0},
    "bert": {**_SIZES, "is_decoder": True, "max_position_embeddings": CONTEXT},
}  # fmt: skip
#: Whose positions ``generate()`` counts from 0, which are padding's in the forward pass.
GENERATED_OTHERWISE = ("roberta",)
#: Architectures that Transformers has as language models and that do not read from left to right alone.
NOT_CAUSAL: dict[str, dict] = {
    "xlnet": {"d_model": WIDTH, "n_layer": 2, "n_head": 2, "d_inner": 32},
    "bert": {**_SIZES, "max_position_embeddings": CONTEXT},
}
ENCODER_DECODERS: dict[str, dict] = {
    "t5": {"d_model": WIDTH, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, **_START},
    "bart": _BART,
    "marian": {**_BART, "decoder_vocab_size": VOCABULARY},
}
ENCODERS: dict[str, dict] = {
    "bert": {**_SIZES, "max_position_embeddings": CONTEXT},
    "distilbert": {"dim": WIDTH, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": CONTEXT},
    "roberta": {**_SIZES, "max_position_embeddings": CONTEXT + 1, "pad_token_id": 0},
    "mpnet": {**_SIZES, "max_position_embeddings": CONTEXT + 1, "pad_token_id": 0},
    "electra": {**_SIZES, "embedding_size": WIDTH, "max_position_embeddings": CONTEXT},
}


def build(auto_class: type, kind: str, sizes: dict):
    """A model with random weights of a class of Transformers', in evaluation mode."""
    import torch
    from transformers import AutoConfig

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        options = {"bos_token_id": 0, "eos_token_id": 0, **sizes, "vocab_size": VOCABULARY}
        model = auto_class.from_config(AutoConfig.for_model(kind, **options, tie_word_embeddings=False)).eval()
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if weight.dim() > 1 and not name.endswith(("A_log", "embed_positions.weight")):  # of Mamba, of Marian
                    weight.normal_(0, 0.2)
    return model


def write(folder: Path, model) -> Path:
    """Write the files that a model is published in, its tokenizer among them; return the folder."""
    tiny_gpt2.tokenizer().save_pretrained(folder)
    model.save_pretrained(folder)
    return folder
