"""The settings of a row of judged texts: what is refused, what its jobs read and are told, and a user's own row."""

from __future__ import annotations

import pytest

from relab.errors import UserError
from relab.settings.config import resolve

GRID = ["T 0.1, k 3", "T 1, k 3", "T 1, k 2", "T 0.5, k 2"]


@pytest.fixture
def raw(merged):
    """The default configuration, or that of an overlay, with the row of judged texts alone."""

    def configuration(*overlays):
        whole = merged(*overlays)
        return {**whole, "rows": {"D4": whole["rows"]["D4"]}}

    return configuration


def jobs(raw, key="D4"):
    """What each step of a row is told and what it reads."""
    resolved = resolve(raw)
    row = resolved.rows[key]
    given = (row.paths, resolved.artefacts)
    return {
        step.name: (row.settings.spec(step.name, *given), row.settings.inputs(step.name, *given)) for step in row.settings.steps
    }


def change(row, **settings):
    """A change of the row's settings, its temperature's in braces."""
    temperature = settings.pop("temperature", {})
    row.update(settings)
    if row.get("temperature"):
        row["temperature"].update(temperature)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samplings": ["stories_grid"] * 2}, "rows.D4.samplings: expected each once, found stories_grid, stories_grid"),
        ({"samplings": ["human"]}, "rows.D4.samplings: 'human' is the name of the held-out documents"),
        ({"samplings": ["grid"]}, "rows.D4.samplings: 'grid' is not among the samplings"),
        ({"examples": [0, 20]}, "rows.D4.examples: expected numbers below 20, of which stories_grid has texts, found 20"),
        (
            {"samplings": ["arguments"]},
            "rows.D4.examples: expected numbers below 1, of which arguments has texts, found 1",
        ),
        (
            {"judge": {"model": "smollm2", "human": 1, "equal_tokens": 4}},
            "rows.D4.examples: expected numbers below 1, of which human has texts, found 1",
        ),
        (
            {"judge": {"model": "minilm", "equal_tokens": 4}},
            "rows.D4.judge.model: 'minilm' is an encoder, expected a language model",
        ),
        (
            {"samplings": ["stories_comparison"], "temperature": None},
            "rows.D4.corpus: this key is required, since none of its samplings is of a model trained here",
        ),
        ({"corpus": "review"}, "rows.D4.corpus: 'review' is not among the corpora; did you mean 'reviews'?"),
    ],
)
def test_what_does_not_go_together_is_refused(raw, settings, message):
    configuration = raw()
    row = configuration["rows"]["D4"]
    if settings.pop("temperature", {}) is None:
        row["temperature"] = None
    change(row, **settings)
    with pytest.raises(UserError) as error:
        resolve(configuration)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"samplings": ["stories_grid", "stories_comparison"]},
            "temperature.samplings: expected samplings of one model, found those of smollm2, stories-s0",
        ),
        ({"samplings": ["stories_grid", "stories_grid"]}, "temperature.samplings: expected each once, found"),
        (
            {"samplings": ["stories_grid"]},
            "temperature.samplings: expected a method that draws with temperature 0.1, temperature_rule multiply, top_k 3 "
            "among those of the samplings stories_grid, found none",
        ),
        (
            {"methods": [*GRID, "T 1, k 4"]},
            "temperature.methods: 'T 1, k 4' is not among the methods of stories_grid, stories_a",
        ),
        ({"methods": ["T 1, k 3", "T 1, k 3"]}, "temperature.methods: expected each setting once, found T 1, k 3; T 1, k 3"),
        (
            {"methods": ["T 0.1, k 3", "T 0.5, k 2"]},
            "temperature.methods: expected two that differ in temperature alone, found T 0.1, k 3; T 0.5, k 2",
        ),
        ({"methods": ["T 1, k 3"]}, "temperature.methods: list should have at least 2 items"),
    ],
)
def test_settings_among_which_a_temperature_cannot_be_compared_are_refused(raw, settings, message):
    configuration = raw()
    change(configuration["rows"]["D4"], temperature=settings)
    with pytest.raises(UserError) as error:
        resolve(configuration)
    assert f"rows.D4.{message}" in str(error.value)


def test_a_greedy_method_is_no_setting_of_a_temperature(raw):
    configuration = raw()
    configuration["samplings"]["stories_grid"]["methods"]["greedy"] = {}
    change(configuration["rows"]["D4"], examples=[0], temperature={"methods": [*GRID, "greedy"]})
    with pytest.raises(UserError, match="rows.D4.temperature.methods: expected methods that draw, found 'greedy'"):
        resolve(configuration)


def test_temperatures_and_k_are_those_of_the_methods(raw):
    spec, _ = jobs(raw())["trace"]
    assert [(one["temperature"], one["top_k"]) for one in spec["settings"]] == [(0.1, 3), (1, 3), (1, 2), (0.5, 2)]
    scored = jobs(raw())["score"][0]["settings"]
    assert [one["reported"] for one in scored] == [56.25, 39.42, 38.7, 21.37]
    assert scored[0]["methods"] == {
        "divide": ("stories_grid", "T 0.1, k 3"),
        "multiply": ("stories_accounts", "T × 0.1, k 3"),
        "ignore": ("stories_grid", "T 1, k 3"),
    }


@pytest.mark.parametrize(("overlays", "shown"), [((), False), (("config/full.yaml",), True)])
def test_a_reported_perplexity_of_a_model_is_shown_beside_that_model_alone(raw, overlays, shown):
    reported = jobs(raw(*overlays))["tabulate"][0]["reported"]
    assert {f"stories_grid/{method}" for method in GRID} <= set(reported)
    assert ("stories_comparison/sampling" in reported) is shown


def test_human_texts_are_read_where_they_are_asked_for(raw):
    configuration = raw()
    (spec, files), (_, scored) = (jobs(configuration)[step] for step in ("measure", "score"))
    assert (spec["human"], files["human"]) == (20, "results/corpora/stories/validation.parquet")
    assert files["weights"] == "results/models/smollm2/model.safetensors"
    assert scored["train"] == "results/corpora/stories/train.parquet"
    configuration["rows"]["D4"]["judge"]["human"] = None
    steps = jobs(configuration)
    assert "human" not in steps["measure"][0] and "human" not in steps["measure"][1]
    assert steps["score"][0]["human"] is False and "human" not in steps["tabulate"][0]["titles"]


def test_a_users_row_of_texts_of_any_model(raw):
    configuration = raw()
    configuration["chapters"] = {"own": {"title": "Own"}}
    configuration["rows"]["texts"] = {
        **{"kind": "judged_texts", "chapter": "own", "title": "Judged", "text": "Why.", "examples": [0]},
        **{"samplings": ["stories_comparison", "arguments"], "judge": {"model": "smollm2", "equal_tokens": 4}},
        "corpus": "english",
    }
    steps = jobs(configuration, "texts")
    assert list(steps) == ["measure", "score", "tabulate", "draw"]
    row = resolve(configuration).rows["texts"]
    assert row.tables == {
        name: f"results/tables/own/texts_{name}.csv" for name in ("grid", "diversity", "examples")
    } and row.scores == ["results/scores/own/texts.parquet"]
    spec, files = steps["tabulate"]
    assert spec["settings"] == [] and spec["reported"] == {} and "distributions" not in files
    assert files["judgements"] == "results/judgements/own/texts.jsonl"
    assert spec["titles"] == {"stories_comparison": "stories_comparison", "arguments": "arguments"}  # both of one model
    assert steps["score"][1]["train"] == "results/corpora/english/train.parquet"
