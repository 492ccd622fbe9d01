"""Stand-ins of the full scale's encoder–decoders and data sets of pairs: the real names of files and columns, tiny contents."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

ARTICLE = (
    "Water on Mars has long been sought. The planet seems dry, and yet there is ice at its poles, some of it of water.\n"
    "Radar has found more of it below the ground. Rivers ran there once, as their dry beds show."
)
PLACES = ("old harbour in the north", "school behind the church", "cinema that has just opened")
MEETINGS = [(name, other, place) for name in ("Ann", "Ben", "Cleo") for other in ("Dan", "Eve", "Fay") for place in PLACES]
#: Dialogues with their summaries: lines that end as those of SAMSum do.
DIALOGUES = [
    (
        f'{name}: Do you come to the {place}?\r\n{other}: Yes, at {hour}!\r\n{name}: "Great", see you :)',
        f"{name} and {other} meet at {hour}.",
    )
    for hour, (name, other, place) in enumerate(MEETINGS)
]
SENTENCES = [
    (f"She saw {number} {noun} near the old gate.", f"Zobaczyła {number} {słowo} przy starej bramie, żółtą łódź i śnieg.")
    for number in range(12)
    for noun, słowo in (("birds", "ptaków"), ("dogs", "psów"), ("trees that had fallen", "drzew, które runęły"))
]

#: What facebook/bart-large-cnn is published with: the file of this text has the digest that the asset states.
BART_LARGE_CNN = {
    "_from_model_config": True,
    "bos_token_id": 0,
    "decoder_start_token_id": 2,
    "early_stopping": True,
    "eos_token_id": 2,
    "forced_bos_token_id": 0,
    "forced_eos_token_id": 2,
    "length_penalty": 2.0,
    "max_length": 142,
    "min_length": 56,
    "no_repeat_ngram_size": 3,
    "num_beams": 4,
    "pad_token_id": 1,
    "transformers_version": "4.27.0.dev0",
}


def write_model(asset: str, names: Sequence[str], folder: Path) -> None:
    """Write the files of these names of an asset: a T5 or a BART of random weights with a tokenizer of its kind."""
    made = folder.parent / f"{asset}-made"
    made.mkdir(parents=True)
    if asset.startswith("bart"):
        _make_bart(made, old=asset == "bart_base")
    else:
        _make_t5(made)
    folder.mkdir()
    for name in names:
        shutil.copy2(made / name, folder / name)


def generation_file() -> str:
    """The text of ``generation_config.json`` of :data:`BART_LARGE_CNN`."""
    return json.dumps(BART_LARGE_CNN, indent=2, sort_keys=True) + "\n"


def write_dataset(asset: str, folder: Path) -> None:
    """Write the files of a data set: SAMSum with one empty dialogue, or sentences in a column of a struct."""
    folder.mkdir(parents=True)
    if asset == "samsum":
        for split, rows in (("train", DIALOGUES[:18]), ("validation", DIALOGUES[18:22]), ("test", DIALOGUES[22:])):
            with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["id", "dialogue", "summary"])
                writer.writerows([number, *pair] for number, pair in enumerate(rows))
                if split == "train":
                    writer.writerow(["13828807", "", "problem with visualization of the content"])
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"id": str(number), "translation": {"en": en, "pl": pl}} for number, (en, pl) in enumerate(SENTENCES)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "train.parquet")


def texts() -> list[str]:
    """What tokenizers are trained on."""
    return [ARTICLE, "summarize: ", *(text for pair in [*DIALOGUES, *SENTENCES] for text in pair)]


def _make_bart(folder: Path, old: bool) -> None:
    """A BART with a byte-pair vocabulary; ``old``: its settings of generation stand in its configuration."""
    import torch
    from tokenizers.implementations import ByteLevelBPETokenizer
    from transformers import AutoTokenizer, BartConfig, BartForConditionalGeneration

    pairs = ByteLevelBPETokenizer()
    pairs.train_from_iterator(texts(), vocab_size=400, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    pairs.save_model(str(folder))
    sizes = {
        f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in (("layers", 1), ("attention_heads", 2))
    }
    config = BartConfig(
        vocab_size=pairs.get_vocab_size(), d_model=16, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=1024,
        init_std=0.5, **sizes,
    )  # fmt: skip
    torch.manual_seed(0)
    model = BartForConditionalGeneration(config)
    model.final_logits_bias[0, config.eos_token_id] = 8  # texts end by themselves
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    if old:
        (folder / "generation_config.json").unlink()
        said = {"forced_bos_token_id": 0, "forced_eos_token_id": 2, "num_beams": 4, "no_repeat_ngram_size": 3}
        settings = {**json.loads((folder / "config.json").read_text()), **said, "early_stopping": True}
        (folder / "config.json").write_text(json.dumps(settings))
    else:
        (folder / "generation_config.json").write_text(generation_file())


def _make_t5(folder: Path) -> None:
    """A T5 with a unigram model of SentencePiece, whose embeddings have more rows than there are pieces."""
    import sentencepiece
    import torch
    from transformers import AutoTokenizer, T5Config, T5ForConditionalGeneration

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for text in texts() for line in text.splitlines()), model_prefix=str(folder / "spiece"),
        vocab_size=140, character_coverage=1.0, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2,
    )  # fmt: skip
    asked = {"summarization": {"num_beams": 4, "min_length": 30, "no_repeat_ngram_size": 3, "prefix": "summarize: "}}
    config = T5Config(
        vocab_size=250, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0,
        tie_word_embeddings=False, n_positions=512, task_specific_params=asked,
    )  # fmt: skip
    torch.manual_seed(0)
    T5ForConditionalGeneration(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    (folder / "special_tokens_map.json").write_text('{"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}')
