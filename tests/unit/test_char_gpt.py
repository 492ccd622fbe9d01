"""Scores and tables of the first chapter, from small trainings that were made up."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file
from scipy.stats import ttest_1samp
from support.losses import APART, DROPOUT, save_losses

from relab.chapters.char_gpt import scores as scoring
from relab.chapters.char_gpt import tables
from relab.chapters.char_gpt.references import PIECES, drawn_characters, frequencies, held_out
from relab.chapters.char_gpt.scores import Files, chapter_scores
from relab.chapters.char_gpt.sweep import SweptModel, TableSpec, groups
from relab.rows.shared.losses import GAP, Training, loss_scores
from relab.errors import UserError
from relab.files import read_csv, write_csv
from relab.inputs import by_name
from relab.scores import read_scores, with_summary, write_scores
from relab.settings.base import canonical
from relab.settings.claims import load

ROOT = Path(__file__).resolve().parents[2]
TRAIN = ["il cielo e la terra\nera senza forma\n", "e la luce fu fatta\n"]
VALIDATION = ["la terra era vuota\ne la luce era buona\n" * 40]

#: Validation loss at steps 0, 50 and 100 of width 32 with seeds 0 and 1, and of width 128 with seed 0.
LOSSES = {"w32-s0": [4.0, 3.0, 2.5], "w32-s1": [4.2, 3.2, 2.9], "w128-s0": [4.1, 2.2, 2.4]}
TEXTS = {
    "w32-s0": {50: ["e la xx\nqq e la terra", "zz yy la luce\nla"], 100: ["e la luce fu fatta\nil NA\n", "era vuo\nla luce\n"]},
    "w32-s1": {50: ["xx xx\n", "xx xx\n"], 100: ["xx xx\n", "la terra\n"]},
    "w128-s0": {50: ["e la luce\n", "e la\n"], 100: ["E la  luce fu fatta\n", "la terra e\n"]},
}


def model(width: int, seed: int) -> dict:
    return {"corpus": "italian", "seed": seed, "varied": {"corpus": "italian", "width": width, "seed": seed}}


MODELS = {"w32-s0": model(32, 0), "w32-s1": model(32, 1), "w128-s0": model(128, 0)}
SPEC = {"models": MODELS, "steps": [50, 100], "where": {}, "corpora": [{"name": "italian", "title": "Bible in Italian"}]}


def write_history(path: Path, losses: list[float]) -> None:
    rows = []
    for step, loss in zip((0, 50, 100), losses, strict=True):
        train = loss - 0.25 if step else float("nan")  # there is none before the first step
        numbers = ["" if np.isnan(number) else number for number in (train, loss, 1.4 * train, 1.4 * loss)]
        rows.append(",".join(map(str, [step, step * 64, *numbers, False, 0.0005])))
    header = "step,tokens_seen,train_loss,validation_loss,train_bits_per_byte,validation_bits_per_byte,folded,learning_rate"
    path.write_text("\n".join([header, *rows]) + "\n")
    save_losses(path)


def write_samples(path: Path, texts: dict[int, list[str]]) -> None:
    entries = [
        {
            "step": step,
            "index": index,
            "prompt": "\n",
            "text": text,
            "settings": {},
            "seed": 0,
            "token_ids": [],
            "token_logprobs": [],
        }
        for step, some in texts.items()
        for index, text in enumerate(some)
    ]
    path.write_text("".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in reversed(entries)), encoding="utf-8")


@pytest.fixture
def files(tmp_path):
    """The inputs of the chapter's jobs, as lists of files by kind."""
    for name in MODELS:
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        write_history(folder / "history.csv", LOSSES[name])
        write_samples(folder / "samples.jsonl", TEXTS[name])
        save_file({"a": np.zeros((3, 4), "float32"), "b": np.zeros(5, "float32")}, folder / "model.safetensors")
    corpus = tmp_path / "corpora" / "italian"
    corpus.mkdir(parents=True)
    for split, documents in (("train", TRAIN), ("validation", VALIDATION)):
        pq.write_table(pa.table({"text": documents}), corpus / f"{split}.parquet")
    found = {kind: [tmp_path / "models" / name / file for name in MODELS] for kind, file in KINDS.items()}
    return {**found, "train": [corpus / "train.parquet"], "validation": [corpus / "validation.parquet"]}


KINDS = {"histories": "history.csv", "losses": "losses.parquet", "samples": "samples.jsonl", "weights": "model.safetensors"}


def named(files: dict, *kinds: str) -> dict:
    return {kind: {path.parent.name: path for path in files[kind]} for kind in kinds}


def settings(**changes) -> TableSpec:
    return TableSpec.model_validate({**SPEC, **changes})


@pytest.fixture
def scored(files, tmp_path) -> Path:
    inputs = Files(**named(files, "histories", "losses", "samples", "train", "validation"))
    rows = chapter_scores(groups(settings().models), [50, 100], inputs)
    write_scores(tmp_path / "scores.parquet", with_summary(rows))
    return tmp_path / "scores.parquet"


@pytest.fixture
def value(scored):
    frame = read_scores(scored).set_index(["experiment", "seed", "split", "metric"])

    def find(experiment, metric, split="validation", seed="all"):
        return frame.loc[(experiment, seed, split, metric)]

    return find


@pytest.fixture
def written(files, scored):
    inputs = tables.Files(**named(files, "histories", "samples", "weights"))
    summaries = tables.Summaries(read_scores(scored), scored)
    claims = load(ROOT / "config" / "claims.yaml")
    return dict(tables.chapter_tables(settings(), inputs, summaries, claims))


def test_groups_are_labelled_and_sorted_by_size():
    models = {
        f"{width}-{batch}-{seed}": SweptModel(
            corpus="italian", seed=seed, varied={"batch": batch, "seed": seed, "width": width, "corpus": "italian", "block": 64}
        )
        for width in (256, 32)
        for batch in (256, 32)
        for seed in (1, 0)
    }
    found = groups(models)
    assert [group.label for group in found][:2] == ["width 32, block 64, batch 32", "width 32, block 64, batch 256"]
    assert [group.experiment for group in found][-1] == "italian/width 256, block 64, batch 256"
    assert found[0].members == {0: "32-32-0", 1: "32-32-1"}
    assert [group.label for group in found if group.shown({"width": [32], "batch": [256]})] == ["width 32, block 64, batch 256"]


def test_two_models_of_one_seed_are_refused():
    twice = {name: SweptModel(corpus="italian", seed=0, varied={}) for name in "ab"}
    with pytest.raises(UserError, match="a and b differ in nothing"):
        groups(twice)


def test_files_are_told_apart_by_their_folder(tmp_path):
    assert by_name([tmp_path / "a" / "x.csv"], ["a"], "histories") == {"a": tmp_path / "a" / "x.csv"}
    with pytest.raises(UserError, match="--histories: no file of b"):
        by_name([tmp_path / "a" / "x.csv"], ["a", "b"], "histories")
    with pytest.raises(UserError, match="not expected: a file of a"):
        by_name([tmp_path / "a" / "x.csv"], [], "histories")


def half(values) -> float:
    """Half of the t interval of the mean of some values."""
    ends = ttest_1samp(values, 0).confidence_interval()
    return (ends.high - ends.low) / 2


def test_losses_are_means_over_seeds_with_an_interval_over_seeds_and_segments(value):
    final = value("italian/width 32", "final loss")
    assert (final["value"], final["n"], final["unit"], final["seeds"]) == (pytest.approx(2.7), len(APART), "segment", 2)
    # the segments lie apart alike for both seeds, so that both sources are independent: margins add in quadrature
    margin = np.hypot(half([2.5, 2.9]), half(APART))
    assert [final["low"], final["high"]] == pytest.approx([2.7 - margin, 2.7 + margin])
    assert value("italian/width 32", "final loss", seed="1")["value"] == pytest.approx(2.9)
    assert value("italian/width 32", "final bits per byte")["value"] == pytest.approx(2.7 * 1.4)
    assert value("italian/width 32", "initial loss")["value"] == pytest.approx(4.1)
    assert value("italian/width 32", "loss at step 50")["value"] == pytest.approx(3.1)


def test_training_losses_at_the_end_are_without_dropout_and_on_the_way_with_it(value):
    end = value("italian/width 32", "final loss", "train")
    assert (end["value"], end["unit"]) == (pytest.approx(2.45 - DROPOUT), "segment")
    assert value("italian/width 32", "final bits per byte", "train")["value"] == pytest.approx(1.4 * (2.45 - DROPOUT))
    running = value("italian/width 32", "loss at step 100", "train")
    assert (running["value"], running["unit"]) == (pytest.approx(2.45), "seed")


def test_the_gap_is_between_losses_that_are_both_without_dropout(value):
    gap = value("italian/width 128", GAP)
    assert gap["value"] == pytest.approx(0.25 + DROPOUT)
    # of other text each: the margins of both, which are equal here, in quadrature
    assert gap["high"] - gap["value"] == pytest.approx(np.sqrt(2) * half(APART))


def test_one_seed_has_the_interval_of_its_segments(value):
    best = value("italian/width 128", "best loss")
    assert (best["value"], best["seeds"]) == (pytest.approx(2.2), 1)
    assert [best["low"], best["high"]] == pytest.approx([2.2 - half(APART), 2.2 + half(APART)])
    assert value("italian/width 128", "best step")["value"] == 50
    assert np.isnan(value("italian/width 128", "best step")["low"])


def test_shares_of_generated_text(value):
    # width 32, seed 0, step 100: of the lines "e la luce fu fatta", "il na", "era vuo", "la luce" one stands in the corpus
    lines = value("italian/width 32", "lines in corpus at step 100", "texts", "0")
    assert (lines["value"], lines["n"], lines["unit"], sum(lines["counts"])) == (0.25, 2, "text", 4)
    words = value("italian/width 32", "words in corpus at step 100", "texts", "0")
    # e la luce fu fatta (14 letters) il era la luce (11) are words of it, NA (2) and vuo (3) are not
    assert (words["value"], words["n"]) == (pytest.approx(25 / 30), 2)
    assert words["low"] < words["value"] < words["high"]
    assert value("italian/width 128", "lines in corpus at step 100", "texts")["value"] == 0.5


def test_people_write_more_real_words_than_chance(value):
    ceiling = value("italian/held-out text", "words in corpus", "texts")
    floor = value("italian/drawn characters", "words in corpus", "texts")
    assert ceiling["value"] > 0.6 > 0.4 > floor["value"]
    assert ceiling["seeds"] == floor["seeds"] == 2  # drawn for each seed of the models
    assert floor["n"] > value("italian/drawn characters", "words in corpus", "texts", "0")["n"] > PIECES / 2


def test_references_are_pieces_of_the_length_asked_for():
    pieces = held_out(["ab\ncd\nef\n" * 200], 7, seed=0)
    assert len(pieces) == PIECES
    assert {len(piece) for piece in pieces} == {7}
    assert {piece[0] for piece in pieces} <= set("ace")  # at the start of a line
    assert held_out(["short"], 100, seed=0) == ["short"]
    assert pieces == held_out(["ab\ncd\nef\n" * 200], 7, seed=0) != held_out(["ab\ncd\nef\n" * 200], 7, seed=1)
    drawn = drawn_characters(frequencies(["aaab"]), 50, seed=0)
    assert {len(piece) for piece in drawn} == {50}
    text = "".join(drawn)
    assert [text.count(character) / len(text) for character in "ab\n"] == pytest.approx([0.6, 0.2, 0.2], abs=0.02)
    with pytest.raises(UserError, match="validation text is empty"):
        held_out([], 5, seed=0)


def test_a_training_that_diverged_has_no_loss_but_a_row(files, tmp_path):
    write_history(files["histories"][2], [4.1, float("nan"), float("nan")])
    training = Training.read(files["histories"][2], files["losses"][2])
    rows = with_summary(loss_scores("italian/width 128", 0, training, {"train": "a", "validation": "b"}, [50]))
    write_scores(tmp_path / "diverged.parquet", rows)
    frame = read_scores(tmp_path / "diverged.parquet")
    final = frame[(frame["metric"] == "final loss") & (frame["seed"] == "all") & (frame["split"] == "validation")].iloc[0]
    assert np.isnan(final["value"]) and final["n"] == 0
    assert np.isnan(frame.loc[frame["metric"] == "final bits per byte", "value"]).all()
    assert frame.loc[frame["metric"] == "best loss", "value"].tolist() == pytest.approx([4.1] * 2)


def test_a_training_that_had_no_loss_from_the_start_has_none_at_its_best(files):
    write_history(files["histories"][2], [float("nan")] * 3)
    training = Training.read(files["histories"][2], files["losses"][2])
    rows = list(loss_scores("italian/width 128", 0, training, {"train": "a", "validation": "b"}, [50]))
    assert all(np.isnan(row["value"]) for row in rows)


def test_a_step_that_was_not_evaluated_is_named(files):
    inputs = Files(**named(files, "histories", "losses", "samples", "train", "validation"))
    with pytest.raises(UserError, match=r"w32-s0.*losses.parquet: no evaluation at step 75.*there are 0, 50, 100"):
        list(chapter_scores(groups(settings().models), [75], inputs))


def test_a_step_that_was_not_sampled_is_named(files):
    write_samples(files["samples"][0], {50: ["a\n"]})
    inputs = Files(**named(files, "histories", "losses", "samples", "train", "validation"))
    with pytest.raises(UserError, match=r"w32-s0.*samples.jsonl: no text sampled at step 100.*there are 50"):
        list(chapter_scores(groups(settings().models), [50, 100], inputs))


def test_a_broken_line_of_samples_is_named(files):
    with open(files["samples"][0], "a") as handle:
        handle.write('{"step": 100}\n')
    with pytest.raises(UserError, match=r"samples.jsonl, line 5: expected an object with step, index, prompt and text"):
        scoring.read_samples(files["samples"][0])


def test_curves_hold_every_evaluation(written):
    curves = written["loss_curves"]
    columns = "corpus title model width seed step train_loss validation_loss"
    assert list(curves.columns) == columns.split()
    assert len(curves) == 9
    assert curves.iloc[0].to_list() == ["italian", "Bible in Italian", "width 32", 32, 0, 0, "", "4.0000"]
    assert curves["width"].drop_duplicates().to_list() == [32, 128]


def test_final_losses(written):
    first, second = written["final_losses"].to_dict("records")
    assert (first["model"], first["seeds"], first["parameters"]) == ("width 32", 2, 17)
    assert (first["validation_loss"], first["train_loss"], first["gap"]) == ("2.7000", "2.3250", "0.3750")
    assert first["best_step"] == "100"
    margin = half(APART)
    ends = [second[f"validation_loss{end}"] for end in ("", "_low", "_high")]
    assert ends == ["2.4000", f"{2.4 - margin:.4f}", f"{2.4 + margin:.4f}"]
    assert (second["best_loss"], second["best_step"]) == ("2.2000", "50")


def test_steps_that_differ_between_seeds_are_a_range():
    assert tables._range(pd.Series([450.0, 500.0, 450.0])) == "450–500"


def test_progression_shows_the_first_text_of_the_lowest_seed(written):
    table = written["progression_italian"]
    assert table["step"].to_list() == [50, 50, 100, 100]
    assert table["model"].to_list() == ["width 32", "width 128"] * 2
    row = table.iloc[2]
    assert (row["seed"], row["text"]) == (0, "e la luce fu fatta\nil NA\n")
    assert (row["validation_loss"], row["seeds"], row["texts"]) == ("2.7000", 2, 4)
    assert row["lines_in_corpus"] == "0.125"


def test_overlap_stands_between_its_references(written):
    table = written["overlap_italian"]
    assert table["text"].to_list() == ["held-out text", "width 32", "width 128", "drawn characters"]
    assert table["step"].to_list() == ["", 100, 100, ""]
    assert table["seeds"].to_list() == [2, 2, 1, 2]
    low, share, high = (table[f"words_in_corpus{end}"].astype(float) for end in ("_low", "", "_high"))
    assert (low <= share).all() and (share <= high).all() and low.iloc[3] < share.iloc[3] < high.iloc[3] < low.iloc[0]


def test_reported_losses_are_the_write_ups(written):
    table = written["reported_italian"]
    assert table["corpus"].unique().tolist() == ["Divina Commedia"]
    widths = table.pivot(index="step", columns="model", values="loss")
    assert widths["width 32"].to_list() == ["2.9188", "2.2332", "2.0851", "1.9509"]
    assert widths["width 128"].to_list() == ["2.3669", "1.5807", "1.5258", "1.5380"]
    english = tables.reported(load(ROOT / "config" / "claims.yaml"), "english")["loss"].to_list()
    assert english == ["3.1831", "2.3532", "2.1478", "1.9927", "2.4845", "1.6168", "1.6058", "1.6535"]


def test_only_models_asked_for_are_shown(files, scored):
    inputs = tables.Files(**named(files, "histories", "samples", "weights"))
    summaries = tables.Summaries(read_scores(scored), scored)
    written = dict(tables.chapter_tables(settings(where={"width": [128]}), inputs, summaries, {}))
    assert written["progression_italian"]["model"].unique().tolist() == ["width 128"]
    assert len(written["final_losses"]) == 2  # A1 shows all of them
    assert written["reported_italian"].empty
    with pytest.raises(UserError, match="progression.where: none of the models of the corpus italian fits"):
        list(tables.chapter_tables(settings(where={"width": [7]}), inputs, summaries, {}))


def test_a_missing_score_is_named(files, scored):
    summaries = tables.Summaries(read_scores(scored), scored)
    with pytest.raises(UserError, match=r"scores.parquet: no score 'loss at step 7' \(validation\) of .* 'italian/width 32'"):
        summaries.value("italian/width 32", "loss at step 7")


def program(name: str, *options: str | Path) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "scripts" / f"{name}.py", *options]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def test_programs_write_what_the_library_computes(files, scored, written, tmp_path):
    out = tmp_path / "out"
    scores, tabled, drawn, end = out / "scores.parquet", out / "tables", out / "loss.svg", ("--provenance", out / "p.json")
    inputs = [
        word for kind in ("histories", "losses", "samples", "train", "validation") for word in (f"--{kind}", *files[kind])
    ]
    spec = canonical({key: SPEC[key] for key in ("models", "steps")})
    done = [program("score_char_gpt", *inputs, "--output", scores, "--spec", spec, *end)]
    inputs = [word for kind in ("histories", "samples", "weights") for word in (f"--{kind}", *files[kind])]
    inputs += ["--scores", scores, "--claims", ROOT / "config" / "claims.yaml", "--output-dir", tabled]
    done += [program("tabulate_char_gpt", *inputs, "--spec", canonical(SPEC), *end)]
    done += [program("draw_char_gpt", "--curves", tabled / "loss_curves.csv", "--output", drawn, "--spec", "{}", *end)]
    assert [one.returncode for one in done] == [0, 0, 0], "".join(one.stderr for one in done)
    assert scores.read_bytes() == scored.read_bytes()  # another process, the same bytes
    assert {path.stem for path in tabled.iterdir()} == set(written) == set(tables.table_names(settings().corpora))
    for name, table in written.items():
        write_csv(tmp_path / "again.csv", table)
        assert (tabled / f"{name}.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()
    assert read_csv(tabled / "progression_italian.csv")["text"][2] == "e la luce fu fatta\nil NA\n"
    assert json.loads((out / "p.json").read_text())["outputs"].keys() == {str(drawn)}


def test_a_program_names_the_mistake_without_a_traceback(files, tmp_path):
    inputs = [word for kind in ("losses", "samples", "train", "validation") for word in (f"--{kind}", *files[kind])]
    inputs += ["--histories", *files["histories"][1:], "--output", tmp_path / "out" / "scores.parquet"]
    spec = canonical({key: SPEC[key] for key in ("models", "steps")})
    done = program("score_char_gpt", *inputs, "--spec", spec, "--provenance", tmp_path / "p.json")
    assert done.returncode == 1
    assert done.stderr.strip() == "error: --histories: no file of w32-s0"
    assert not (tmp_path / "out").exists()
