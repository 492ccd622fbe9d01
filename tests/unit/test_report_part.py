"""A report of some rows: what it shows, needs and claims; the same from the settings of its job as from the configuration."""

from __future__ import annotations

import json

import pytest
from support.claims import fitting, rows

from relab.claims.ledger import ledger
from relab.claims.scores import Scores
from relab.errors import UserError
from relab.scores import with_summary
from relab.settings import report
from relab.settings.base import canonical
from relab.settings.claims import Claim
from relab.settings.config import resolve
from relab.settings.report import PageSpec
from relab.settings.writeups import load

MINE = {"kind": "texts", "chapter": "mine", "title": "Texts", "text": "Mine.", "samplings": ["arguments"]}
CLAIM = {
    "row": "my_texts",
    "writeup": "mine",
    "says": "It repeats itself",
    "source": "me",
    "comparison": {"kind": "above", "value": 0, "measure": {"experiment": "x", "metric": "repeated 4-grams"}},
}


@pytest.fixture
def part(merged):
    """A function from ids of rows to the default configuration of a report of these, two rows of a user's among all."""

    def part(*ids: str):
        raw = merged() | {"chapters": {"mine": {"title": "Mine"}}, "claims": {"mine-repeats": CLAIM}}
        raw["rows"] |= {"my_texts": MINE, "also_mine": MINE}
        return resolve(raw | ({"report": {"rows": list(ids)}} if ids else {}))

    return part


def ids(resolved) -> list[str]:
    return [section.id for chapter in resolved.contents.chapters for section in chapter.rows]


def test_a_part_needs_its_own_artefacts_jobs_and_claims_alone(part):
    found = part("A5")
    assert ids(found) == ["A5"] and list(found.rows) == ["A5"]
    needed = {kind: names for kind, names in found.needed.items() if names}
    assert needed == {"assets": ["smollm2"], "models": ["smollm2"], "samplings": ["arguments"]}
    assert [(row.paths.name, step.name) for row, step in found.steps] == [
        ("arguments", "score"), ("arguments", "tabulate"), ("arguments", "draw"),
    ]  # fmt: skip
    assert {claim.row for claim in found.claims_shown.values()} == {"A5"} and found.claims_shown
    assert list(report.overview_tables(found)) == ["assets"]
    assert report.scores(found) == ["results/scores/char_gpt/arguments.parquet"]
    assert [path for path in report.records(found) if "results/tables" in path] == [
        f"results/tables/{path}.provenance.json"
        for path in ("overview/overview", "overview/ledger.csv", "char_gpt/arguments.csv")
    ]


def test_a_section_that_shows_two_rows_needs_both(part):
    assert list(part("D6").rows) == ["D6", "D6_command"]


def test_a_users_row_alone_has_its_claims(part):
    found = part("my_texts")
    assert ids(found) == ["my_texts"] and list(found.claims_shown) == ["mine-repeats"]
    spec = report.ledger_spec(found)
    assert (spec["rows"], spec["chapters"], list(spec["claims"])) == (["my_texts"], ["mine"], ["mine-repeats"])


def test_a_row_that_needs_nothing_has_no_overview(part):
    found = part("B7")
    assert not any(found.needed.values()) and report.overview_tables(found) == {}
    assert not [path for path in (*report.tables(found), *report.records(found)) if "overview/overview" in path]


def test_the_whole_report_has_all_of_it(part):
    found = part()
    assert found.rows == found.declared_rows and ids(found)[-2:] == ["my_texts", "also_mine"]
    assert found.claims_shown == found.claims


@pytest.mark.parametrize("names", [(), ("A5",), ("my_texts", "B7"), ("E2",)])
def test_the_page_has_what_the_rules_made_for_it_in_the_same_order(part, checkout, names):
    found = part(*names)
    spec = json.loads(canonical(report.page_spec(found)))
    page = report.page_contents(PageSpec(**spec), load(checkout / "config/writeups"))
    assert (report.tables(found), found.contents.targets()[1]) == page.targets()
    assert page.catalogue.items() <= found.contents.catalogue.items()


def test_a_name_that_no_section_has_is_refused(part):
    with pytest.raises(UserError) as error:
        part("A5", "D6_command")
    assert str(error.value).startswith("report.rows: 'D6_command' is not among the rows of the report")


@pytest.mark.parametrize(("row", "hint"), [("my_text", "; did you mean 'my_texts'?"), ("D6_command", "")])
def test_a_claim_of_a_row_that_the_report_has_not_is_refused(merged, row, hint):
    raw = merged() | {"chapters": {"mine": {"title": "Mine"}}, "claims": {"mine-repeats": {**CLAIM, "row": row}}}
    raw["rows"] |= {"my_texts": MINE}
    with pytest.raises(UserError) as error:
        resolve(raw)
    assert str(error.value) == f"claims.mine-repeats.row: {row!r} is not among the rows of the report{hint}"


def test_rows_that_a_run_leaves_out_take_their_sections_and_claims_with_them(merged):
    raw = merged()
    raw["rows"] |= dict.fromkeys([key for key in raw["rows"] if key[0] != "A"])
    found = resolve(raw)
    assert {chapter.id for chapter in found.contents.chapters} == {"A"}
    assert {claim.row[0] for claim in found.claims_shown.values()} == {"A"}


def test_a_claim_that_rests_on_a_row_that_is_left_out_is_not_comparable(part):
    claims = {name: claim for name, claim in part("E2").claims_shown.items() if name == "E2-overfits"}
    settings = fitting(claims["E2-overfits"])
    for scores in ({}, {"mingpt": _scores(Claim(**CLAIM))}):
        verdicts = ledger(claims, settings, scores)
        assert verdicts["verdict"].to_list() == ["not comparable"]
        assert verdicts["reason"].str.match("this run has no scores|no row of this run computes").all()


def _scores(claim: Claim) -> Scores:
    import pandas as pd

    return Scores(pd.DataFrame(with_summary(rows(claim.comparison.measure, 1.0))))
