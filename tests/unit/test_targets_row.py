"""Targets of made-up systems: what the steps of a row write, what metrics dispute by rule, which samples are refused."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import sacrebleu
from support import sampled_texts
from support.row_steps import run_step

from relab.datasets import storage
from relab.errors import UserError
from relab.files import read_csv
from relab.metrics import generation_names
from relab.report import tables as report_tables
from relab.report.environment import environment
from relab.report.tables import shown_columns
from relab.rows import registry
from relab.rows.job import Job
from relab.rows.registry import display_settings
from relab.rows.shared import text_metrics
from relab.rows.targets import names, scores, tables
from relab.rows.targets.figures import draw_metrics
from relab.scores import Summaries, write_summarised
from relab.settings.base import check
from relab.settings.writeups import Kind

REFERENCES = [
    "the dogs were running across the fields",
    "a small boat crossed the river at night",
    "yes",
    "seven men carried the heavy stone up the hill",
    "the queen gave her brother a golden ring",
    "nobody knew where the old road had gone",
]
SOURCES = [f"{text}. It was told again and again." for text in REFERENCES]
#: Two outputs are references, one has the right words in another order, one has them misspelled, two say something else.
MIXED = [
    REFERENCES[0],
    "river the crossed night boat small a at",
    REFERENCES[2],
    "sevenn menn carriedd thee heavyy stonee upp thee hilll",
    "the queen lost",
    "nobody knew it",
]
#: Runs of four words or more, and no more: what BLEU likes better than chrF, which wants the rest, too.
RUNS = [
    "dogs were running across",
    "crossed the river at",
    "yes",
    "carried the heavy stone",
    "queen gave her brother",
    "the old road had",
]
#: The whole text with a letter too many in each word: what chrF likes and BLEU does not.
LETTERS = [" ".join(f"{word}{word[-1]}" for word in text.split()) for text in REFERENCES]
METRICS = ["ROUGE-1", "ROUGE-2", "BLEU", "chrF", "exact match", "cut by the limit"]
SPEC = {
    "name": "short",
    "dataset": "tales",
    "split": "test",
    "systems": {
        "mixed": {"sampling": "first", "method": "plain"},
        "runs": {"sampling": "second", "method": "runs"},
        "letters": {"sampling": "second", "method": "letters"},
    },
    "order": ["mixed", "runs", "letters"],
    "baselines": ["copy", "lead"],
    "lead": 1,
    "metrics": METRICS,
    "compared_with": "mixed",
}


def lines(method, texts, rows=None, sources=SOURCES, **more):
    rows = range(len(texts)) if rows is None else rows
    return [
        sampled_texts.line(method, index, [7], text=text, prompt=sources[row], row=row, ended=index > 0, **more)
        for index, (row, text) in enumerate(zip(rows, texts, strict=True))
    ]


def write_inputs(folder, first=None, second=None, sources=SOURCES, references=REFERENCES):
    """The data set and the samples of a row; returns its inputs by name."""
    pairs = folder / "tales/test.parquet"
    rows = [{"source": a, "target": b, "references": []} for a, b in zip(sources, references, strict=True)]
    storage.write(pairs, rows, storage.PAIRS)
    first = lines("plain", MIXED, sources=sources) if first is None else first
    second = [*lines("runs", RUNS), *lines("letters", LETTERS)] if second is None else second
    samples = [sampled_texts.write(folder / f"{name}.jsonl", texts) for name, texts in (("first", first), ("second", second))]
    return {"pairs": [pairs], "samples": samples}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Everything that the steps of a row make."""
    folder = tmp_path_factory.mktemp("targets")
    inputs = write_inputs(folder)
    step("scores.score_targets", folder, inputs, {"scores": folder / "short.parquet"}, SPEC)
    made = {name: folder / f"{name}.csv" for name in ("main", "differences", "outputs", "telling", "disagreements", "metrics")}
    step("tables.tabulate", folder, {**inputs, "scores": folder / "short.parquet"}, made, {**SPEC, "examples": 2})
    drawn = {name: folder / f"{name}.svg" for name in ("metrics", "differences")}
    inputs = {"systems": made["main"], "differences": made["differences"]}
    step("figures.draw", folder, inputs, drawn, {"metrics": METRICS[:4], "baselines": ["the source itself"]})
    return folder


def step(function, folder, inputs, outputs, spec):
    done = run_step(f"targets.{function}", inputs, outputs, spec, folder / "provenance.json")
    assert done.returncode == 0, done.stderr


def table(folder, name):
    return read_csv(folder / f"{name}.csv", dtype=str).fillna("")


def scored(tmp_path, inputs, **changed):
    spec = {key: value for key, value in {**SPEC, **changed}.items() if value is not None}
    path = tmp_path / "scores.parquet"
    write_summarised(path, scores.score_targets(Job(inputs, {}, spec))["scores"])
    return Summaries.read(path)


def tabulated(tmp_path, inputs, **changed):
    scored(tmp_path, inputs, **changed)
    return tables.tabulate(Job({**inputs, "scores": [tmp_path / "scores.parquet"]}, {}, {**SPEC, "examples": 2, **changed}))


# --- scores -----------------------------------------------------------------------------------------------------------


def test_scores_are_those_of_the_outputs(folder):
    read = Summaries.read(folder / "short.parquet")
    assert read.value("short/mixed", "exact match", "test") == pytest.approx(2 / 6)
    assert read.value("short/runs", "exact match", "test") == pytest.approx(1 / 6)
    assert read.value("short/mixed", "cut by the limit", "test") == pytest.approx(1 / 6)
    for system, texts in {
        "mixed": MIXED,
        "letters": LETTERS,
        "copy": SOURCES,
        "lead": [f"{text}." for text in REFERENCES],
    }.items():
        for metric, score in (("BLEU", sacrebleu.corpus_bleu), ("chrF", sacrebleu.corpus_chrf)):
            row = read.find(f"short/{system}", metric, "test")
            assert row["value"] == pytest.approx(score(texts, [REFERENCES]).score / 100), (system, metric)
            assert (row["n"], row["unit"]) == (6, "pair") and row["low"] <= row["value"] <= row["high"]


def test_copying_wins_where_sides_are_equal(tmp_path):
    inputs = write_inputs(tmp_path, lines("plain", MIXED, sources=REFERENCES), [], REFERENCES, REFERENCES)
    inputs["samples"] = inputs["samples"][:1]
    one = {"systems": {"mixed": SPEC["systems"]["mixed"]}, "order": ["mixed"]}
    read = scored(tmp_path, inputs, **one, compared_with="copy")
    assert read.value("short/copy", "BLEU", "test") == read.value("short/copy", "exact match", "test") == 1
    assert read.value("short/mixed − copy", "exact match", "test") == pytest.approx(-4 / 6)
    # four of six pairs differ, all in one direction: 2 of the 2⁴ ways to exchange the systems have a mean as large
    assert read.value("short/mixed − copy", "exact match p", "test") == pytest.approx(2 / 2**4)


def test_differences_are_of_all_others_from_one(folder):
    read, shown = Summaries.read(folder / "short.parquet"), table(folder, "differences")
    assert len(shown) == len(METRICS) * 4 and set(shown["other"]) == {"mixed"}
    row = shown[(shown["metric"] == "BLEU") & (shown["system"] == "runs")].iloc[0]
    expected = read.value("short/runs", "BLEU", "test") - read.value("short/mixed", "BLEU", "test")
    assert float(row["difference"]) == pytest.approx(expected, abs=1e-4)
    assert float(row["difference_low"]) < expected < float(row["difference_high"]) and 0 < float(row["p"]) <= 1
    better = shown.drop_duplicates("metric").set_index("metric")["better"]
    assert better["BLEU"] == better["exact match"] == "higher" and better["cut by the limit"] == "lower"


def test_nothing_is_compared_where_nothing_says_with_what(tmp_path):
    frames = tabulated(tmp_path, write_inputs(tmp_path), compared_with=None)
    assert frames["differences"].empty and not frames["main"].empty


def test_several_references_and_some_rows_of_the_data_set(tmp_path):
    pairs = tmp_path / "tales/test.parquet"
    rows = [{"source": word, "target": f"{word} 0", "references": [f"{word} 1"]} for word in ("a", "b", "c")]
    storage.write(pairs, rows, storage.PAIRS)
    texts = lines("plain", ["a 1", "c 2"], rows=[0, 2], sources=["a", "b", "c"])
    inputs = {"pairs": [pairs], "samples": [sampled_texts.write(tmp_path / "first.jsonl", texts)]}
    one = {"systems": {"mixed": SPEC["systems"]["mixed"]}, "order": ["mixed"], "metrics": ["exact match", "token error rate"]}
    read = scored(tmp_path, inputs, **one)
    assert read.value("short/mixed", "exact match", "test") == 1 / 2
    assert read.value("short/mixed", "token error rate", "test") == 1 / 4
    shown = tabulated(tmp_path, inputs, **one)["outputs"]
    assert shown["row"].drop_duplicates().tolist() == [0, 2] and shown["reference"].iloc[0] == "a 0\na 1"


# --- tables -----------------------------------------------------------------------------------------------------------


def test_table_of_systems_and_baselines(folder):
    shown = table(folder, "main")
    assert shown["system"].tolist() == ["mixed", "runs", "letters", "the source itself", "the first sentence"]
    assert set(shown["pairs"]) == set(shown["bleu_n"]) == {"6"}
    row = shown.set_index("system").loc["mixed"]
    assert row["exact_match"] == "0.3333" and row["exact_match_low"] < row["exact_match"] < row["exact_match_high"]


def test_the_table_says_how_a_model_was_asked(tmp_path):
    settings = {"template": "Shorten: {source}", "chat": True, "system": "Be brief."}
    texts = lines("plain", MIXED, settings=settings, asked="Be brief. Shorten: …")
    shown = tabulated(tmp_path, write_inputs(tmp_path, first=texts))["main"]
    assert shown["asked"].tolist() == ["Be brief.\nShorten: {source} (by the chat template)", "", "", "", ""]


def test_outputs_stand_side_by_side(folder):
    shown = table(folder, "outputs")
    assert shown["row"].tolist() == ["1"] * 4 + ["4"] * 4
    assert shown["system"].tolist()[:4] == ["mixed", "runs", "letters", "the first sentence"]
    assert shown["output"].tolist()[:4] == [MIXED[1], RUNS[1], LETTERS[1], f"{REFERENCES[1]}."]
    assert set(shown["source"]) == {SOURCES[1], SOURCES[4]} and set(shown["reference"]) == {REFERENCES[1], REFERENCES[4]}


def test_metrics_say_what_computed_them(folder):
    shown = table(folder, "metrics").set_index("metric")
    assert shown.index.tolist() == METRICS
    assert "version:" in shown.loc["BLEU", "signature"] and "rouge-score" in shown.loc["ROUGE-1", "signature"]
    assert shown.loc["exact match", "signature"] == ""


def test_every_metric_is_known_to_the_row_and_shown():
    assert set(text_metrics.ABOUT) == set(generation_names.ALL)
    columns = display_settings("targets")["tables"]["main"]["columns"]
    assert {text_metrics.column(metric) for metric in generation_names.ALL} <= set(columns)
    assert len({text_metrics.column(metric) for metric in generation_names.ALL}) == len(generation_names.ALL)
    assert (text_metrics.LANGUAGE, set(names.DEFAULT_METRICS) <= set(text_metrics.ABOUT)) == (generation_names.LANGUAGE, True)


def test_the_page_shows_every_table(folder):
    kind = check(Kind, display_settings("targets"), "show.yaml")
    for name in ("main", "differences", "telling", "disagreements", "metrics"):
        shown = shown_columns(report_tables.read(str(folder / f"{name}.csv")), kind.tables[name].columns)
        assert shown and all(column.cell(record) for column in shown for record in column.data.records)
    main = shown_columns(report_tables.read(str(folder / "main.csv")), kind.tables["main"].columns)
    assert [column.title for column in main] == ["system", *METRICS, "pairs"]


def test_outputs_on_the_page_are_escaped(tmp_path):
    frames = tabulated(tmp_path, write_inputs(tmp_path, first=lines("plain", ["<b>bold</b>"] * 6)))
    frames["outputs"].to_csv(tmp_path / "outputs.csv", index=False)
    view = SimpleNamespace(
        data=report_tables.read(str(tmp_path / "outputs.csv")), entry=SimpleNamespace(title="Outputs", language="en")
    )
    page = environment(registry.FOLDER).get_template("targets/outputs.html.j2").render(view=view)
    assert "&lt;b&gt;bold&lt;/b&gt;" in page and "<b>" not in page
    assert page.count(SOURCES[1]) == 1 and page.count("<tbody>") == 2  # a source stands once, above all outputs
    assert page.count("cut by the limit") == 0


# --- what metrics dispute ---------------------------------------------------------------------------------------------


def test_outputs_are_found_by_rule(folder):
    shown = table(folder, "telling")
    outputs = shown.groupby("rule")["output"].agg(list).to_dict()
    # the words are right, their order is not; the letters are nearly right, the words are not
    assert MIXED[1] in outputs["ROUGE-1 ranks it far above the other metrics"]
    assert MIXED[1] in outputs["Among the highest ROUGE-1 of outputs that are no reference"]
    # a single word has no pair of words, so that ROUGE-2 is 0 though it is right
    assert outputs["A reference word for word, and yet ROUGE-2 is not at its best"] == ["yes"]
    assert set(shown["system"]) <= {"mixed", "runs", "letters"}
    row = shown[shown["output"] == MIXED[1]].iloc[0]
    assert row["values"].startswith("ROUGE-1 1.00, rank ") and (row["row"], row["reference"]) == ("1", REFERENCES[1])


def test_systems_whose_order_two_metrics_turn_round(folder):
    shown = table(folder, "disagreements").set_index(["system", "other"])
    row = shown.loc[("runs", "letters")]
    assert "BLEU by " in row["system_first"] and "chrF by " in row["other_first"]
    assert "chrF" not in row["system_first"] and "BLEU" not in row["other_first"]
    assert ("the source itself", "the first sentence") not in shown.index  # a sentence less is better by every metric


def test_an_order_that_no_metric_turns_round_is_not_shown(tmp_path):
    second = [*lines("runs", ["nothing"] * 6), *lines("letters", REFERENCES)]
    frames = tabulated(tmp_path, write_inputs(tmp_path, second=second), baselines=[])
    assert frames["disagreements"].empty
    assert not frames["telling"]["rule"].str.contains("BLEU ranks it far below").any()


@pytest.mark.parametrize(
    "metrics", [["exact match"], ["BLEU"], ["length ratio", "repeated 4-grams"], ["TER", "token error rate"]]
)
def test_rules_that_do_not_apply_give_no_row(tmp_path, metrics):
    second = [*lines("runs", ["", *["a b c d a b c d"] * 5]), *lines("letters", ["none of it"] * 6)]
    first = lines("plain", ["none of it"] * 6)
    frames = tabulated(tmp_path, write_inputs(tmp_path, first=first, second=second), metrics=metrics, baselines=[])
    assert frames["telling"].empty and list(frames["telling"]) == [
        "rule",
        "system",
        "row",
        "source",
        "reference",
        "output",
        "values",
    ]
    assert frames["metrics"]["metric"].tolist() == metrics


# --- figures ----------------------------------------------------------------------------------------------------------


def test_the_figure_has_a_panel_a_metric(folder):
    assert all((folder / f"{name}.svg").read_text(encoding="utf-8").startswith("<svg") for name in ("metrics", "differences"))
    systems = read_csv(folder / "main.csv")
    figure = draw_metrics(systems, METRICS[:3])
    assert [axes.get_title() for axes in figure.axes if axes.axison] == METRICS[:3]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == systems["system"].tolist()
    with pytest.raises(UserError, match="the table has no column 'ter'"):
        draw_metrics(systems, ["TER"])


# --- samples that do not fit ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (lines("other", MIXED), "--input samples: first: expected the method 'plain', found other"),
        (
            lines("plain", MIXED, sources=REFERENCES),
            "{folder}/first.jsonl: expected the sources of tales as prompts, found 'the dogs",
        ),
        (
            [{**text, "row": None} for text in lines("plain", MIXED)],
            "{folder}/first.jsonl: expected the sources of tales as prompts",
        ),
        (lines("plain", MIXED[:5]), "{folder}/second.jsonl: expected texts for the same 5 rows as mixed, found other rows"),
    ],
)
def test_samples_of_something_else_are_refused(tmp_path, first, message):
    inputs = write_inputs(tmp_path, first=first)
    with pytest.raises(UserError) as error:
        scores.score_targets(Job(inputs, {}, SPEC))
    assert str(error.value).startswith(message.format(folder=tmp_path))


def test_a_language_that_no_identifier_knows_is_refused(tmp_path):
    with pytest.raises(UserError, match="--spec: language: expected one of .* found 'xx'"):
        scored(tmp_path, write_inputs(tmp_path), metrics=["language share"], language="xx")
