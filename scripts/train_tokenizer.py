"""Make the tokenizer of a corpus, as a directory that `AutoTokenizer.from_pretrained` opens.

kind character: every character of the training and of the validation text is a token, as in the lecture, and so are the
characters that stand between two documents and the line end, from which texts are sampled. Of a data set of pairs: every
character, or every match of a pattern, of their sources and targets, and tokens for padding, the end and the unknown.

kind byte_pair: byte-level byte-pair encoding as GPT-2's, trained on the training text alone.

kind sentencepiece: SentencePiece's byte-pair encoding, trained on the training text alone; the same ids as SentencePiece's.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field
from transformers import PreTrainedTokenizerFast

from relab import bytepair, characters, sentencepieces
from relab.corpora.storage import documents, evenly_spaced_documents
from relab.datasets.storage import column_texts
from relab.errors import UserError, run
from relab.jobs import job_parser, job_settings, job_spec, record_provenance
from relab.settings.tokenizers import BytePairTokenizer, CharacterTokenizer, SentencePieceTokenizer


class CharacterSpec(CharacterTokenizer):
    """Settings of the job for characters."""

    separator: str = Field("", description="What stands between two documents of the corpus.")


def character_tokenizer(args: Namespace, spec: CharacterSpec) -> PreTrainedTokenizerFast:
    """A token for each character of both splits, of the separator and for the line end; of pairs, for each symbol."""
    if spec.dataset is not None:
        return characters.build_symbols((text for path in (args.train, args.validation) for text in sides(path)), spec.pattern)
    alphabet = set().union(*(document for path in (args.train, args.validation) for document in documents(path)))
    if not alphabet:
        raise UserError(f"{args.train}: no text, expected at least one character in it or in {args.validation}")
    return characters.build(alphabet | set(spec.separator) | {"\n"})


def byte_pair_tokenizer(args: Namespace, spec: BytePairTokenizer) -> PreTrainedTokenizerFast:
    """Byte-level byte-pair encoding of the training text."""
    texts = documents(args.train) if spec.dataset is None else sides(args.train)
    return bytepair.train(texts, spec.vocab_size, str(args.train))


def sentencepiece_tokenizer(args: Namespace, spec: SentencePieceTokenizer) -> PreTrainedTokenizerFast:
    """SentencePiece of documents evenly spread over the training text."""
    texts = evenly_spaced_documents(args.train, spec.documents) if spec.dataset is None else sides(args.train)
    return sentencepieces.train(texts, spec, str(args.train))


def sides(path: Path) -> Iterator[str]:
    """The sources and targets of a split of pairs, further references among them."""
    for _, texts in column_texts(path, ("source", "target", "references")):
        yield from texts


KINDS = {
    "character": (CharacterSpec, character_tokenizer),
    "byte_pair": (BytePairTokenizer, byte_pair_tokenizer),
    "sentencepiece": (SentencePieceTokenizer, sentencepiece_tokenizer),
}


def main() -> None:
    options = job_parser(__doc__)
    options.add_argument("--train", required=True, type=Path, metavar="FILE", help="training text, Parquet")
    options.add_argument("--validation", required=True, type=Path, metavar="FILE", help="validation text, Parquet")
    options.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help="tokenizer directory to write")
    args = options.parse_args()
    kind = job_spec(args).get("kind")
    if kind not in KINDS:
        raise UserError(f"--spec.kind: expected one of {', '.join(KINDS)}, found {kind}")
    settings, make_tokenizer = KINDS[kind]
    spec = job_settings(args, settings)
    with record_provenance(args, outputs=[args.output_dir / name for name in characters.FILES]):
        tokenizer = make_tokenizer(args, spec)
        characters.save(tokenizer, args.output_dir)
    print(f"{len(tokenizer)} {'characters' if kind == 'character' else 'tokens'}")


if __name__ == "__main__":
    run(main)
