"""Rows of text as training goes on: scores, tables and settings, from small trainings that were made up."""

from pathlib import Path

import pytest
from support.row_steps import run_step
from support.swept_models import MODELS, job, make, write_samples

from relab.errors import UserError
from relab.files import read_csv, write_csv
from relab.rows.job import MAIN
from relab.rows.progression.references import PIECES, character_frequencies, drawn_pieces, held_out_pieces
from relab.rows.progression.scores import score_texts
from relab.rows.progression.tables import reported, tabulate
from relab.rows.shared.histories import read_samples
from relab.scores import Summaries, read_scores, write_summarised
from relab.settings.config import resolve

SPEC = {"models": MODELS, "steps": [50, 100]}
SCORED_FROM = "histories losses samples train validation"
TABULATED_FROM = "scores samples"


@pytest.fixture
def files(tmp_path):
    return make(tmp_path)


@pytest.fixture
def scored(files, tmp_path) -> Path:
    write_summarised(tmp_path / "scores.parquet", score_texts(job(files, SCORED_FROM, SPEC))["scores"])
    return tmp_path / "scores.parquet"


@pytest.fixture
def value(scored):
    frame = read_scores(scored).set_index(["experiment", "seed", "split", "metric"])

    def find(experiment, metric, split="texts", seed="all"):
        return frame.loc[(experiment, seed, split, metric)]

    return find


@pytest.fixture
def written(files, scored):
    return tabulate(job({**files, "scores": [scored]}, TABULATED_FROM, SPEC))


def test_losses_on_the_way_are_scored_at_the_steps_shown(value):
    assert value("italian/width 32", "loss at step 50", "validation")["value"] == pytest.approx(3.1)
    running = value("italian/width 32", "loss at step 100", "train")  # with dropout, as training saw it
    assert (running["value"], running["unit"]) == (pytest.approx(2.45), "seed")


def test_shares_of_generated_text(value):
    # width 32, seed 0, step 100: of the lines "e la luce fu fatta", "il na", "era vuo", "la luce" one stands in the corpus
    lines = value("italian/width 32", "lines in corpus at step 100", seed="0")
    assert (lines["value"], lines["n"], lines["unit"], sum(lines["counts"])) == (0.25, 2, "text", 4)
    words = value("italian/width 32", "words in corpus at step 100", seed="0")
    # e la luce fu fatta (14 letters) il era la luce (11) are words of it, NA (2) and vuo (3) are not
    assert (words["value"], words["n"]) == (pytest.approx(25 / 30), 2)
    assert words["low"] < words["value"] < words["high"]
    assert value("italian/width 128", "lines in corpus at step 100")["value"] == 0.5


def test_people_write_more_real_words_than_chance(value):
    human = value("italian/held-out text", "words in corpus")
    chance = value("italian/drawn characters", "words in corpus")
    assert human["value"] > 0.6 > 0.4 > chance["value"]
    assert human["seeds"] == chance["seeds"] == 2  # drawn for each seed of the models
    assert chance["n"] > value("italian/drawn characters", "words in corpus", seed="0")["n"] > PIECES / 2


def test_references_are_pieces_of_the_length_asked_for():
    pieces = held_out_pieces(["ab\ncd\nef\n" * 200], 7, seed=0)
    assert len(pieces) == PIECES
    assert {len(piece) for piece in pieces} == {7}
    assert {piece[0] for piece in pieces} <= set("ace")  # at the start of a line
    assert held_out_pieces(["short"], 100, seed=0) == ["short"]
    assert pieces == held_out_pieces(["ab\ncd\nef\n" * 200], 7, seed=0) != held_out_pieces(["ab\ncd\nef\n" * 200], 7, seed=1)
    drawn = drawn_pieces(character_frequencies(["aaab"]), 50, seed=0)
    assert {len(piece) for piece in drawn} == {50}
    text = "".join(drawn)
    assert [text.count(character) / len(text) for character in "ab\n"] == pytest.approx([0.6, 0.2, 0.2], abs=0.02)
    with pytest.raises(UserError, match="validation text is empty"):
        held_out_pieces([], 5, seed=0)


def test_a_step_that_was_not_evaluated_is_named(files):
    for path in files["samples"]:
        write_samples(path, {75: ["a\n"]})
    with pytest.raises(UserError, match=r"w32-s0.*losses.parquet: no evaluation at step 75.*there are 0, 50, 100"):
        score_texts(job(files, SCORED_FROM, {**SPEC, "steps": [75]}))


def test_a_step_that_was_not_sampled_is_named(files):
    write_samples(files["samples"][0], {50: ["a\n"]})
    with pytest.raises(UserError, match=r"w32-s0.*samples.jsonl: no text sampled at step 100.*there are 50"):
        score_texts(job(files, SCORED_FROM, SPEC))


def test_a_broken_line_of_samples_is_named(files):
    with open(files["samples"][0], "a") as handle:
        handle.write('{"step": 100}\n')
    with pytest.raises(UserError, match=r"samples.jsonl, line 5: expected an object with step, index, prompt and text"):
        read_samples(files["samples"][0])


def test_progression_shows_the_first_text_of_the_lowest_seed(written):
    table = written[MAIN]
    assert table["step"].to_list() == [50, 50, 100, 100]
    assert table["model"].to_list() == ["width 32", "width 128"] * 2
    row = table.iloc[2]
    assert (row["seed"], row["text"]) == (0, "e la luce fu fatta\nil NA\n")
    assert (row["validation_loss"], row["seeds"], row["texts"]) == ("2.7000", 2, 4)
    assert row["lines_in_corpus"] == "0.125"


def test_overlap_stands_between_its_references(written):
    table = written["overlap"]
    assert table["source"].to_list() == ["held-out text", "width 32", "width 128", "drawn characters"]
    assert table["step"].to_list() == ["", 100, 100, ""]
    assert table["seeds"].to_list() == [2, 2, 1, 2]
    low, share, high = (table[f"words_in_corpus{end}"].astype(float) for end in ("_low", "", "_high"))
    assert (low <= share).all() and (share <= high).all() and low.iloc[3] < share.iloc[3] < high.iloc[3] < low.iloc[0]


def test_a_missing_score_is_named(scored):
    summaries = Summaries.read(scored)
    with pytest.raises(UserError, match=r"scores.parquet: no score 'loss at step 7' \(validation\) of .* 'italian/width 32'"):
        summaries.value("italian/width 32", "loss at step 7")


def test_the_program_writes_what_the_steps_return(files, scored, written, tmp_path):
    out = tmp_path / "out"
    inputs = {name: files[name] for name in SCORED_FROM.split()}
    done = [run_step("progression.scores.score_texts", inputs, {"scores": out / "scores.parquet"}, SPEC, out / "p.json")]
    outputs = {name: out / f"{name}.csv" for name in written}
    inputs = {"scores": out / "scores.parquet", "samples": files["samples"]}
    done.append(run_step("progression.tables.tabulate", inputs, outputs, SPEC, out / "p.json"))
    assert [step.returncode for step in done] == [0, 0], "".join(step.stderr for step in done)
    assert (out / "scores.parquet").read_bytes() == scored.read_bytes()  # another process, the same bytes
    for name, path in outputs.items():
        write_csv(tmp_path / "again.csv", written[name])
        assert path.read_bytes() == (tmp_path / "again.csv").read_bytes()
    assert read_csv(outputs[MAIN])["text"][2] == "e la luce fu fatta\nil NA\n"


# --- settings ---------------------------------------------------------------------------------------------------------


def specs(raw, key="A2") -> tuple[dict, dict]:
    """The settings of the jobs that score and tabulate a row."""
    resolved = resolve(raw)
    row = resolved.declared_rows[key]
    return tuple(row.settings.spec(step, row.paths, resolved.artefacts) for step in ("score", "tabulate"))


@pytest.mark.parametrize(
    ("row", "corpus", "losses"),
    [
        ("A2", "Divina Commedia", "2.9188 2.2332 2.0851 1.9509 2.3669 1.5807 1.5258 1.5380"),
        ("A3", "Lyrics of one singer", "3.1831 2.3532 2.1478 1.9927 2.4845 1.6168 1.6058 1.6535"),
    ],
)
def test_reported_losses_are_the_write_ups(merged, row, corpus, losses):
    table = reported(specs(merged(), row)[1]["reported"])
    assert table["corpus"].unique().tolist() == [corpus]
    assert table["loss"].to_list() == losses.split()
    assert table["model"].to_list() == ["width 32"] * 4 + ["width 128"] * 4
    assert table["step"].to_list() == [100, 1500, 3000, 4900] * 2


def test_tables_show_only_models_asked_for_and_scores_are_of_all(merged):
    raw = merged()
    raw["rows"]["A2"] |= {"where": {"width": [128]}, "shown_steps": [300, 100, 300]}
    scored, tabulated = specs(raw)
    assert {model["varied"]["width"] for model in tabulated["models"].values()} == {128}
    assert {model["varied"]["width"] for model in scored["models"].values()} == {32, 128}
    assert {model["corpus"] for model in scored["models"].values()} == {"italian"}
    assert scored["steps"] == tabulated["steps"] == [100, 300]


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("rows/A2/shown_steps", [150], "rows.A2.shown_steps: 150 is not a step at which models.italian-w32-s0 is sampled"),
        ("rows/A2/shown_steps", [600], "rows.A2.shown_steps: 600 is not a step at which models.italian-w32-s0 is sampled"),
        ("rows/A2/shown_steps", [], "rows.A2.shown_steps"),
        ("rows/A2/where", {"corpus": ["english"]}, "rows.A2.where: 'corpus' is not among the varied keys of that sweep"),
        ("rows/A2/where", {"width": [64]}, "rows.A2.where.width: none of [64] is among its values [32, 128]"),
        ("rows/A2/corpus", "italia", "rows.A2.corpus: 'italia' is not among the corpora; did you mean 'italian'?"),
        ("rows/A2/corpus", "sentences", "rows.A2.corpus: 'sentences' is not among the corpora of models.char_gpt"),
        ("models/char_gpt/training/evaluation/every", 30, "rows.A2.shown_steps: 100 is not a step at which"),
        (
            "models/char_gpt/training/samples",
            None,
            "training.samples: required, since rows.A2 shows the text sampled on the way",
        ),
    ],
)
def test_a_mistake_is_named(merged, path, value, sentence):
    raw = merged()
    *parents, leaf = path.split("/")
    group = raw
    for parent in parents:
        group = group[parent]
    group[leaf] = value
    with pytest.raises(UserError) as error:
        resolve(raw)
    assert sentence in str(error.value)


def test_models_that_fit_no_condition_as_a_whole_are_refused(merged):
    raw = merged()
    sweep = raw["models"]["char_gpt"]["sweep"]
    sweep["shape"] = [{"architecture.width": width, "architecture.layers": layers} for width, layers in ((32, 2), (128, 4))]
    del sweep["architecture.width"]
    raw["models"]["char_gpt"]["name"] = "{corpus}-w{width}-l{layers}-s{seed}"
    raw["rows"]["A2"]["where"] = {"width": [32], "layers": [4]}
    with pytest.raises(UserError, match=r"rows\.A2\.where: none of the models of the corpus italian fits"):
        resolve(raw)


def test_a_row_of_a_users_own_needs_no_write_up_and_no_other_row(merged):
    raw = merged()
    row = {"kind": "progression", "chapter": "mine", "title": "Mine", "text": "What it shows.", "models": "char_gpt"}
    raw["rows"] = {"learning": {**row, "corpus": "italian", "shown_steps": [500]}}
    raw |= {"chapters": {"mine": {"title": "Mine"}}, "report": {"rows": ["learning"]}}
    resolved = resolve(raw)
    row = resolved.rows["learning"]
    assert row.tables == {MAIN: "results/tables/mine/learning.csv", "overlap": "results/tables/mine/learning_overlap.csv"}
    assert "reported" not in row.settings.spec("tabulate", row.paths, resolved.artefacts)
    (chapter,) = resolved.contents.chapters
    assert [[table.name for table in section.tables] for section in chapter.rows] == [["learning", "learning_overlap"]]
