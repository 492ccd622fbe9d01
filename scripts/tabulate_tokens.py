"""Write the table of what a tokenizer makes of variants of one text (row A4)."""

from pathlib import Path

from relab.errors import run
from relab.jobs import parser, record, settings_of


def main() -> None:
    cli = parser(__doc__)
    cli.add_argument("--tokenizer", required=True, type=Path, metavar="DIR", help="tokenizer directory")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the table (CSV)")
    cli.add_argument("--scores", required=True, type=Path, metavar="FILE", help="the ids as scores (Parquet)")
    args = cli.parse_args()

    from relab.chapters.char_gpt.tokens import encoded, tokens_scores, tokens_table
    from relab.characters import FILES
    from relab.checkpoints import load_tokenizer
    from relab.files import write_csv
    from relab.scores import with_summary, write_scores
    from relab.settings.chapters import Tokens

    settings = settings_of(args, Tokens)
    with record(args, inputs=[args.tokenizer / name for name in FILES], outputs=[args.output, args.scores]):
        texts = encoded(load_tokenizer(args.tokenizer), settings.texts)
        write_csv(args.output, tokens_table(texts))
        write_scores(args.scores, with_summary(tokens_scores(texts)))


if __name__ == "__main__":
    run(main)
