"""Comparing runs that were really made: their records hold what the comparison reads."""

from __future__ import annotations

from relab.comparison.artefacts import KEPT
from relab.comparison.compare import compare
from relab.comparison.page import build_page


def test_a_finished_run_and_its_copy(tiny_checkout, moved_checkout):
    comparison = compare(tiny_checkout, moved_checkout)
    assert comparison.a.scale == comparison.b.scale == "tiny" and comparison.settings == []
    assert len(comparison.scores) > 100 and set(comparison.scores["verdict"]) == {"unchanged"}
    assert {one.status for one in comparison.artefacts} == {KEPT}
    assert {one.job for one in comparison.artefacts} >= {"fetch_asset", "clean_corpus", "train_tokenizer", "train_model"}
    assert comparison.a.leftovers == []
    assert "No setting differs." in build_page(comparison, "scores.csv")
