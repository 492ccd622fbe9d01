"""The ledger: every claim can be reproduced, contradicted and, where it has conditions, not comparable."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from relab.claims import COLUMNS, CONTRADICTED, NOT_COMPARABLE, REPRODUCED, Scores, ledger, scores_by_writeup
from relab.errors import UserError
from relab.files import read_csv
from relab.scores import SCHEMA, score, with_summary, write_scores
from relab.settings import claims as settings
from relab.settings.base import canonical
from relab.settings.claims import (
    Above,
    Below,
    Between,
    Claim,
    Falls,
    Less,
    Measure,
    Near,
    SmallestAt,
    Within,
    load,
    parse,
    settings_named,
)
from relab.settings.config import resolve

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "config" / "claims.yaml"
CLAIMS = load(FILE)


class Unread(dict):
    """Scores that nobody may read."""

    def __getitem__(self, key):
        raise AssertionError("a score was read though the claim is not comparable")

    __contains__ = __getitem__


def metric(measure: Measure) -> str:
    step = {"first": 1, "last": 3}.get(measure.step, measure.step)
    return measure.metric if step is None else f"{measure.metric} at step {step}"


def rows(measure: Measure, mean: float, spread: float = 0.0, rest: str = "") -> list[dict]:
    """Scores of two seeds with this mean and this standard deviation."""
    apart = spread / 2**0.5
    return [
        score(measure.experiment + rest, seed, measure.split, metric(measure), value)
        for seed, value in ((0, mean - apart), (1, mean + apart))
    ]


def series(measure: Measure, values: dict[int, float]) -> list[dict]:
    return [row for step, value in values.items() for row in rows(measure.model_copy(update={"step": step}), value)]


def doctored(claim: Claim, holds: bool) -> list[dict]:
    """Scores with which a claim holds, or just does not."""
    test = claim.comparison
    match test:
        case Near():
            off = test.tolerance * (0.9 if holds else 1.1)
            return [row for measure in test.measures for row in rows(measure, test.value + off)]
        case Less():
            return rows(test.lower, 0.3) + rows(test.higher, 0.3 + test.margin + (0.01 if holds else -0.01))
        case Between():
            middle = 0.5 if holds else 0.9 - test.margin / 2
            return rows(test.floor, 0.2) + rows(test.measure, middle) + rows(test.ceiling, 0.9)
        case Falls():
            return series(test.measure, {1: 3.0, 2: 2.5, 3: 2.4 if holds else 2.6})
        case SmallestAt():
            return series(test.measure, {1: 3.0, test.step: 1.5, test.step + 1: 1.6 if holds else 1.4})
        case Above():
            return rows(test.measure, test.value + (0.01 if holds else -0.01))
        case Below():
            return rows(test.measure, test.value - (0.01 if holds else -0.01))
        case Within():
            return rows(test.measure, test.value - test.tolerance * (0.9 if holds else 1.1))
    raise AssertionError(f"no doctored scores for {test!r}")


def fitting(claim: Claim) -> dict[str, list]:
    """Settings with which a claim is comparable."""
    values: dict[str, list] = {}
    for condition in sorted(claim.comparable, key=lambda one: one.includes is not None):  # what is included decides last
        values[condition.setting] = (
            condition.includes
            or condition.exactly
            or (condition.one_of and condition.one_of[:1])
            or (condition.several and list(range(condition.several)))
            or [condition.at_least]
        )
    return values


def breaking(condition: settings.Predicate) -> list:
    if condition.several:
        return [1] * condition.several
    return [condition.at_least - 1] if condition.at_least is not None else ["something else"]


def verdict(claim: Claim, given: list[dict], values: dict[str, list] | None = None, name: str = "it") -> dict[str, str]:
    frame = pd.DataFrame(with_summary(given), columns=SCHEMA.names)
    scores = {claim.writeup: Scores(frame, "scores.parquet")}
    return ledger({name: claim}, fitting(claim) if values is None else values, scores).iloc[0].to_dict()


@pytest.mark.parametrize("name", CLAIMS)
def test_doctored_scores_flip_every_claim(name):
    claim = CLAIMS[name]
    good, bad = (verdict(claim, doctored(claim, holds), name=name) for holds in (True, False))
    assert (good["verdict"], bad["verdict"]) == (REPRODUCED, CONTRADICTED)
    assert good["claim"] == name and good["row"] == claim.row and good["says"] and good["source"] and good["expected"]
    assert good["found"] != bad["found"] and "2 seeds" in good["found"]
    assert good["reason"] == bad["reason"] == ""


@pytest.mark.parametrize("name", [name for name, claim in CLAIMS.items() if claim.comparable])
def test_each_condition_alone_makes_a_claim_not_comparable(name):
    claim = CLAIMS[name]
    for condition in claim.comparable:
        for values in (breaking(condition), []):
            settings_ = {**fitting(claim), condition.setting: values}
            row = ledger({name: claim}, settings_, Unread()).iloc[0]
            assert row["verdict"] == NOT_COMPARABLE
            assert condition.setting in row["reason"]
            assert row["found"] == "" and row["expected"]


def test_the_reason_names_the_setting_its_value_here_and_the_write_ups():
    claim = CLAIMS["A2-loss-w32-100"]
    values = {**fitting(claim), "models.char_gpt.training.steps": [500], "corpora.italian.asset": ["bible_db"]}
    assert ledger({"it": claim}, values, Unread())["reason"][0] == (
        "corpora.italian.asset is bible_db here, dante_lab or dante_complete in the write-up; "
        "models.char_gpt.training.steps is 500 here, 5000 in the write-up"
    )


def test_the_write_ups_losses_are_all_there():
    losses = {name: claim.comparison.value for name, claim in CLAIMS.items() if claim.reported}
    assert len(losses) == 16
    assert losses["A2-loss-w32-4900"] == 1.9509 and losses["A3-loss-w128-3000"] == 1.6058
    assert all(claim.reported.loss == claim.comparison.value for claim in CLAIMS.values() if claim.reported)


def config(*overlays: str) -> dict:
    def merged(base, over):
        return {
            **base,
            **{key: merged(base.get(key, {}), value) if isinstance(value, dict) else value for key, value in over.items()},
        }

    raw = yaml.safe_load((ROOT / "config" / "assets.yaml").read_text())
    for name in overlays:
        raw = merged(raw, yaml.safe_load((ROOT / "config" / name).read_text()))
    return raw


def comparable(values: dict[str, list]) -> set[str]:
    class Everything(dict):
        def __contains__(self, key):
            raise LookupError

    found = set()
    for name, claim in CLAIMS.items():
        try:
            ledger({name: claim}, values, Everything())
        except LookupError:
            found.add(name)
    return found


def test_what_can_be_decided_at_the_embedded_default():
    values = settings_named(CLAIMS, resolve(config("config.yaml")))
    assert all(values.values()), "a claim names a setting that does not exist"
    assert values["models.char_gpt.architecture.width"] == [32, 128]
    assert values["models.char_gpt.training.learning_rate"] == [0.0005]
    assert comparable(values) == {
        name for name, claim in CLAIMS.items()
        if not claim.reported and not isinstance(claim.comparison, SmallestAt) and name not in ("E1-last-loss", "B1-loss")
        and not name.startswith(("A6-agnews", "A6-emotion", "A7-emotion", "D1-", "D2-", "D4-"))
        and name not in ("E5-accuracy", "E6-accuracy") and not name.endswith("-distilbert")
    }  # fmt: skip
    assert len(comparable(values)) >= 12


def test_everything_can_be_decided_at_the_full_scale():
    # but the loss on a corpus that is not published, and the small scale's encoder fine-tuned
    small = {"E1-last-loss", "A7-frozen-balanced-minilm", "A7-frozen-skewed-minilm"}
    assert comparable(settings_named(CLAIMS, resolve(config("config.yaml", "full.yaml")))) == set(CLAIMS) - small


def test_settings_of_an_unknown_declaration_have_no_values():
    raw = config("config.yaml")
    raw["models"]["mine"] = raw["models"].pop("char_gpt")
    raw["chapters"]["char_gpt"]["models"] = "mine"
    values = settings_named(CLAIMS, resolve(raw))
    assert values["models.char_gpt.training.steps"] == []
    assert values["corpora.italian.asset"] == ["bible_db"]
    assert not {name for name in comparable(values) if CLAIMS[name].row in ("A1", "A2", "A3")}


def test_a_condition_may_name_a_method_of_a_sampling_whatever_its_name():
    def condition(setting: str) -> Claim:
        return LESS.model_copy(update={"comparable": [settings.Predicate(setting=setting, several=2)]})

    paths = [
        "samplings.arguments.length",
        "samplings.arguments.methods.greedy.do_sample",
        "samplings.arguments.methods.sampling at temperature 0.7.temperature",
        "samplings.arguments.methods.no such one.do_sample",
        "samplings.arguments.methods.greedy",
        "samplings.none.length",
    ]
    raw = config("config.yaml")
    methods = {"greedy": {}, "sampling at temperature 0.7": {"do_sample": True, "temperature": 0.7}}
    raw["samplings"]["arguments"] |= {"length": 40, "methods": methods}
    values = settings_named({path: condition(path) for path in paths}, resolve(raw))
    assert [values[path] for path in paths] == [[40], [False], [0.7], [], [], []]


LESS = Claim.model_validate(
    {
        "row": "A1", "writeup": "char_gpt", "says": "less", "source": "here",
        "comparison": {
            "kind": "less", "margin": 0.1,
            "lower": {"experiment": "c/width 128", "metric": "loss"}, "higher": {"experiment": "c/width 32", "metric": "loss"},
        },
    }
)  # fmt: skip
LOWER, HIGHER = LESS.comparison.lower, LESS.comparison.higher


@pytest.mark.parametrize(
    ("difference", "spread", "expected"),
    [
        (0.2, 0.0, REPRODUCED),
        (0.2, 0.06, REPRODUCED),
        (0.2, 0.08, NOT_COMPARABLE),
        (0.05, 0.08, NOT_COMPARABLE),
        (0.05, 0.03, CONTRADICTED),
        (-0.2, 0.08, CONTRADICTED),
    ],
)
def test_a_difference_is_decided_beyond_the_spread_of_both_only(difference, spread, expected):
    # the margin is 0.1: the spread of both, in quadrature, may reach as far as the difference lies from it
    found = verdict(LESS, rows(LOWER, 1.0, spread) + rows(HIGHER, 1.0 + difference, spread))
    assert found["verdict"] == expected
    assert found["reason"].startswith("the seeds' spread is too large to decide: 1.0000 ± ") == (expected == NOT_COMPARABLE)


def test_one_seed_has_no_spread_and_the_ledger_says_so():
    one = [score("c/width 128", 0, "validation", "loss", 1.0), score("c/width 32", 0, "validation", "loss", 1.2)]
    found = verdict(LESS, one)
    assert found["verdict"] == REPRODUCED
    assert found["found"] == "1.0000 (c/width 128, loss, validation, 1 seed), 1.2000 (c/width 32, loss, validation, 1 seed)"


def test_near_takes_the_spread_into_account():
    claim = CLAIMS["A2-loss-w32-100"]
    (validation, train), value = claim.comparison.measures, claim.comparison.value
    far = rows(train, value + 1)
    assert verdict(claim, far + rows(validation, value + 0.15))["verdict"] == CONTRADICTED
    assert verdict(claim, far + rows(validation, value + 0.15, spread=0.06))["verdict"] == REPRODUCED
    # either of the two losses will do
    assert verdict(claim, rows(validation, value + 1) + rows(train, value))["verdict"] == REPRODUCED


def sided(kind: str, value: float = 0.5) -> Claim:
    measure = {"experiment": "arguments/greedy", "metric": "repeated 4-grams", "split": "texts"}
    comparison = {"kind": kind, "value": value, "measure": measure} | ({"tolerance": 0.1} if kind == "within" else {})
    return Claim.model_validate({"row": "A5", "writeup": "char_gpt", "says": kind, "source": "here", "comparison": comparison})


def one_seed(value: float, low: float, high: float, rest: str = "") -> list[dict]:
    return [score("arguments/greedy" + rest, 7, "texts", "repeated 4-grams", value, 54, low, high)]


@pytest.mark.parametrize(
    ("low", "high", "above", "below"),
    [
        (0.6, 0.8, REPRODUCED, CONTRADICTED),
        (0.2, 0.4, CONTRADICTED, REPRODUCED),
        (0.4, 0.6, NOT_COMPARABLE, NOT_COMPARABLE),
        # an interval that ends at the value does not lie beyond it
        (0.3, 0.5, CONTRADICTED, NOT_COMPARABLE),
        (0.5, 0.7, NOT_COMPARABLE, CONTRADICTED),
        # neither does what is known to be the value itself
        (0.5, 0.5, CONTRADICTED, CONTRADICTED),
    ],
)
def test_with_one_seed_its_own_interval_decides_on_which_side_of_a_value_it_lies(low, high, above, below):
    for kind, expected in (("above", above), ("below", below)):
        found = verdict(sided(kind), one_seed((low + high) / 2, low, high))
        assert found["verdict"] == expected
        figures = (
            f"(arguments/greedy, repeated 4-grams, texts, 1 seed), 95 % bootstrap interval {low:.4f} to {high:.4f}, n = 54"
        )
        assert figures in (found["found"] or found["reason"])
        assert found["reason"].startswith("the value lies within the interval: ") == (expected == NOT_COMPARABLE)
        assert f"{kind} 0.5 with its whole interval (over seeds; with one seed, over the texts or prompts" in found["expected"]


@pytest.mark.parametrize(
    ("mean", "spread", "above", "below"),
    [
        (0.7, 0.1, REPRODUCED, CONTRADICTED),
        (0.3, 0.1, CONTRADICTED, REPRODUCED),
        (0.55, 0.1, NOT_COMPARABLE, NOT_COMPARABLE),
        (0.55, 0.01, REPRODUCED, CONTRADICTED),
    ],
)
def test_with_several_seeds_their_spread_decides_on_which_side_of_a_value_they_lie(mean, spread, above, below):
    for kind, expected in (("above", above), ("below", below)):
        claim = sided(kind)
        found = verdict(claim, rows(claim.comparison.measure, mean, spread))
        assert found["verdict"] == expected
        assert f"{mean:.4f} ± {spread:.4f} (arguments/greedy" in (found["found"] or found["reason"])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.45, 0.55, REPRODUCED),
        (0.4, 0.6, REPRODUCED),
        (0.41, 0.61, NOT_COMPARABLE),
        (0.2, 0.9, NOT_COMPARABLE),
        (0.3, 0.39, CONTRADICTED),
        (0.61, 0.9, CONTRADICTED),
    ],
)
def test_what_is_called_equal_lies_in_its_range_with_the_whole_interval(low, high, expected):
    claim = sided("within")
    found = verdict(claim, one_seed((low + high) / 2, low, high))
    assert found["verdict"] == expected
    assert f"95 % bootstrap interval {low:.4f} to {high:.4f}, n = 54" in (found["found"] or found["reason"])
    assert "within 0.5 ± 0.1 with its whole interval" in found["expected"]
    assert found["reason"].startswith("an end of the range lies within the interval: ") == (expected == NOT_COMPARABLE)


def test_every_experiment_of_a_measure_must_lie_on_the_right_side():
    right, wrong = one_seed(0.7, 0.6, 0.8), one_seed(0.3, 0.2, 0.4, rest=", other")
    open_ = one_seed(0.5, 0.4, 0.6, rest=", third")
    assert verdict(sided("above"), right + wrong + open_)["verdict"] == CONTRADICTED
    assert verdict(sided("above"), right + open_)["verdict"] == NOT_COMPARABLE
    assert verdict(sided("above", 0.1), right + wrong + open_)["verdict"] == REPRODUCED


def test_one_seed_without_an_interval_decides_nothing():
    nan = float("nan")
    found = verdict(sided("above"), one_seed(0.7, nan, nan))
    assert found["verdict"] == NOT_COMPARABLE
    figures = "0.7000 (arguments/greedy, repeated 4-grams, texts, 1 seed)"
    assert found["reason"] == f"one seed and no interval (counted: 54): {figures}"
    # a seed without a value is no second seed
    lost = [score("arguments/greedy", 8, "texts", "repeated 4-grams", nan, 0)]
    assert verdict(sided("above"), lost + one_seed(0.7, 0.6, 0.8))["verdict"] == REPRODUCED


def test_experiments_are_compared_where_their_other_settings_agree():
    both = [row for rest in (", batch 32", ", batch 256") for row in rows(LOWER, 1.0, rest=rest) + rows(HIGHER, 1.2, rest=rest)]
    assert verdict(LESS, both)["verdict"] == REPRODUCED
    worse = rows(LOWER, 1.0, rest=", batch 32") + rows(LOWER, 1.0, rest=", batch 256")
    worse += rows(HIGHER, 1.2, rest=", batch 32") + rows(HIGHER, 1.05, rest=", batch 256")
    assert verdict(LESS, worse)["verdict"] == CONTRADICTED
    assert "width 32, batch 256" in verdict(LESS, worse)["found"]
    with pytest.raises(UserError, match="agree in none of their other settings"):
        verdict(LESS, rows(LOWER, 1.0, rest=", batch 32") + rows(HIGHER, 1.2, rest=", batch 256"))


def test_a_name_that_merely_begins_alike_is_another_experiment():
    with pytest.raises(UserError, match="claim it: scores.parquet: no score 'loss' .* experiment 'c/width 32'"):
        verdict(LESS, rows(LOWER, 1.0) + rows(HIGHER, 1.2, rest="0"))


def test_one_reference_stands_beside_all_experiments():
    claim = CLAIMS["A2-resembles"]
    test = claim.comparison
    fits = [row for rest in (", batch 32", ", batch 256") for row in rows(test.measure, 0.5, rest=rest)]
    references = rows(test.floor, 0.2) + rows(test.ceiling, 0.9)
    assert verdict(claim, fits + references)["verdict"] == REPRODUCED
    assert verdict(claim, fits + rows(test.measure, 0.95, rest=", batch 64") + references)["verdict"] == CONTRADICTED


def test_text_as_real_as_the_floor_or_beyond_the_ceiling_contradicts():
    claim = CLAIMS["A3-resembles"]
    for middle in (0.2, 0.24, 0.88, 0.95):
        given = rows(claim.comparison.floor, 0.2) + rows(claim.comparison.measure, middle) + rows(claim.comparison.ceiling, 0.9)
        assert verdict(claim, given)["verdict"] == CONTRADICTED


def test_a_comparable_claim_without_scores_is_an_error():
    with pytest.raises(
        UserError, match="claim it: scores.parquet: no score 'loss' .validation. of an experiment 'c/width 128'"
    ):
        verdict(LESS, rows(HIGHER, 1.2))
    with pytest.raises(UserError, match="claim it: no scores of the write-up 'char_gpt' were given"):
        ledger({"it": LESS}, {}, {})


def test_a_score_without_a_value_decides_nothing():
    row = verdict(LESS, rows(HIGHER, 1.2) + [score("c/width 128", 0, "validation", "loss", float("nan"), n=0)])
    assert row["verdict"] == NOT_COMPARABLE
    assert row["reason"] == "loss (validation) of c/width 128 has no value here (counted: 0)"


def test_one_step_shows_no_fall():
    claim = CLAIMS["A2-falls-w32"]
    row = verdict(claim, series(claim.comparison.measure, {1: 3.0}))
    assert (row["verdict"], row["reason"]) == (
        NOT_COMPARABLE,
        "loss of italian/width 32 (validation) is scored at one step only",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row": "first"}, "it.row: string should match pattern"),
        ({"comparision": {}}, "it.comparision: unknown key; did you mean comparison"),
        ({"comparable": [{"setting": "threads"}]}, "it.comparable.0: expected exactly one of one_of, exactly, includes"),
        ({"comparable": [{"setting": "threads", "at_least": 1, "several": 2}]}, "it.comparable.0: expected exactly one of"),
        ({"says": "width {width}"}, r"it.says: \{width\} is not a key of the case \(there is none\)"),
        ({"cases": [{"a": 1}, {"a": 2}]}, "it.name: two claims have the id 'it'"),
        ({"comparison": {"kind": "nearly"}}, "it.comparison"),
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(UserError, match=message):
        parse({"it": {**LESS.model_dump(mode="json", exclude_none=True), **change}})


def test_broken_yaml_is_named(tmp_path):
    (tmp_path / "claims.yaml").write_text("a:\n  b: [1\nc: 2\n")
    with pytest.raises(UserError, match=r"claims.yaml, line \d: not YAML"):
        load(tmp_path / "claims.yaml")
    (tmp_path / "claims.yaml").write_text("[]")
    with pytest.raises(UserError, match="claims.yaml: expected declarations by key"):
        load(tmp_path / "claims.yaml")


def test_a_filled_brace_keeps_its_type():
    raw = LESS.model_dump(mode="json", exclude_none=True)
    raw |= {"cases": [{"margin": 0.25}], "says": "by {margin}"}
    raw["comparison"] = {**raw["comparison"], "margin": "{margin}"}
    claim = parse({"it": raw})["it"]
    assert (claim.comparison.margin, claim.says) == (0.25, "by 0.25")


def test_the_program_writes_the_ledger(tmp_path):
    claims = {name: CLAIMS[name] for name in ("A1-width-italian", "A2-loss-w32-100")}
    raw = {name: claim.model_dump(mode="json", exclude_none=True) for name, claim in claims.items()}
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    scores = tmp_path / "char_gpt" / "scores.parquet"
    write_scores(scores, with_summary(doctored(claims["A1-width-italian"], True)))
    spec = {"settings": {**fitting(claims["A1-width-italian"]), "models.char_gpt.training.steps": [500]}}
    command = [sys.executable, ROOT / "scripts" / "score_claims.py", "--claims", tmp_path / "claims.yaml", "--scores", scores]
    command += ["--output", tmp_path / "ledger.csv", "--provenance", tmp_path / "p.json", "--spec", canonical(spec)]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = read_csv(tmp_path / "ledger.csv")
    assert list(table.columns) == COLUMNS
    assert table["verdict"].to_list() == [REPRODUCED, NOT_COMPARABLE]
    assert set(json.loads((tmp_path / "p.json").read_text())["inputs"]) == {str(tmp_path / "claims.yaml"), str(scores)}


def test_scores_are_told_apart_by_write_up(tmp_path):
    for writeup, value in (("char_gpt", 1.0), ("stories", 2.0)):
        write_scores(tmp_path / writeup / "scores.parquet", with_summary(rows(LOWER, value)))
    found = scores_by_writeup([tmp_path / "char_gpt" / "scores.parquet", tmp_path / "stories" / "scores.parquet"])
    assert {name: one.find(LOWER)[""].value for name, one in found.items()} == {"char_gpt": 1.0, "stories": 2.0}


@pytest.mark.parametrize(
    ("condition", "values", "reason"),
    [
        ({"one_of": [1, 2]}, [1, 3], "is 1 and 3 here, 1 or 2 in the write-up"),
        ({"exactly": [1, 2]}, [1], "is 1 here, 1 and 2 in the write-up"),
        ({"includes": [1, 2, 3]}, [1, 4], "is 1 and 4 here, without the write-up's 2 and 3"),
        ({"at_least": 300}, [20], "is 20 here, at least 300 needed"),
        ({"several": 2}, [5], "is 5 here, at least 2 different values needed"),
        ({"one_of": ["a"]}, [], "is not set here, a in the write-up"),
        ({"one_of": [0.0005]}, [0.001], "is 0.001 here, 0.0005 in the write-up"),
    ],
)
def test_reasons(condition, values, reason):
    claim = LESS.model_copy(update={"comparable": [settings.Predicate(setting="threads", **condition)]})
    assert ledger({"it": claim}, {"threads": values}, Unread())["reason"][0] == f"threads {reason}"
