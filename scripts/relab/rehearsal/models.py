"""Models that look like published ones: the architecture of a published configuration, small, with random weights."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relab.rehearsal import gguf
from relab.rehearsal.drawing import WORDS, Draw
from relab.settings.stand_ins import StandIn, TokenizerStandIn

if TYPE_CHECKING:
    from transformers import PreTrainedModel

#: Sizes by the names that configurations have for them. Kinds of positions, norms and heads stay as they are.
WIDTH, HEADS, LAYERS = 16, 2, 2
SIZES = {
    **dict.fromkeys(("n_embd", "hidden_size", "dim", "d_model", "word_embed_proj_dim"), WIDTH),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "hidden_dim", "d_ff", "encoder_ffn_dim", "decoder_ffn_dim"), 2 * WIDTH),
    **dict.fromkeys(("n_head", "n_heads", "num_heads", "num_attention_heads"), HEADS),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), HEADS),
    **dict.fromkeys(("n_layer", "n_layers", "num_layers", "num_decoder_layers", "num_hidden_layers"), LAYERS),
    **dict.fromkeys(("encoder_layers", "decoder_layers"), LAYERS),
    **dict.fromkeys(("d_kv", "head_dim"), WIDTH // HEADS),
    "num_key_value_heads": 1,
    "attention_types": [[["global", "local"], LAYERS // 2]],
}
#: Pieces of a tokenizer without its control tokens, and from which id on a token of a configuration is one of the last ones.
PIECES, LARGE = 380, 1000


def write(folder: Path, asset: str, names: Sequence[str], stand_in: StandIn) -> None:
    """Write the files of these names into a folder: configuration, weights in their format, tokenizer."""
    import torch
    from transformers import AutoTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    tokens = write_tokenizer(folder, asset, stand_in.tokenizer) if stand_in.tokenizer else {}
    if stand_in.config is None:
        return
    config = narrowed(stand_in.config, tokens, stand_in.tokenizer)
    packed = next((name for name in names if name.endswith(".gguf")), None)
    if packed:
        merges = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
        end = stand_in.tokenizer.roles["eos"]
        gguf.write(
            folder / packed, random_model(config), sorted(tokens, key=tokens.get), merges, end, template=stand_in.template
        )
        return
    write_weights(folder, random_model(config).to(getattr(torch, stand_in.dtype)), names)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    if {"tokenizer.json", "tokenizer_config.json"} & set(names) and stand_in.tokenizer:
        AutoTokenizer.from_pretrained(folder).save_pretrained(folder)


@functools.cache
def _parameters(config: str) -> int:
    import torch

    with torch.device("meta"):
        return sum(weight.numel() for weight in random_model(json.loads(config)).parameters())


def parameters(config: dict[str, Any]) -> int:
    """The weights that a model of a published configuration has."""
    return _parameters(json.dumps(config))


def narrowed(config: dict[str, Any], tokens: dict[str, int], tokenizer: TokenizerStandIn | None) -> dict[str, Any]:
    """A published configuration with small sizes, and the vocabulary and the control tokens of a tokenizer.

    ``tokens`` are the tokenizer's, with their ids; without them, the vocabulary is as large as theirs would be.
    """
    small = {**config, **{name: size for name, size in SIZES.items() if config.get(name) is not None}}
    if tokens:
        small["vocab_size"] = len(tokens)
        for role, token in tokenizer.roles.items():
            if (config.get(f"{role}_token_id") or 0) >= LARGE:
                small[f"{role}_token_id"] = tokens[token]
    return small


def random_model(config: dict[str, Any]) -> PreTrainedModel:
    """The model of a configuration with random weights, the same ones each time."""
    import torch
    import transformers

    torch.manual_seed(0)
    settings = transformers.AutoConfig.for_model(**{key: value for key, value in config.items() if key != "architectures"})
    return getattr(transformers, config["architectures"][0])(settings)


def write_weights(folder: Path, model: PreTrainedModel, names: Sequence[str]) -> None:
    """Write a model's weights as safetensors, in so many shards as there are names, or as PyTorch's archive."""
    import torch

    if "pytorch_model.bin" in names:
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        return
    shards = sum(name.startswith("model-") for name in names)
    if not shards:
        model.save_pretrained(folder)
        return
    weights = sorted(model.state_dict().items())
    _write_shards(folder, [dict(weights[number::shards]) for number in range(shards)])


def _write_shards(folder: Path, shards: Sequence[dict[str, Any]]) -> None:
    from safetensors.torch import save_file

    places = {}
    for number, weights in enumerate(shards, start=1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        save_file({key: weight.contiguous() for key, weight in weights.items()}, folder / name, metadata={"format": "pt"})
        places |= dict.fromkeys(weights, name)
    size = sum(weight.nbytes for weights in shards for weight in weights.values())
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": size}, "weight_map": places}))


def sentences(asset: str) -> Iterator[str]:
    """What tokenizers are trained on."""
    draw = Draw(asset)
    for language in WORDS:
        for _ in range(150):
            yield draw.sentence(language)
    yield "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 .,:;!?'\"()-_=+*/\\<>[]{}|#@%&"


def write_tokenizer(folder: Path, asset: str, settings: TokenizerStandIn) -> dict[str, int]:
    """Train a tokenizer and write its files; returns its tokens with their ids."""
    makers = {"byte_pair": _byte_pair, "word_pieces": _word_pieces, "unigram": _unigram, "byte_fallback": _byte_fallback}
    return makers[settings.kind](folder, asset, settings)


def _byte_pair(folder: Path, asset: str, settings: TokenizerStandIn) -> dict[str, int]:
    from tokenizers import ByteLevelBPETokenizer

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(sentences(asset), vocab_size=PIECES, special_tokens=settings.first, show_progress=False)
    trained.add_special_tokens(settings.last)
    trained.save(str(folder / "tokenizer.json"))
    tokens = trained.get_vocab()
    trained.save_model(str(folder))
    (folder / "vocab.json").write_text(json.dumps(tokens, ensure_ascii=False))
    return tokens


def _word_pieces(folder: Path, asset: str, settings: TokenizerStandIn) -> dict[str, int]:
    from tokenizers import BertWordPieceTokenizer

    trained = BertWordPieceTokenizer(lowercase=True)
    special = [*settings.first, *settings.last]
    trained.train_from_iterator(sentences(asset), vocab_size=PIECES, special_tokens=special, show_progress=False)
    trained.save(str(folder / "tokenizer.json"))
    trained.save_model(str(folder))
    return trained.get_vocab()


def _unigram(folder: Path, asset: str, settings: TokenizerStandIn) -> dict[str, int]:
    tokens = _sentencepiece(folder / "spiece", asset, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, vocab_size=160)
    return tokens | {f"<extra_id_{number}>": len(tokens) + number for number in range(100)}  # T5's tokenizers add them


def _byte_fallback(folder: Path, asset: str, settings: TokenizerStandIn) -> dict[str, int]:
    options = {"model_type": "bpe", "byte_fallback": True, "vocab_size": PIECES, "unk_id": 0, "bos_id": 1, "eos_id": 2}
    tokens = _sentencepiece(folder / "tokenizer", asset, **options)
    added = {token: len(tokens) + number for number, token in enumerate(settings.last)}
    (folder / "added_tokens.json").write_text(json.dumps(added))
    return tokens | added


def _sentencepiece(path: Path, asset: str, **options: Any) -> dict[str, int]:
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=sentences(asset), model_prefix=str(path), character_coverage=1.0, minloglevel=2, **options
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=f"{path}.model")
    return {pieces.id_to_piece(number): number for number in range(len(pieces))}
