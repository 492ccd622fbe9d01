"""Retrieval on a small collection: what the steps of a row write, what is scored beside what, which inputs are refused."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, ttest_1samp
from support.row_steps import run_step
from support.runs import run_job

from relab.datasets import storage
from relab.errors import UserError
from relab.features.store import feature_writer
from relab.files import read_csv
from relab.metrics.retrieval_names import RECALLS
from relab.probes import rankings
from relab.probes.retriever import open_collection
from relab.rows.job import Job
from relab.rows.retrieval.figures import draw_recall
from relab.rows.retrieval.files import read_probes
from relab.rows.retrieval.names import Spec
from relab.rows.retrieval.scores import per_query, retrieval_scores
from relab.scores import Summaries
from relab.settings.config import resolve
from relab.settings.probes import Retriever

ROOT = Path(__file__).resolve().parents[2]

TEXTS = [
    *(
        "a cat sleeps on the mat",
        "dogs bark at night",
        "the cat chases a dog",
        "rain falls on the hills",
        "night rain and wind",
    ),
    *("a cat sleeps on the mat", "NA", "birds sing in the rain", "the wind bends trees", "bread and butter"),
]
CORPUS = [{"id": f"d{index}", "text": text} for index, text in enumerate(TEXTS)]
#: Each query is a document, too. The text of d0 stands in d5 again.
QUERIES = [CORPUS[index] for index in (0, 2, 4, 7, 3, 8, 9)]
RELEVANT = {"d0": "d2 d5", "d2": "d0", "d4": "d3 d7", "d7": "d3", "d3": "d4", "d8": "d4", "d9": "d6"}
QRELS = [
    {"query": query, "document": document, "relevance": 1}
    for query, relevant in RELEVANT.items()
    for document in relevant.split()
]
PROBE = {"kind": "retriever", "dataset": "verses", "encoders": ["minilm"]}
SPEC = {"probes": {"lookup": {**PROBE, "queries_are_documents": True, "threads": 1}}, "order": ["lookup"]}
SYSTEMS = ["minilm cls", "minilm mean", "BM25", "minilm cls + BM25", "minilm mean + BM25"]


def write_features(path, texts, vectors):
    """Features of some texts, each vector by its text, a text once."""
    unique = list(dict.fromkeys(texts))
    path.parent.mkdir(parents=True, exist_ok=True)
    index = {"index.text": np.array([unique.index(text) for text in texts])}
    with feature_writer(path, len(unique), 4, index) as arrays:
        for column, (_, array) in enumerate(sorted(arrays.items())):
            array[:] = np.array([vectors[text][column] for text in unique])


def run(program, *arguments, spec):
    """Run a program of the checkout; its error, if it ends on one."""
    done = run_job(ROOT / "scripts" / f"{program}.py", *arguments, "--spec", json.dumps(spec))
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr if done.returncode else None


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set, its features, the rankings, and everything that the steps of a row make of them."""
    folder = tmp_path_factory.mktemp("retrieval")
    random = np.random.default_rng(1)
    vectors = {text: random.standard_normal((3, 4), dtype=np.float32) for text in TEXTS}
    kinds = {"corpus": storage.DOCUMENTS, "queries": storage.DOCUMENTS, "qrels": storage.QRELS}
    for (part, schema), rows in zip(kinds.items(), (CORPUS, QUERIES, QRELS), strict=True):
        storage.write(folder / f"datasets/verses/{part}.parquet", rows, schema)
        if part != "qrels":
            write_features(folder / f"features/minilm/verses/{part}.safetensors", [row["text"] for row in rows], vectors)
    assert fit(folder, "lookup") is None
    scores = folder / "retrieval.parquet"
    step("scores.score_rankings", folder, files(folder), {"scores": scores}, SPEC)
    tables = {"main": "retrieval", "recall": "recall", "retrieval_examples": "examples"}
    made = {name: folder / f"{table}.csv" for name, table in tables.items()}
    step("tables.tabulate", folder, {**files(folder), "scores": scores}, made, {**SPEC, "titles": {"verses": "Verses"}})
    drawn = {name: folder / f"{name}.svg" for name in ("retrieval", "retrieval_measures")}
    step("figures.draw", folder, {"recall": made["recall"], "systems": made["main"]}, drawn, {})
    return folder


def step(function, folder, inputs, outputs, spec):
    """Do a step of a row."""
    done = run_step(f"retrieval.{function}", inputs, outputs, spec, folder / "provenance.json")
    assert done.returncode == 0, done.stderr


def fit(folder, probe, **changed):
    """Rank with some settings changed."""
    data, features = folder / "datasets/verses", folder / "features/minilm/verses"
    return run(
        "fit_retriever", "--corpus", data / "corpus.parquet", "--queries", data / "queries.parquet",
        "--corpus-features", features / "corpus.safetensors", "--query-features", features / "queries.safetensors",
        "--output", folder / f"probes/{probe}/rankings.parquet", "--provenance", folder / f"probes/{probe}.json",
        spec={**PROBE, "queries_are_documents": True, "threads": 1, **changed},
    )  # fmt: skip


def files(folder):
    """What the rankings are scored and tabulated from, by name."""
    data = folder / "datasets/verses"
    return {
        "rankings": [folder / "probes/lookup/rankings.parquet"],
        **{part: [data / f"{part}.parquet"] for part in ("corpus", "queries", "qrels")},
    }


def retrieved(folder, spec=SPEC, **changed):
    job = Job({**files(folder), **changed}, {}, spec)
    return list(read_probes(job, job.settings(Spec)))


@pytest.fixture(scope="module")
def scores(folder):
    path = folder / "retrieval.parquet"
    return Summaries.read(path)


def test_no_query_finds_itself_but_the_same_text_elsewhere(folder):
    by_system = rankings.read_rankings(folder / "probes/lookup/rankings.parquet")
    assert list(by_system) == SYSTEMS
    for system, ranked in by_system.items():
        assert list(ranked) == list(RELEVANT)
        for query, documents in ranked.items():
            assert query not in documents
            if not system.endswith("+ BM25"):
                assert len(documents) == len(CORPUS) - 1  # all the others
        assert ranked["d0"][0] == "d5"


def test_blocks_and_threads_change_no_byte(folder):
    assert fit(folder, "again", block=3, threads=2) is None
    first, again = (folder / f"probes/{probe}/rankings.parquet" for probe in ("lookup", "again"))
    assert first.read_bytes() == again.read_bytes()


def test_cosine_ranking_and_its_fusion(folder):
    frame = pd.read_parquet(folder / "probes/lookup/rankings.parquet")
    values = {system: rows.set_index(["query", "document"])["score"] for system, rows in frame.groupby("system")}
    ranks = {system: rows.set_index(["query", "document"])["rank"] for system, rows in frame.groupby("system")}
    # BM25 ranks d9 for d4, since both hold nothing but "and", a stopword: no match, so the fusion counts the cosine alone
    assert values["BM25"]["d4", "d9"] == 0
    assert values["minilm mean + BM25"]["d4", "d9"] == pytest.approx(1 / (60 + ranks["minilm mean"]["d4", "d9"]), abs=1e-11)
    both = 1 / (60 + ranks["minilm mean"]["d4", "d3"]) + 1 / (60 + ranks["BM25"]["d4", "d3"])
    assert values["minilm mean + BM25"]["d4", "d3"] == pytest.approx(both, abs=1e-11)


def test_scores_are_those_of_the_rankings(folder, scores):
    by_system = rankings.read_rankings(folder / "probes/lookup/rankings.parquet")
    for system, ranked in by_system.items():
        ranks = {query: [ranked[query].index(name) + 1 for name in names.split()] for query, names in RELEVANT.items()}
        values = {
            "MRR@10": [1 / min(hits) for hits in ranks.values()],
            "MAP": [np.mean([count / rank for count, rank in enumerate(sorted(hits), 1)]) for hits in ranks.values()],
            "recall@2": [np.mean([rank <= 2 for rank in hits]) for hits in ranks.values()],
            "nDCG@10": [
                sum(1 / math.log2(rank + 1) for rank in hits) / sum(1 / math.log2(index + 2) for index in range(len(hits)))
                for hits in ranks.values()
            ],
        }
        for metric, expected in values.items():
            row = scores.per_seed(f"verses/{system}", metric, "test").iloc[0]
            assert row["value"] == pytest.approx(np.mean(expected))
            assert (row["n"], row["unit"]) == (7, "query")
            if set(expected) <= {0, 1}:
                ends = binomtest(int(sum(expected)), 7).proportion_ci(method="exact")
            else:
                ends = np.clip(ttest_1samp(expected, 0).confidence_interval(), 0, 1)
            assert [row["low"], row["high"]] == pytest.approx(list(ends))


def test_chance_counts_the_documents_but_the_querys_own(scores):
    assert scores.value("verses/chance", "recall@1", "test") == pytest.approx(1 / 9)
    assert scores.value("verses/chance", "recall@5", "test") == pytest.approx(5 / 9)
    assert scores.value("verses/chance", "recall@100", "test") == 1
    row = scores.per_seed("verses/chance", "recall@1", "test").iloc[0]
    assert row["unit"] == "exact" and row["low"] == row["high"] == row["value"]  # an expectation


def test_differences_are_paired_by_query(scores, folder):
    measures = per_query(retrieved(folder)[0])
    differences = measures["minilm mean"]["nDCG@10"] - measures["BM25"]["nDCG@10"]
    experiment = "verses/minilm mean − BM25"
    row, ends = scores.per_seed(experiment, "nDCG@10", "test").iloc[0], ttest_1samp(differences, 0).confidence_interval()
    assert [row["value"], row["low"], row["high"]] == pytest.approx([differences.mean(), ends.low, ends.high])
    signs = np.array(np.meshgrid(*[[-1, 1]] * 7)).reshape(7, -1)
    as_large = np.abs(differences @ signs / 7) >= abs(differences.mean()) - 1e-12
    assert scores.value(experiment, "nDCG@10 p", "test") == pytest.approx(as_large.mean())


def test_scores_flip_when_the_rankings_are_reversed(folder):
    probe = retrieved(folder)[0]
    best = {
        query: [*names.split(), *(row["id"] for row in CORPUS if row["id"] not in names.split())]
        for query, names in RELEVANT.items()
    }
    values = []
    for order in (1, -1):
        changed = {**probe.rankings, "minilm mean": {query: ranked[::order] for query, ranked in best.items()}}
        rows = list(retrieval_scores(dataclasses.replace(probe, rankings=changed)))
        values.append({(row["experiment"], row["metric"]): row["value"] for row in rows})
    first, last = values
    assert first["verses/minilm mean", "nDCG@10"] == first["verses/minilm mean", "recall@2"] == 1
    assert last["verses/minilm mean", "recall@2"] == 0 and last["verses/minilm mean", "MRR@10"] < 0.2
    difference = ("verses/minilm mean − BM25", "nDCG@10")
    assert first[difference] > 0 > last[difference]
    assert first["verses/BM25", "MAP"] == last["verses/BM25", "MAP"]


def test_other_queries_judgments_or_documents_are_other_data(folder):
    probe = retrieved(folder)[0]
    others = [
        dataclasses.replace(probe, queries={**probe.queries, "d0": "another"}),
        dataclasses.replace(probe, qrels={**probe.qrels, "d0": {"d2": 1}}),
        dataclasses.replace(probe, corpus={**probe.corpus, "d10": "one more"}),
    ]
    assert len({changed.data for changed in (probe, *others)}) == 4


def test_table_of_systems(folder, scores):
    table = read_csv(folder / "retrieval.csv", dtype=str)
    assert table["system"].tolist() == ["chance", *SYSTEMS]
    assert table["features"].fillna("").tolist() == ["", "[CLS]", "mean", "words", "both", "both"]
    assert set(table["data_set"]) == {"Verses"} and set(table["queries"]) == {"7"} and set(table["documents"]) == {"10"}
    row = table.set_index("system").loc["minilm mean"]
    assert row["ndcg_10"] == f"{scores.value('verses/minilm mean', 'nDCG@10', 'test'):.3f}"
    assert row["p"] == f"{scores.value('verses/minilm mean − BM25', 'nDCG@10 p', 'test'):.4f}"
    assert float(row["ndcg_10_low"]) <= float(row["ndcg_10"]) <= float(row["ndcg_10_high"])
    assert table.set_index("system").loc[["chance", "BM25"], "difference":"p"].isna().all(axis=None)
    assert table["ndcg_10_low"].isna().tolist() == [True, *[False] * 5]


def test_table_of_recall(folder, scores):
    table = read_csv(folder / "recall.csv", dtype=str)
    assert list(table) == ["data_set", "queries", "documents", "system", "k", "recall", "low", "high"]
    assert table["k"].tolist() == [str(k) for k in RECALLS] * 6
    row = table[(table["system"] == "BM25") & (table["k"] == "5")].iloc[0]
    assert row["recall"] == f"{scores.value('verses/BM25', 'recall@5', 'test'):.3f}"


def test_examples_are_the_first_queries(folder):
    table = read_csv(folder / "examples.csv")
    assert list(table) == ["data_set", "query", "system", "rank", "document", "relevant"]
    assert list(dict.fromkeys(table["query"])) == [row["text"] for row in QUERIES[:5]]
    assert list(dict.fromkeys(table["system"])) == ["BM25", "minilm mean", "minilm mean + BM25"]
    assert table["rank"].tolist() == [1, 2, 3] * 15
    first = table.iloc[0]
    assert (first["document"], first["relevant"]) == (TEXTS[5], "yes")
    ranked = rankings.read_rankings(folder / "probes/lookup/rankings.parquet")["BM25"]["d9"]
    assert "d9" not in ranked and set(table["relevant"]) == {"yes", "no"}


def test_the_figure_has_every_system_and_needs_its_columns(folder):
    assert (folder / "retrieval.svg").read_text(encoding="utf-8").startswith("<svg")
    table = read_csv(folder / "recall.csv")
    figure = draw_recall(pd.concat([table, table.assign(data_set="Others")]))
    assert [axes.get_title() for axes in figure.axes] == ["Verses", "Others"]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert set(SYSTEMS) < set(labels) and "a random ranking, expected" in labels
    with pytest.raises(UserError, match="recall.csv: the recalls by rank have no column 'low'"):
        draw_recall(table.drop(columns="low"), "recall.csv")


def changed_rankings(folder, tmp_path, change):
    frame = change(pd.read_parquet(folder / "probes/lookup/rankings.parquet"))
    path = tmp_path / "lookup/rankings.parquet"
    path.parent.mkdir()
    frame.to_parquet(path)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame[frame["query"] != "d4"], "minilm cls has no result for the query 'd4', which {qrels} judges"),
        (
            lambda frame: frame.replace({"query": {"d4": "d1"}}),
            "minilm cls has no result for the query 'd4', which {qrels} judges",
        ),
        (
            lambda frame: pd.concat([frame, frame[frame["query"] == "d4"].assign(query="d1")]),
            "minilm cls ranks documents for the query 'd1', which {qrels} does not judge",
        ),
        (
            lambda frame: frame.replace({"document": {"d9": "x"}}),
            "minilm cls ranks the document 'x', which is not in the corpus",
        ),
        (
            lambda frame: frame[frame["system"] != "BM25"],
            "expected the systems minilm cls, minilm mean, BM25, minilm cls + BM25, minilm mean + BM25, "
            "found minilm cls, minilm mean, minilm cls + BM25, minilm mean + BM25",
        ),
    ],
)
def test_rankings_that_do_not_fit_the_judgments_are_refused(folder, tmp_path, change, message):
    path = changed_rankings(folder, tmp_path, change)
    with pytest.raises(UserError) as error:
        retrieved(folder, rankings=[path])
    assert str(error.value) == f"{path}: {message.format(qrels=folder / 'datasets/verses/qrels.parquet')}"


def test_judgments_that_do_not_fit_are_refused(folder, tmp_path):
    path = tmp_path / "verses/qrels.parquet"
    storage.write(path, [*QRELS, {"query": "d1", "document": "d2", "relevance": 0}], storage.QRELS)
    with pytest.raises(UserError, match="the query 'd1' has no relevant document, expected one at least"):
        retrieved(folder, qrels=[path])
    storage.write(path, [*QRELS, {"query": "d1", "document": "d2", "relevance": 1}], storage.QRELS)
    with pytest.raises(UserError, match="judges the query 'd1', which is not among the queries"):
        retrieved(folder, qrels=[path])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({**SPEC, "order": ["lookup", "more"]}, "--spec: order: expected the names of the probes, found lookup, more"),
        (
            {"probes": {"a": PROBE, "b": PROBE}, "order": ["a", "b"]},
            "--spec: probes: expected one a data set, found the data sets verses, verses",
        ),
        ({"probes": {"a": {**PROBE, "dataset": "other"}}, "order": ["a"]}, "--input rankings: no file of a"),
        ({"probes": {"lookup": {**PROBE, "dataset": "other"}}, "order": ["lookup"]}, "--input corpus: no file of other"),
    ],
)
def test_settings_that_do_not_fit_are_refused(folder, spec, message):
    with pytest.raises(UserError) as error:
        retrieved(folder, spec)
    assert str(error.value) == message


def test_titles_are_of_tables_alone(merged):
    resolved = resolve(merged())
    row = next(row for row in resolved.rows.values() if row.settings.kind == "retrieval")
    score, tabulate = (row.settings.spec(step, row.paths, resolved.artefacts) for step in ("score", "tabulate"))
    assert "titles" not in score and tabulate["titles"].keys() == {probe["dataset"] for probe in tabulate["probes"].values()}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"encoders": ["minilm", "bert"]},
            "--corpus-features: no file of bert/verses/corpus",
        ),
        ({"encoders": ["bert"]}, "--corpus-features: no file of bert/verses/corpus"),
        (
            {"dataset": "other"},
            "--corpus: expected a file of the data set other, found {folder}/datasets/verses/corpus.parquet",
        ),
    ],
)
def test_features_of_something_else_are_refused(folder, changed, message):
    data, features = folder / "datasets/verses", folder / "features/minilm/verses"
    files = [
        data / "corpus.parquet",
        data / "queries.parquet",
        [features / "corpus.safetensors"],
        [features / "queries.safetensors"],
    ]
    with pytest.raises(UserError) as error:
        open_collection(Retriever(**{**PROBE, **changed}), *files)
    assert str(error.value) == message.format(folder=folder)


def test_features_of_other_texts_are_refused(folder, tmp_path):
    data, features = folder / "datasets/verses", folder / "features/minilm/verses"
    swapped = tmp_path / "minilm/verses/queries.safetensors"
    swapped.parent.mkdir(parents=True)
    swapped.write_bytes((features / "corpus.safetensors").read_bytes())
    files = [data / "corpus.parquet", data / "queries.parquet", [features / "corpus.safetensors"], [swapped]]
    with pytest.raises(UserError) as error:
        open_collection(Retriever(**PROBE), *files)
    assert str(error.value) == f"{swapped}: expected 7 texts as in {data / 'queries.parquet'}, found 10"


def test_a_program_tells_an_error_in_one_sentence(folder):
    error = fit(folder, "broken", bm25={"stemmer": "klingon"})
    assert error.count("\n") == 1 and error.startswith("error: --spec.bm25.stemmer: expected one of ")
    assert not (folder / "probes/broken").exists() or not list((folder / "probes/broken").iterdir())
