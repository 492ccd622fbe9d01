"""The ledger: every claim can be reproduced, contradicted and, where it has conditions, not comparable."""

import json

import numpy as np
import pytest
import yaml
from support.claims import CLAIMS, LESS, ROOT, breaking, fitting, rows, series, verdict
from support.runs import run_job

from relab.claims.ledger import ledger
from relab.claims.scores import scores_by_writeup
from relab.claims.verdicts import COLUMNS, CONTRADICTED, FACT, NOT_COMPARABLE, REPRODUCED, UNDECIDED
from relab.errors import UserError
from relab.files import read_csv
from relab.scores import with_summary, write_scores
from relab.settings import claims as settings
from relab.settings.base import canonical
from relab.settings.claims import (
    Above,
    Always,
    Below,
    Between,
    Claim,
    Fact,
    Falls,
    Less,
    Measure,
    Near,
    SmallestAt,
    Sometimes,
    Within,
    claims_of,
    parse,
    settings_named,
)
from relab.settings.config import resolve
from relab.settings.writeups import load


class Unread(dict):
    """Scores that nobody may read."""

    def __getitem__(self, key):
        raise AssertionError("a score was read though the claim is not comparable")

    __contains__ = __getitem__


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
        case Always():
            return rows(test.measure, test.value, noise=0.0 if holds else 0.01)
        case Sometimes():
            return rows(test.measure, test.value, noise=0.01 if holds else 0.0)
    raise AssertionError(f"no doctored scores for {test!r}")


FACTS = [name for name, claim in CLAIMS.items() if isinstance(claim.comparison, Fact)]


@pytest.mark.parametrize("name", [name for name in CLAIMS if name not in FACTS])
def test_doctored_scores_flip_every_claim(name):
    claim = CLAIMS[name]
    good, bad = (verdict(claim, doctored(claim, holds), name=name) for holds in (True, False))
    assert (good["verdict"], bad["verdict"]) == (REPRODUCED, CONTRADICTED)
    assert good["claim"] == name and good["row"] == claim.row and good["says"] and good["source"] and good["expected"]
    assert good["found"] != bad["found"] and "2 seeds" in good["found"]
    assert good["reason"] == bad["reason"] == ""


@pytest.mark.parametrize("name", FACTS)
def test_what_no_scores_could_contradict_is_listed_as_a_fact(name):
    claim = CLAIMS[name]
    found = {verdict(claim, rows(claim.comparison.measure, value))["verdict"] for value in (0.0, 0.5, 1.0)}
    assert found == {FACT}
    assert verdict(claim, rows(claim.comparison.measure, 0.5))["reason"] == claim.comparison.because


def random_scores(claim: Claim, random, noise: float, spread: float) -> list[dict]:
    """Scores around where a claim is decided: means that ``random`` draws, and how far seeds and units lie from them."""
    test, seeds = claim.comparison, int(random.integers(1, 4))

    def some(measure: Measure, around: float, width: float = 1.0) -> list[dict]:
        return rows(measure, around + width * random.normal(), noise=noise, spread=spread, seeds=seeds, random=random)

    match test:
        case Near():
            return [row for measure in test.measures for row in some(measure, test.value, test.tolerance)]
        case Less():
            return some(test.lower, 0.0) + some(test.higher, test.margin)
        case Between():
            return some(test.floor, -1.0) + some(test.measure, 0.0) + some(test.ceiling, 1.0)
        case Falls() | SmallestAt():
            steps = [1, getattr(test, "step", 2), getattr(test, "step", 2) + 1]
            return [
                row for step in steps for row in some(test.measure.model_copy(update={"step": step}), -float(step == steps[1]))
            ]
        case Above() | Below():
            return some(test.measure, test.value)
        case Within():
            return some(test.measure, test.value, test.tolerance)
    raise AssertionError(f"no random scores for {test!r}")


def first_of_each_kind() -> dict[str, str]:
    kinds = {claim.comparison.kind: name for name, claim in reversed(CLAIMS.items())}
    return {kind: kinds[kind] for kind in sorted(kinds) if kind not in ("always", "sometimes", "fact")}


@pytest.mark.parametrize("kind", first_of_each_kind())
@pytest.mark.parametrize("source", ["units", "seeds", "both"])
def test_noisier_scores_decide_less_and_never_more(kind, source):
    """The same means with ever more noise: what is decided may become undecided, and nothing else happens."""
    claim = CLAIMS[first_of_each_kind()[kind]]
    undecided = 0
    for case in range(8):
        size = float(np.random.default_rng([1, case]).choice([0.05, 0.3, 1.0]))
        verdicts = []
        for factor in (0.0, 0.2, 0.5, 1.0, 2.0, 5.0):
            noise, spread = size * (factor if source != "seeds" else 0.3), size * (factor if source != "units" else 0.3)
            scale = getattr(claim.comparison, "tolerance", 1.0)
            random = np.random.default_rng([2, case])
            verdicts.append(verdict(claim, random_scores(claim, random, noise * scale, spread * scale))["verdict"])
        for before, after in zip(verdicts, verdicts[1:], strict=False):
            assert after in (before, UNDECIDED), verdicts
        undecided += verdicts[-1] == UNDECIDED
    assert undecided > (0 if source == "units" else 2)


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
    losses = {name: claim.comparison.value for name, claim in CLAIMS.items() if name[:7] in ("A2-loss", "A3-loss")}
    assert len(losses) == 16
    assert losses["A2-loss-w32-4900"] == 1.9509 and losses["A3-loss-w128-3000"] == 1.6058


def config(*overlays: str) -> dict:
    def merged(base, over):
        laid = {
            key: merged(base.get(key, {}), value) if isinstance(value, dict) and isinstance(base.get(key, {}), dict) else value
            for key, value in over.items()
        }
        return {**base, **laid}

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
    # all but the files of an article, where the default has one in its settings
    assert [path for path, found in values.items() if not found] == ["samplings.summaries.prompts.asset"]
    assert values["models.char_gpt.architecture.width"] == [32, 128]
    assert values["models.char_gpt.training.learning_rate"] == [0.0005]
    assert comparable(values) == {
        name for name, claim in CLAIMS.items()
        if not isinstance(claim.comparison, SmallestAt) and name not in ("E1-last-loss", "B1-loss", "B3-verbatim")
        and not name.startswith(("A2-loss", "A3-loss", "A6-agnews", "A6-emotion", "A7-emotion", "D1-", "D2-", "D4-"))
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
    for row in ("A1", "A2", "A3"):
        raw["rows"][row]["models"] = "mine"
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row": "the first"}, "it.row: string should match pattern"),
        ({"cases": "A2.losses"}, "it.cases: 'A2.losses' is not among the tables of reported figures"),
        ({"says": "as {A2.losses.last.loss}"}, r"it.says: \{A2.losses.last.loss\} is not among the reported figures"),
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


@pytest.fixture
def folder(tmp_path):
    """A folder of one write-up, whose claims are to be written."""
    (tmp_path / "report.yaml").write_text("title: T\nopening: O\n")
    row = {"id": "A1", "title": "T", "reported": "{A1.losses.last.loss:.1f}", "tables": ["it"]}
    row["reported_figures"] = {"losses": {"first": {"step": 0, "loss": 9}, "last": {"step": 5, "loss": 1.25}}}
    chapter = {"id": "A", "key": "char_gpt", "title": "T", "source": "S", "rows": [row]}
    (tmp_path / "char_gpt.yaml").write_text(yaml.safe_dump(chapter))
    return tmp_path


def read(folder, more=None):
    return claims_of(folder, load(folder), more or {}, ["char_gpt", "mine"])


def test_broken_yaml_is_named(folder):
    (folder / "char_gpt.claims.yaml").write_text("a:\n  b: [1\nc: 2\n")
    with pytest.raises(UserError, match=r"char_gpt.claims.yaml, line \d: not YAML"):
        read(folder)
    (folder / "char_gpt.claims.yaml").write_text("[]")
    with pytest.raises(UserError, match="char_gpt.claims.yaml: expected declarations by key"):
        read(folder)


def test_reported_figures_are_cases_and_fill_texts(folder):
    near = {"kind": "near", "value": "{loss}", "tolerance": 1, "measures": [{"experiment": "a", "metric": "loss"}]}
    raw = {"row": "A1", "writeup": "char_gpt", "says": "{loss} at {step}, last {A1.losses.last.loss}", "source": "here"}
    (folder / "char_gpt.claims.yaml").write_text(
        yaml.safe_dump({"it": {**raw, "name": "it-{id}", "cases": "A1.losses", "comparison": near}})
    )
    found = read(folder)
    assert {name: claim.comparison.value for name, claim in found.items()} == {"it-first": 9, "it-last": 1.25}
    assert found["it-first"].says == "9 at 0, last 1.25"
    assert load(folder).chapters[0].rows[0].reported == "1.2"


def test_claims_of_a_users_own_follow_and_must_be_of_a_chapter_that_there_is(folder):
    mine = LESS.model_dump(mode="json", exclude_none=True) | {"row": "mine", "writeup": "mine"}
    assert list(read(folder, {"mine": mine})) == ["mine"]
    with pytest.raises(UserError, match="claims: mine.writeup: 'mien' is not among the chapters; did you mean 'mine'"):
        read(folder, {"mine": mine | {"writeup": "mien"}})


def test_a_filled_brace_keeps_its_type():
    raw = LESS.model_dump(mode="json", exclude_none=True)
    raw |= {"cases": [{"margin": 0.25}], "says": "by {margin}"}
    raw["comparison"] = {**raw["comparison"], "margin": "{margin}"}
    claim = parse({"it": raw})["it"]
    assert (claim.comparison.margin, claim.says) == (0.25, "by 0.25")


def test_the_program_writes_the_ledger(folder, tmp_path):
    claims = {name: CLAIMS[name] for name in ("A1-width-italian", "A2-loss-w32-100")}
    raw = {name: claim.model_dump(mode="json", exclude_none=True) for name, claim in claims.items()}
    (folder / "char_gpt.claims.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    scores = tmp_path / "char_gpt" / "scores.parquet"
    write_scores(scores, with_summary(doctored(claims["A1-width-italian"], True)))
    other = raw["A1-width-italian"] | {"row": "A9"}
    spec = {"settings": {**fitting(claims["A1-width-italian"]), "models.char_gpt.training.steps": [500]}}
    spec |= {"rows": ["A1", "A2"], "chapters": ["char_gpt"], "claims": {"of-a-row-that-is-not-shown": other}}
    words = ["--writeups", folder, "--scores", scores, "--inputs", scores, "--output", tmp_path / "ledger.csv"]
    words += ["--provenance", tmp_path / "p.json", "--spec", canonical(spec)]
    done = run_job(ROOT / "scripts" / "score_claims.py", *words)
    assert done.returncode == 0, done.stderr
    table = read_csv(tmp_path / "ledger.csv")
    assert tuple(table.columns) == COLUMNS
    assert table["verdict"].to_list() == [REPRODUCED, NOT_COMPARABLE]
    assert set(json.loads((tmp_path / "p.json").read_text())["inputs"]) == {str(scores)}


def test_scores_are_told_apart_by_write_up(tmp_path):
    measure = LESS.comparison.lower
    for writeup, value in (("char_gpt", 1.0), ("stories", 2.0)):
        write_scores(tmp_path / writeup / "scores.parquet", with_summary(rows(measure, value)))
    found = scores_by_writeup([tmp_path / "char_gpt" / "scores.parquet", tmp_path / "stories" / "scores.parquet"])
    assert {name: one.find(measure)[""].estimate.value for name, one in found.items()} == {"char_gpt": 1.0, "stories": 2.0}


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
