"""Make the tokenizer of a corpus, as a directory that `AutoTokenizer.from_pretrained` opens.

Every character of the training and of the validation text is a token, as in the lecture, and so are the characters that
stand between two documents and the line end, from which texts are sampled.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from relab import characters
from relab.corpora.storage import documents
from relab.errors import UserError, run
from relab.jobs import parser, record, settings_of
from relab.settings.tokenizers import CharacterTokenizer


class Spec(CharacterTokenizer):
    """Settings of the job."""

    separator: str = Field(description="What stands between two documents of the corpus.")


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--train", required=True, type=Path, metavar="FILE", help="training text, Parquet")
    arguments.add_argument("--validation", required=True, type=Path, metavar="FILE", help="validation text, Parquet")
    arguments.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help="tokenizer directory to write")
    args = arguments.parse_args()
    spec = settings_of(args, Spec)
    texts = [args.train, args.validation]
    outputs = [args.output_dir / name for name in characters.FILES]
    with record(args, inputs=texts, outputs=outputs):
        found = set().union(*(document for path in texts for document in documents(path)))
        if not found:
            raise UserError(f"{args.train}: no text, expected at least one character in it or in {args.validation}")
        tokenizer = characters.build(found | set(spec.separator) | {"\n"})
        characters.save(tokenizer, args.output_dir)
    print(f"{len(tokenizer)} characters")


if __name__ == "__main__":
    run(main)
