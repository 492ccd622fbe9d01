"""Settings of rows of policies: their jobs, what these read, which rows are refused and in which words."""

from __future__ import annotations

import pytest

from relab.errors import UserError
from relab.rows.policies.names import MeasureSpec
from relab.settings.base import check
from relab.settings.config import resolve


@pytest.fixture
def declared(merged):
    """A function from changed keys of the row B8, and changed samplings, to the resolved configuration."""

    def declared(samplings=None, **changed):
        raw = merged()
        for name, keys in (samplings or {}).items():
            raw["samplings"][name] |= keys
        row = {key: value for key, value in raw["rows"]["B8"].items() if key != "name"}
        raw["rows"] = {"mine": {**row, "chapter": "chapter", "title": "Mine", "text": "Mine.", **changed}}
        return resolve(raw | {"chapters": {"chapter": {"title": "Mine"}}})

    return declared


def test_what_measures_texts_reads_all_that_scores_them(declared, merged):
    resolved = declared()
    row = resolved.rows["mine"]
    inputs = row.settings.inputs("measure", row.paths, resolved.artefacts)
    spec = check(MeasureSpec, row.settings.spec("measure", row.paths, resolved.artefacts), "--spec")
    assert inputs["weights"] == "results/models/film/model.safetensors"  # the reference, from which divergences are measured
    assert inputs["reward_weights"] == "results/reward_models/film/model.safetensors"
    assert inputs["judge"] == "results/probes/film_judge/probes.skops"
    assert inputs["samples"] == [f"results/samples/{name}.jsonl" for system in spec.order for name in spec.systems[system]]
    assert spec.order == ["SFT", "PPO β 0.3", "PPO β 0.05", "DPO β 0.5", "DPO β 0.1"]
    assert list(spec.systems["DPO β 0.1"].values()) == merged()["models"]["film_dpo"]["sweep"]["seed"]


def test_ways_of_learning_that_a_row_lacks_have_no_curves(declared):
    figures = [set(declared(**changed).rows["mine"].figures) for changed in ({}, {"dpo": {}}, {"ppo": {}})]
    assert figures[0] - figures[1] == {"dpo_curves"} and figures[0] - figures[2] == {"ppo_curves"}


def test_a_row_without_a_judge_needs_none(declared):
    assert "film_judge" not in declared(judge=None).needed["probes"]
    assert "film_judge" in declared().needed["probes"]


@pytest.mark.parametrize(
    ("changed", "samplings", "message"),
    [
        ({"ppo": {}, "dpo": {}}, {}, "rows.mine: expected policies, ppo or dpo, found none"),
        ({"reference_name": "PPO β 0.3"}, {}, "rows.mine: expected a name for each system, found 'PPO β 0.3' twice"),
        (
            {"reference": "docstrings_base"},
            {},
            "rows.mine.reference: expected a sampling for the prompts of a data set of preferences, found docstrings_base",
        ),
        (
            {"ppo": {"PPO": "film_dpo_far"}},
            {},
            "rows.mine.ppo.PPO: expected texts of a model of the kind ppo that starts from film, found those of film-dpo-0.1-",
        ),
        (
            {},
            {"film_ppo_dear": {"length": 12}},
            "rows.mine.ppo.PPO β 0.3: expected prompts, length, number and stop of film, found those of film-ppo-0.3-s0",
        ),
        (
            {},
            {"film": {"methods": {"drawn": {"do_sample": True, "top_k": 5}}}},
            "rows.mine.reference: expected one method that draws from the whole distribution (do_sample), found film",
        ),
        (
            {},
            {"film_ppo_dear": {"name": "of-{model}", "sweep": {"model": ["film-ppo-0.3-s0", "film-ppo-0.05-s1"]}}},
            "rows.mine.ppo.PPO β 0.3: expected texts of models that differ in their seed alone, found of-film-ppo-0.3-s0, ",
        ),
        (
            {"judge": {"probe": "film_judge", "preferred": "good"}},
            {},
            "rows.mine.judge.preferred: expected a class of film_judge (negative, positive), found 'good'",
        ),
    ],
)
def test_what_does_not_compare_is_refused(declared, changed, samplings, message):
    with pytest.raises(UserError) as error:
        declared(samplings=samplings, **changed)
    assert message in str(error.value)
