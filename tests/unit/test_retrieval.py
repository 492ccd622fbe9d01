"""Retrieval: exact search by cosine in blocks, BM25, fusion, files of rankings, measures, what chance is expected to reach."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import Stemmer

from relab.errors import UserError
from relab.features.store import Features, feature_writer
from relab.metrics.random_ranking import expected_measures
from relab.metrics.retrieval import Retrieval
from relab.metrics.retrieval_names import MAP, MRR, NDCG, recall
from relab.probes import rankings
from relab.probes.fusion import fuse
from relab.probes.lexical import bm25
from relab.probes.search import Ranked, best_documents, exclude_documents, expand_texts, nearest_documents
from relab.settings.base import check
from relab.settings.probes import STEMMERS, Bm25, Retriever

RANDOM = np.random.default_rng(0)


def blocks(vectors, size):
    return [vectors[start : start + size] for start in range(0, len(vectors), size)]


def full_sort(queries, documents):
    """Documents by falling cosine, equal ones in order, from all similarities at once."""
    units = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (queries.astype(float), documents.astype(float))]
    return np.argsort(-(units[0] @ units[1].T).astype(np.float32), axis=1, kind="stable")


def test_search_finds_what_a_full_sort_finds_whatever_the_block():
    documents = RANDOM.standard_normal((300, 7), dtype=np.float32)
    documents[100:200] = documents[RANDOM.integers(0, 100, 100)]  # ties, far apart
    queries = RANDOM.standard_normal((150, 7), dtype=np.float32)
    order = full_sort(queries, documents)
    found = [nearest_documents(blocks(documents, size), queries, 20) for size in (300, 128, 21, 7, 1)]
    for one in found:
        assert (one.documents == order[:, :20]).all()
        assert (one.scores == found[0].scores).all() and (np.diff(one.scores, axis=1) <= 0).all()
    row = documents[order[3, 5]] @ queries[3] / np.linalg.norm(documents[order[3, 5]]) / np.linalg.norm(queries[3])
    assert found[0].scores[3, 5] == pytest.approx(row, abs=1e-6)


def test_equal_cosines_come_in_the_order_of_documents_and_length_does_not_count():
    documents = np.array([[0, 3], [2, 0], [0, 0.1], [-1, 0], [7, 0], [0, 0]], np.float32)
    found = nearest_documents(blocks(documents, 2), np.array([[5, 0]], np.float32), 6)
    assert found.documents.tolist() == [[1, 4, 0, 2, 5, 3]]  # cosines 1, 1, 0, 0, 0 (of a vector of zeros), -1
    assert found.scores.tolist() == [[1, 1, 0, 0, 0, -1]]


def test_negative_zero_ties_with_zero():
    assert best_documents(np.array([[-0.0, 0.0, -1.0, 0.0]]), 4).documents.tolist() == [[0, 1, 3, 2]]


def test_fewer_documents_than_depth_are_all_ranked():
    found = nearest_documents([np.eye(3, dtype=np.float32)], np.array([[3, 1, 2]], np.float32), 100)
    assert found.documents.tolist() == [[0, 2, 1]]


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        (np.ones((2, 3)), "expected documents' vectors of the queries' width 2, found 3"),
        (np.array([[1, np.nan]]), "expected finite features, found one of a document that is not"),
    ],
)
def test_vectors_that_do_not_compare_are_refused(documents, message):
    with pytest.raises(UserError, match=message):
        nearest_documents([documents.astype(np.float32)], np.ones((1, 2), np.float32), 1)


def test_documents_of_equal_text_share_a_score_and_come_in_their_order():
    index = np.array([0, 1, 0, 2, 1])  # documents 0 and 2 are one text, 1 and 4 another
    found = Ranked(np.array([[1, 0, 2], [2, 1, 0]]), np.array([[0.5, 0.5, 0.1], [0.9, 0.2, 0.1]], np.float32))
    documents = expand_texts(found, index, 3)
    assert documents.documents.tolist() == [[0, 1, 2], [3, 1, 4]]
    assert documents.scores.tolist() == pytest.approx(np.array([[0.5, 0.5, 0.5], [0.9, 0.2, 0.2]]), abs=1e-6)
    assert expand_texts(found, index, 9).documents.tolist() == [[0, 1, 2, 4, 3], [3, 1, 4, 0, 2]]


def test_search_over_unique_texts_equals_search_over_all_documents(tmp_path):
    unique = RANDOM.standard_normal((30, 5), dtype=np.float32)
    later = RANDOM.permutation(np.concatenate([np.arange(30), RANDOM.integers(0, 30, 40)]))
    _, first, index = np.unique(later, return_index=True, return_inverse=True)
    index = np.argsort(np.argsort(first))[index]  # numbered as they first occur
    vectors = unique[later[np.sort(first)]]
    with feature_writer(tmp_path / "corpus.safetensors", 30, 5, {"index.text": index}) as arrays:
        for array in arrays.values():
            array[:] = vectors
    features, queries = Features(tmp_path / "corpus.safetensors"), RANDOM.standard_normal((9, 5), dtype=np.float32)
    found = expand_texts(nearest_documents(features.blocks("mean", 4), queries, 12), features.index("text"), 12)
    assert (found.documents == full_sort(queries, features.vectors("text", "mean"))[:, :12]).all()


def test_a_querys_own_document_is_left_out_and_others_move_up():
    found = Ranked(np.array([[4, 7, 2], [1, 3, 5], [6, 0, 8]]), np.array([[3.0, 2, 1]] * 3))
    kept = exclude_documents(found, [7, -1, 6], 2)
    assert kept.documents.tolist() == [[4, 2], [1, 3], [0, 8]]
    assert kept.scores.tolist() == [[3, 1], [3, 2], [2, 1]]
    assert exclude_documents(found, [7, -1, 6], 3).documents.tolist() == [[4, 2, -1], [1, 3, 5], [0, 8, -1]]


def test_bm25_is_the_formula_of_lucene():
    documents = ["the cat sat", "cats and dogs sit, cats", "a dog", "birds sing songs here"]
    found = bm25(documents, ["Cats sing!", "of the"], Bm25(k1=1.2, b=0.75), 4)
    # words of two letters, without stopwords, stemmed: cat sat · cat dog sit cat · dog · bird sing song here
    lengths = [2, 4, 1, 4]

    def weight(count, containing, place):
        idf = math.log(1 + (4 - containing + 0.5) / (containing + 0.5))
        return idf * count / (count + 1.2 * (1 - 0.75 + 0.75 * lengths[place] / np.mean(lengths)))

    scores = [weight(1, 2, 0), weight(2, 2, 1), 0.0, weight(1, 1, 3)]
    order = sorted(range(4), key=lambda place: -scores[place])
    assert found.documents[0].tolist() == order == [3, 1, 0, 2]
    assert found.scores[0] == pytest.approx([scores[place] for place in order], rel=1e-5)
    # a query of stopwords alone matches nothing: documents in their order, without a score
    assert found.documents[1].tolist() == [0, 1, 2, 3] and found.scores[1].tolist() == [0, 0, 0, 0]


def test_bm25_settings_act():
    documents = ["cats", "the cat", "dog dog dog dog"]
    assert bm25(documents, ["cat"], Bm25(), 1).documents.tolist() == [[0]]
    assert bm25(documents, ["cat"], Bm25(stemmer="none"), 1).documents.tolist() == [[1]]
    assert bm25(documents, ["the"], Bm25(stopwords="none"), 1).scores[0, 0] > 0
    with pytest.raises(UserError, match=r"^probes.p.stemmer: expected one of .*none, found 'klingon'$"):
        check(Bm25, {"stemmer": "klingon"}, "probes.p")
    assert set(STEMMERS) == {*Stemmer.algorithms(), "none"}, "the settings list Snowball's stemmers without asking for them"


def test_bm25_without_a_word_to_look_up_ranks_nothing_above_anything():
    ranking = bm25(["", "- -"], ["cat", "1"], Bm25(), 2)
    assert ranking.documents.tolist() == [[0, 1], [0, 1]] and not ranking.scores.any()


@pytest.mark.parametrize(
    "documents, queries",
    [
        (["面包师每天早上烤面包", "图书馆里有许多旧书", "灯塔建在海边"], ["谁烤面包", "旧书在哪里", "塔"]),
        (["パン屋は毎朝パンを焼く", "図書館には古い本がある", "灯台は海のそばにある"], ["誰がパンを焼く", "古い本", "灯台"]),
        (["คนทำขนมปังอบขนมปัง", "ห้องสมุดมีหนังสือเก่า", "ประภาคารอยู่ริมทะเล"], ["ใครอบขนมปัง", "หนังสือเก่า", "ทะเล"]),
        (["रोटी की दुकान", "पुरानी किताब यहाँ", "समुद्र के पास"], ["दुकान", "किताब", "समुद्र"]),
    ],
    ids=["Chinese", "Japanese", "Thai", "Hindi"],
)
def test_bm25_finds_words_in_scripts_without_blanks_and_with_marks(documents, queries):
    ranking = bm25(documents, queries, Bm25(), 1)
    assert ranking.documents[:, 0].tolist() == [0, 1, 2] and (ranking.scores > 0).all()


def test_fusion_by_hand():
    found = fuse([np.array([[5, 2, 9]]), np.array([[2, 7, -1]])], 60, 3)
    # 2: 1/62 + 1/61; 5: 1/61; 7: 1/62; 9: 1/63
    assert found.documents.tolist() == [[2, 5, 7]]
    assert found.scores[0] == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62], abs=1e-11)
    # equal sums come in the order of documents; what is in no ranking is no result
    tied = fuse([np.array([[8, 3]]), np.array([[3, 8]])], 60, 4)
    assert tied.documents.tolist() == [[3, 8, -1, -1]]


@pytest.fixture
def written(tmp_path):
    ranked = Ranked(np.array([[1, 0], [2, -1]]), np.array([[0.5, 0.25], [0.75, np.nan]], np.float32))
    found = {"minilm mean": ranked, "BM25": Ranked(np.array([[0, 2], [1, 0]]), np.array([[2.0, 1.0], [4.0, 3.0]]))}
    path = tmp_path / "rankings.parquet"
    rankings.write_rankings(path, found, ["q1", "q2"], ["a", "b", "c"])
    return path


def test_rankings_are_written_by_rank_and_read_back(written):
    frame = pd.read_parquet(written)
    assert list(frame) == ["system", "query", "document", "rank", "score"]
    assert frame.iloc[:3].to_numpy().tolist() == [
        ["minilm mean", "q1", "b", 1, 0.5], ["minilm mean", "q1", "a", 2, 0.25], ["minilm mean", "q2", "c", 1, 0.75],
    ]  # fmt: skip
    assert rankings.read_rankings(written) == {
        "minilm mean": {"q1": ["b", "a"], "q2": ["c"]},
        "BM25": {"q1": ["a", "c"], "q2": ["b", "a"]},
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda frame: frame.drop(columns="rank"),
            "no column 'rank'; expected the columns system, query, document, rank, score",
        ),
        (lambda frame: frame.assign(rank=frame["rank"] + 1), "minilm mean, query 'q1': expected ranks from 1 to 2, found 2"),
        (lambda frame: frame.assign(document="a"), "minilm mean, query 'q1': the document 'a' stands twice"),
    ],
)
def test_broken_rankings_are_refused(written, change, message):
    frame = change(pd.read_parquet(written))
    frame.to_parquet(written)
    with pytest.raises(UserError) as error:
        rankings.read_rankings(written)
    assert message in str(error.value)


def test_what_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "rankings.parquet").write_text("no", encoding="utf-8")
    with pytest.raises(UserError, match="expected rankings in Parquet"):
        rankings.read_rankings(tmp_path / "rankings.parquet")


@pytest.fixture
def measured(tmp_path):
    """A function from rankings and judgments by document to their measures."""
    metric = Retrieval(keep_in_memory=True, cache_dir=str(tmp_path))

    def measure(predictions, references):
        judged = [{"documents": list(one), "relevance": list(one.values())} for one in references]
        return metric.compute(predictions=predictions, references=judged)

    return measure


def test_measures_by_hand(measured):
    found = measured(
        [["x", "a", "y", "b"], [*"0123456789", "c"]],
        [{"a": 1, "b": 2, "z": 1, "x": 0}, {"c": 1}],
    )
    own = found["per_query"]
    ideal = 2 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    assert own[NDCG] == pytest.approx([(1 / math.log2(3) + 2 / math.log2(5)) / ideal, 0])
    assert own[MRR] == pytest.approx([1 / 2, 0])  # the second query's is at rank 11
    assert own[MAP] == pytest.approx([(1 / 2 + 2 / 4) / 3, 1 / 11])
    assert own[recall(1)].tolist() == [0, 0]
    assert own[recall(2)] == pytest.approx([1 / 3, 0])
    assert own[recall(5)] == pytest.approx([2 / 3, 0]) and own[recall(10)] == pytest.approx([2 / 3, 0])
    assert own[recall(20)] == pytest.approx([2 / 3, 1])
    assert found[MAP] == pytest.approx(np.mean(own[MAP])) and found[recall(20)] == pytest.approx(5 / 6)


def test_scores_flip_when_a_ranking_is_reversed(measured):
    ranking = [f"{place:03}" for place in range(40)]
    judged = [{name: 1 for name in ranking[:10]}]
    forwards, backwards = measured([ranking], judged), measured([ranking[::-1]], judged)
    for name in (NDCG, MRR, recall(10)):
        assert forwards[name] == 1 and backwards[name] == 0
    assert forwards[MAP] == 1 and backwards[MAP] < 0.2


@pytest.mark.parametrize(("grades", "documents", "depth"), [([1], 4, 4), ([1, 1], 5, 3), ([3, 1], 6, 100), ([1, 2, 1], 6, 2)])
def test_chance_is_the_mean_over_all_orders(measured, grades, documents, depth):
    judged = {str(place): grade for place, grade in enumerate(grades)}
    orders = [list(order)[:depth] for order in itertools.permutations(map(str, range(documents)))]
    found, told = measured(orders, [judged] * len(orders)), expected_measures(grades, documents, depth)
    if depth >= documents:
        assert told == pytest.approx({name: found[name] for name in told})
    else:  # the others look deeper than these rankings reach
        assert told[MAP] == pytest.approx(found[MAP])


def test_chance_of_one_relevant_document_among_many():
    told = expected_measures([1], 1000, 100)
    assert told[recall(100)] == pytest.approx(0.1) and told[recall(1)] == pytest.approx(0.001)
    assert told[MRR] == pytest.approx(sum(1 / rank for rank in range(1, 11)) / 1000)
    assert told[NDCG] == pytest.approx(sum(1 / math.log2(rank + 1) for rank in range(1, 11)) / 1000)


def test_settings_of_a_retriever_name_its_systems():
    from relab.probes.systems import retriever_systems

    probe = Retriever(kind="retriever", dataset="d", encoders=["x", "y"], pooling=["mean"])
    assert retriever_systems(probe) == ["x mean", "y mean", "BM25", "x mean + BM25", "y mean + BM25"]
