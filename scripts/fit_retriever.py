"""Rank documents for queries: by the cosine of frozen features, by BM25, and by both with reciprocal-rank fusion.

Nothing is trained. Every document of the corpus is compared with every query, a block of documents at a time.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from relab.errors import run
from relab.jobs import job_parser, job_settings, record_provenance
from relab.settings.base import Int
from relab.settings.probes import Retriever


class Job(Retriever):
    """Settings of the job."""

    queries_are_documents: bool = Field(
        description="A query's id names it among the documents too: it is no result of its own."
    )
    threads: Int = Field(description="Compute threads.", ge=1)


def main() -> None:
    cli = job_parser(__doc__)
    cli.add_argument("--corpus", required=True, type=Path, metavar="FILE", help="the documents (Parquet: id, text)")
    cli.add_argument("--queries", required=True, type=Path, metavar="FILE", help="the queries (Parquet: id, text)")
    for part, texts in (("corpus", "documents"), ("query", "queries")):
        cli.add_argument(
            f"--{part}-features", nargs="+", required=True, type=Path, metavar="FILE",
            help=f"{{encoder}}/{{dataset}}/….safetensors: the {texts}' features, of each encoder",
        )  # fmt: skip
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the rankings (Parquet)")
    args = cli.parse_args()
    job = job_settings(args, Job)

    from threadpoolctl import threadpool_limits

    from relab.probes.rankings import write_rankings
    from relab.probes.retriever import open_collection, rank_documents

    collection = open_collection(job, args.corpus, args.queries, args.corpus_features, args.query_features)
    with record_provenance(args, outputs=[args.output]), threadpool_limits(job.threads):
        rankings = rank_documents(job, collection, job.queries_are_documents)
        write_rankings(args.output, rankings, collection.queries["id"], collection.corpus["id"])
    documents, queries = len(collection.corpus["id"]), len(collection.queries["id"])
    print(f"{len(rankings)} rankings of {documents:,} documents for {queries:,} queries")


if __name__ == "__main__":
    run(main)
