"""Import a tokenizer as published: files of an asset become a directory that `AutoTokenizer.from_pretrained` opens.

The files may be a model's. A tokenizer is read from tokenizer.json, vocab.json and merges.txt, vocab.txt, a SentencePiece
model, or a GGUF file, with the settings that lie beside it; vocab.json and merges.txt alone are taken for GPT-2's, vocab.txt
for BERT's.
"""

from __future__ import annotations

from pathlib import Path

from relab.errors import run
from relab.jobs import job_parser, job_settings, record_provenance
from relab.settings.tokenizers import PublishedTokenizer


def main() -> None:
    options = job_parser(__doc__)
    options.add_argument("--files", required=True, nargs="+", type=Path, metavar="FILE", help="files of the asset")
    options.add_argument("--output-dir", required=True, type=Path, metavar="FOLDER", help="tokenizer directory to write")
    args = options.parse_args()
    job_settings(args, PublishedTokenizer)

    from relab.characters import FILES
    from relab.published.tokenizer import import_tokenizer

    with record_provenance(args, outputs=[args.output_dir / name for name in FILES]):
        tokenizer = import_tokenizer(args.files, args.output_dir)
    print(f"{len(tokenizer)} tokens")


if __name__ == "__main__":
    run(main)
