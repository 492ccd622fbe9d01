"""The graph of stages: jobs that wait for each other become edges between folders, without those that others imply."""

from __future__ import annotations

import pytest

from relab.commands.graph import reduced, stage


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ("results/report.html.provenance.json", "report"),
        ("results/corpora/a/train.parquet.provenance.json", "corpora"),
        ("results/scores/x/tokens.parquet.provenance.json", "scores"),
    ],
)
def test_the_stage_of_a_job_is_the_folder_of_its_record(record, name):
    assert stage(record) == name


def test_an_edge_that_others_imply_is_left_out_and_stages_that_need_each_other_stay_joined():
    assert reduced([("a", "b"), ("a", "c"), ("b", "c")]) == [("a", "b"), ("b", "c")]
    circle = [("m", "r"), ("r", "m"), ("t", "m"), ("t", "r")]
    assert [edge for edge in reduced(circle) if edge[0] == "t"] == [("t", "r")]
    assert {("m", "r"), ("r", "m")} <= set(reduced(circle))
