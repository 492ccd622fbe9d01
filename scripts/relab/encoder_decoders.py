"""Encoder–decoders (Vaswani et al. 2017) from settings, as Transformers has them: Marian, BART, T5."""

from __future__ import annotations

from transformers import (
    AutoModelForSeq2SeqLM,
    BartConfig,
    MarianConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    T5Config,
)

from relab.errors import UserError
from relab.settings.pair_models import EncoderDecoder


def build(architecture: EncoderDecoder, tokenizer: PreTrainedTokenizerBase, positions: int) -> PreTrainedModel:
    """An encoder–decoder with random weights, drawn from torch's global random state (seed it before), in training mode.

    Args:
        architecture: its sizes.
        tokenizer: of sources and targets.
        positions: tokens of a source or a target at most, where the architecture counts them.

    Raises:
        UserError: a tokenizer without a token that ends a text.
    """
    if tokenizer.eos_token_id is None:
        raise UserError(
            "tokenizer: expected one with a token that ends a text (eos_token), which a target has to end with; found none"
        )
    return AutoModelForSeq2SeqLM.from_config(_configuration(architecture, tokenizer, positions))


def _configuration(architecture: EncoderDecoder, tokenizer: PreTrainedTokenizerBase, positions: int) -> PreTrainedConfig:
    pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    feed_forward = architecture.feed_forward or 4 * architecture.width
    special = {"pad_token_id": pad, "eos_token_id": tokenizer.eos_token_id, "decoder_start_token_id": pad}
    if architecture.kind == "t5":
        return T5Config(
            vocab_size=len(tokenizer), d_model=architecture.width, d_kv=architecture.width // architecture.heads,
            d_ff=feed_forward, num_layers=architecture.encoder_layers, num_decoder_layers=architecture.decoder_layers,
            num_heads=architecture.heads, dropout_rate=architecture.dropout, **special,
        )  # fmt: skip
    sizes = {
        "vocab_size": len(tokenizer), "d_model": architecture.width, "max_position_embeddings": positions,
        "encoder_layers": architecture.encoder_layers, "decoder_layers": architecture.decoder_layers,
        "encoder_attention_heads": architecture.heads, "decoder_attention_heads": architecture.heads,
        "encoder_ffn_dim": feed_forward, "decoder_ffn_dim": feed_forward,
    }  # fmt: skip
    spread = architecture.initializer_range or architecture.width**-0.5
    options = {**sizes, **special, "dropout": architecture.dropout, "init_std": spread, "forced_eos_token_id": None}
    if architecture.kind == "marian":
        return MarianConfig(**options, scale_embedding=True, decoder_vocab_size=len(tokenizer), bos_token_id=None)
    return BartConfig(**options, bos_token_id=None)
