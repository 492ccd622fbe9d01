"""The ledger on the page: counts and groups of claims, and each claim's number on an axis."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import report_run

from relab.errors import UserError
from relab.report import ledger, tables


def claims(folder: Path, *rows: tuple[str, str, str]) -> tables.Data:
    path = folder / "ledger.csv"
    report_run.write_csv(
        path,
        [dict.fromkeys(ledger.COLUMNS, "") | {"claim": name, "row": row, "verdict": verdict} for name, row, verdict in rows],
    )
    return tables.read(str(path))


def test_the_ledger_counts_and_groups_in_the_order_of_the_rows(tmp_path):
    data = claims(
        tmp_path,
        ("z", "Z9", "reproduced"),
        ("u", "A10", "undecided"),
        ("f", "A2", "fact"),
        ("c", "A10", "not comparable"),
        ("b", "A2", "contradicted"),
        ("a", "A2", "not comparable"),
    )
    found = ledger.ledger(data, ["A2", "A10"])
    assert found.counts == {"reproduced": 1, "contradicted": 1, "undecided": 1, "not comparable": 2}
    assert {row: [claim["claim"] for claim in group] for row, group in found.by_row.items()} == {
        "A2": ["f", "b", "a"],
        "A10": ["u", "c"],
        "Z9": ["z"],
    }
    assert found.marks_of("A2") == [("contradicted", "✗", 1), ("not comparable", "–", 1), ("fact", "=", 1)]
    assert found.number("fact") == 1 and found.marks_of("B1") == []
    left = {row: [claim["claim"] for claim in group] for row, group in found.not_comparable.items()}
    assert left == {"A2": ["a"], "A10": ["c"]}
    assert [claim["claim"] for claim in found.of("A2")] == ["f", "b", "a"]


def numbers(**fields: str) -> tables.Record:
    empty = dict.fromkeys(ledger.COLUMNS, "")
    return tables.Record("ledger.csv", empty | {"quantity": "score", "quantities": "1"} | fields)


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"estimate": "1.9846", "low": "1.85693", "high": "2.11222"}, "1.98 [1.86, 2.11]"),
        ({"estimate": "-16.3545", "low": "-20.01", "high": "-12.699"}, "−16.4 [−20.0, −12.7]"),
        ({"estimate": "0.5", "low": "0.49", "high": "0.51", "quantity": "difference"}, "Δ 0.500 [0.490, 0.510]"),
        ({"estimate": "0.1", "low": "-0.1", "high": "0.3", "quantities": "4"}, "0.10 [−0.10, 0.30] 1 of 4"),
        ({"estimate": "15496", "low": "15496", "high": "15496"}, "15496"),
        ({"estimate": "1.25"}, "1.25"),
    ],
)
def test_the_line_of_a_claim_holds_the_number_that_decided_it(fields, shown):
    assert str(ledger.result(numbers(**fields))) == shown


def test_a_claim_that_was_not_compared_has_no_number():
    claim = numbers(claimed_low="1", claimed_high="2")
    assert ledger.result(claim) is None and ledger.bar(claim) == ""


@pytest.mark.parametrize(
    ("low", "high", "words", "style"),
    [
        # axes are longer than what lies on them by 12 % at each end
        ("0", "", "above 0", "--from:10%;--to:100%;--low:37%;--high:90%;--value:63%"),
        ("", "4", "below 4", "--from:0%;--to:90%;--low:10%;--high:63%;--value:37%"),
        ("1", "3", "2 ± 1", "--from:10%;--to:90%;--low:10%;--high:90%;--value:50%"),
        ("2", "2", "exactly 2", "--from:50%;--to:50%;--low:10%;--high:90%;--value:50%"),
        ("", "", "", ""),
    ],
)
def test_what_was_claimed_and_found_lie_on_one_axis(low, high, words, style):
    claim = numbers(claimed_low=low, claimed_high=high, estimate="2", low="1", high="3")
    assert (ledger.claimed(claim), ledger.bar(claim)) == (words, style)


def test_a_value_without_interval_and_the_reported_one_have_their_places():
    claim = numbers(claimed_low="1", claimed_high="3", reported="2", estimate="5")
    assert ledger.bar(claim) == "--from:10%;--to:50%;--reported:30%;--low:90%;--high:90%;--value:90%"
    same = numbers(claimed_low="1", claimed_high="1", estimate="1", low="1", high="1")
    assert ledger.bar(same).endswith("--value:50%")


def test_a_broken_ledger_is_refused(tmp_path):
    lacking = tmp_path / "lacking.csv"
    lacking.write_text("row\nA1\n")
    with pytest.raises(
        UserError,
        match="claim a: expected a verdict among reproduced, contradicted, undecided, not comparable, fact, found 'maybe'",
    ):
        ledger.ledger(claims(tmp_path, ("a", "A1", "maybe")), [])
    with pytest.raises(UserError, match="the claim 'a' stands there twice"):
        ledger.ledger(claims(tmp_path, ("a", "A1", "reproduced"), ("a", "A2", "reproduced")), [])
    with pytest.raises(UserError, match="no column 'claim'"):
        ledger.ledger(tables.read(str(lacking)), [])
