"""Settings of samplings: where prompts come from, how methods ask, which files a job reads."""

from __future__ import annotations

import pytest

from relab.artefacts.samplings import KIND
from relab.errors import UserError
from relab.settings.base import check
from relab.settings.config import resolve
from relab.settings.samplings import Sampling

TABLE = {"file": "reviews.csv", "where": {"source": "rotten_tomatoes"}}
PAIRS = {"kind": "pairs", "title": "", "asset": "movie_reviews", "tables": {"all": TABLE}, "source": "text", "target": "label"}


def sampling(**more):
    return {"model": "smollm2", "prompts": ["a"], "methods": {"x": {}}, "length": 5, **more}


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"prompts": {"dataset": "d", "number": 0}}, "s.prompts.number: input should be greater than or equal to 1, found 0"),
        ({"prompts": {"corpus": "c", "number": 1}}, "s.prompts.tokens: this key is required"),
        ({"prompts": {"dataset": "d", "splits": "test"}}, "s.prompts.splits: unknown key; did you mean split?"),
        (
            {"prompts": {"dataset": "d", "asset": "a"}},
            "s.prompts: expected a list of texts, or one of the keys corpus, dataset",
        ),
        ({"prompts": {"number": 3}}, "asset, found number"),
        ({"prompts": "Once"}, "s.prompts: expected a list of texts, or one of the keys corpus, dataset, asset, found 'Once'"),
        ({"methods": {"x": {"template": "Say it"}}}, "s.methods.x: template: expected a text with {source} in it once"),
        (
            {"methods": {"x": {"template": "{source} {text}"}}},
            "s.methods.x: template: expected {source} alone in braces, found",
        ),
        ({"methods": {"x": {"template": "{source} {}"}}}, "found {} in '{source} {}'"),
        ({"methods": {"x": {"system": "Be brief."}}}, "s.methods.x: system: expected only with chat"),
        ({"methods": {"x": {"min_new_tokens": 6}}}, "s: methods.x.min_new_tokens: expected at most the length, 5 tokens"),
    ],
)
def test_mistakes_are_told_in_one_sentence(more, sentence):
    with pytest.raises(UserError) as error:
        check(Sampling, sampling(**more), "s")
    assert sentence in str(error.value)


@pytest.mark.parametrize("template", ['{"text": "{source}"}', "{{source}} of {a text}", "def f() { return {source} }"])
def test_other_braces_are_text(template):
    assert check(Sampling, sampling(methods={"x": {"template": template}}), "s").methods["x"].template == template


@pytest.fixture
def raw(merged):
    """The default configuration with a data set of pairs, and nothing in its report."""
    configuration = merged()
    configuration["datasets"]["made_pairs"] = PAIRS
    return configuration


@pytest.mark.parametrize(
    ("prompts", "files"),
    [
        ({"dataset": "made_pairs"}, {"dataset": "results/datasets/made_pairs/test.parquet"}),
        ({"dataset": "made_pairs", "split": "train", "number": 2}, {"dataset": "results/datasets/made_pairs/train.parquet"}),
        ({"asset": "movie_reviews"}, {"files": ["results/assets/movie_reviews/reviews.csv"]}),
        (["a"], {}),
    ],
)
def test_a_job_reads_what_its_prompts_are_taken_from(raw, prompts, files):
    raw["samplings"]["mine"] = sampling(prompts=prompts)
    raw["samplings"]["plain"] = sampling()
    artefacts = resolve(raw).artefacts
    inputs = {name: KIND.makers[0].inputs(artefacts, sampling=name) for name in ("mine", "plain")}
    assert inputs["mine"] == {**inputs["plain"], **files}


def test_prompts_of_another_kind_of_data_set_are_refused(raw):
    raw["samplings"]["mine"] = sampling(prompts={"dataset": "balanced"})
    with pytest.raises(
        UserError, match=r"^samplings\.mine\.prompts\.dataset: 'balanced' is of the kind classification, expected"
    ):
        resolve(raw)
