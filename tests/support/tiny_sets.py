"""How tests/data/tiny_sets and tests/data/tiny_bert were made: a classification, a choice and a retrieval set of lines of the
two texts beside them, and a BERT of random weights whose word pieces are their letters.

Run it as a program to write the files again: python tests/support/tiny_sets.py
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"
FOLDER, ENCODER = DATA / "tiny_sets", DATA / "tiny_bert"


def verses() -> tuple[list[str], list[str]]:
    """Lines of the play and verses of the Bible, no two alike."""
    play = (DATA / "comedy_of_errors_act_1.en.md").read_text(encoding="utf-8").splitlines()
    english = [line.strip() for line in play if re.match(r"[A-Z'].{25,60}$", line.strip())]
    bible = (DATA / "ruth_jonah_philemon.it.txt").read_text(encoding="utf-8").splitlines()
    italian = [line.strip() for line in bible if 25 < len(line.strip()) < 120]
    return list(dict.fromkeys(english)), list(dict.fromkeys(italian))


def write(folder: Path) -> None:
    """Write the files of the three sets."""
    folder.mkdir(parents=True, exist_ok=True)
    english, italian = verses()
    with open(folder / "rows.csv", "w", encoding="utf-8", newline="") as handle:
        rows = csv.writer(handle, lineterminator="\n")
        rows.writerow(["text", "language", "length"])
        for pair in zip(english[:55], italian[:55], strict=True):
            for language, text in zip(("0", "1"), pair, strict=True):
                rows.writerow([text, language, "short" if len(text) < 45 else "middle" if len(text) < 90 else "long"])
    with open(folder / "choices.jsonl", "w", encoding="utf-8") as handle:
        for place in range(40):
            choices = [english[place + 1], *(italian[(3 * place + step) % len(italian)] for step in range(3))]
            answer = place % 4
            choices[0], choices[answer] = choices[answer], choices[0]
            handle.write(
                json.dumps({"question": english[place], "choices": choices, "answer": answer}, ensure_ascii=False) + "\n"
            )
    for name, lines in (("corpus", english[:80]), ("queries", italian[:12])):
        with open(folder / f"{name}.jsonl", "w", encoding="utf-8") as handle:
            for place, text in enumerate(lines):
                handle.write(json.dumps({"_id": str(place), "text": text}, ensure_ascii=False) + "\n")
    pairs = "".join(f"{query}\t{(7 * query + step) % 80}\t1\n" for query in range(10) for step in range(2))
    (folder / "qrels.tsv").write_text(f"query-id\tcorpus-id\tscore\n{pairs}", encoding="utf-8")


def write_encoder(folder: Path) -> None:
    """Write the files of the encoder."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    letters = sorted(set("".join(sum(verses(), [])).lower()) - {" "})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 32}
    config = BertConfig(**sizes, vocab_size=len(pieces), max_position_embeddings=64, initializer_range=0.2)
    BertModel(config).save_pretrained(folder)
    BertTokenizer({piece: place for place, piece in enumerate(pieces)}, do_lower_case=True).save_pretrained(folder)


if __name__ == "__main__":
    write(FOLDER)
    write_encoder(ENCODER)
