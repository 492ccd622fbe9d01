"""The graph of stages: what Snakemake tells of rules becomes edges between folders, without those that others imply."""

from __future__ import annotations

from relab.commands.graph import edges_of_rules, reduced, stages_of_rules

SUMMARY = """\
output_file	date	rule	log-file(s)	status	plan
results/report.html.provenance.json	-	build_report	-	missing	update pending
results/corpora/a/train.parquet	-	clean_corpus	-	missing	update pending
results/corpora/a/train.parquet.provenance.json	-	clean_corpus	-	missing	update pending
results/scores/x/tokens.parquet.provenance.json	-	tabulate_tokens	-	missing	update pending
results/tables/x/tokens.csv	-	tabulate_tokens	-	missing	update pending
"""

GRAPH = """\
flowchart TB
	id0[report]
	id1[build_report]
	id2[clean_corpus]
	style id0 fill:#57D967
	id2 --> id1
	id1 --> id0
"""


def test_the_stage_of_a_rule_is_the_folder_of_its_record():
    assert stages_of_rules(SUMMARY) == {"build_report": "report", "clean_corpus": "corpora", "tabulate_tokens": "scores"}


def test_edges_lead_from_what_is_read():
    assert edges_of_rules(GRAPH) == [("build_report", "report"), ("clean_corpus", "build_report")]


def test_an_edge_that_others_imply_is_left_out_and_stages_that_need_each_other_stay_joined():
    assert reduced([("a", "b"), ("a", "c"), ("b", "c")]) == [("a", "b"), ("b", "c")]
    circle = [("m", "r"), ("r", "m"), ("t", "m"), ("t", "r")]
    assert [edge for edge in reduced(circle) if edge[0] == "t"] == [("t", "r")]
    assert {("m", "r"), ("r", "m")} <= set(reduced(circle))
