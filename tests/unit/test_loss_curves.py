"""Rows of loss curves: scores, tables and settings, from small trainings that were made up."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.losses import APART, DROPOUT
from support.row_steps import run_step
from support.swept_models import MODELS, half, job, make, write_history

from relab.errors import UserError
from relab.files import read_csv, write_csv
from relab.rows.job import MAIN
from relab.rows.loss_curves.scores import score_losses
from relab.rows.loss_curves.tables import step_range, tabulate
from relab.rows.shared.losses import GAP, Training, loss_scores
from relab.scores import read_scores, with_summary, write_scores, write_summarised
from relab.settings.config import resolve

SPEC = {"models": MODELS}
TABLE_SPEC = {**SPEC, "corpora": [["italian", "Bible in Italian"]]}
SCORED_FROM = "histories losses train validation"
TABULATED_FROM = "scores histories weights"


@pytest.fixture
def files(tmp_path):
    return make(tmp_path)


@pytest.fixture
def scored(files, tmp_path) -> Path:
    write_summarised(tmp_path / "scores.parquet", score_losses(job(files, SCORED_FROM, SPEC))["scores"])
    return tmp_path / "scores.parquet"


@pytest.fixture
def value(scored):
    frame = read_scores(scored).set_index(["experiment", "seed", "split", "metric"])

    def find(experiment, metric, split="validation", seed="all"):
        return frame.loc[(experiment, seed, split, metric)]

    return find


@pytest.fixture
def written(files, scored):
    return tabulate(job({**files, "scores": [scored]}, TABULATED_FROM, TABLE_SPEC))


def test_losses_are_means_over_seeds_with_an_interval_over_seeds_and_segments(value):
    final = value("italian/width 32", "final loss")
    assert (final["value"], final["n"], final["unit"], final["seeds"]) == (pytest.approx(2.7), len(APART), "segment", 2)
    # the segments lie apart alike for both seeds, so that both sources are independent: margins add in quadrature
    margin = np.hypot(half([2.5, 2.9]), half(APART))
    assert [final["low"], final["high"]] == pytest.approx([2.7 - margin, 2.7 + margin])
    assert value("italian/width 32", "final loss", seed="1")["value"] == pytest.approx(2.9)
    assert value("italian/width 32", "final bits per byte")["value"] == pytest.approx(2.7 * 1.4)
    assert value("italian/width 32", "initial loss")["value"] == pytest.approx(4.1)


def test_training_losses_at_the_end_are_without_dropout(value):
    end = value("italian/width 32", "final loss", "train")
    assert (end["value"], end["unit"]) == (pytest.approx(2.45 - DROPOUT), "segment")
    assert value("italian/width 32", "final bits per byte", "train")["value"] == pytest.approx(1.4 * (2.45 - DROPOUT))


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


def test_losses_on_the_way_are_left_to_the_rows_that_show_them(scored):
    assert not [metric for metric in read_scores(scored)["metric"] if " at step " in metric]


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


def test_curves_hold_every_evaluation(written):
    curves = written[MAIN]
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
    assert step_range(pd.Series([450.0, 500.0, 450.0])) == "450–500"


def test_the_program_writes_what_the_steps_return(files, scored, written, tmp_path):
    out = tmp_path / "out"
    scores, main, final, drawn = (out / name for name in ("scores.parquet", "curves.csv", "final.csv", "loss.svg"))
    inputs = {name: files[name] for name in SCORED_FROM.split()}
    done = [run_step("loss_curves.scores.score_losses", inputs, {"scores": scores}, SPEC, out / "p.json")]
    inputs = {"scores": scores, "histories": files["histories"], "weights": files["weights"]}
    outputs = {MAIN: main, "final_losses": final}
    done.append(run_step("loss_curves.tables.tabulate", inputs, outputs, TABLE_SPEC, out / "p.json"))
    spec = {"token": "character"}
    done.append(run_step("loss_curves.figures.draw", {"curves": main}, {"loss": drawn}, spec, out / "p.json"))
    assert [step.returncode for step in done] == [0, 0, 0], "".join(step.stderr for step in done)
    assert scores.read_bytes() == scored.read_bytes()  # another process, the same bytes
    for path, name in ((main, MAIN), (final, "final_losses")):
        write_csv(tmp_path / "again.csv", written[name])
        assert path.read_bytes() == (tmp_path / "again.csv").read_bytes()
    assert len(read_csv(main)) == 9
    assert json.loads((out / "p.json").read_text())["outputs"].keys() == {str(drawn)}


def test_the_program_names_the_mistake_without_a_traceback(files, tmp_path):
    inputs = {**{name: files[name] for name in SCORED_FROM.split()}, "histories": files["histories"][1:]}
    outputs = {"scores": tmp_path / "out" / "scores.parquet"}
    done = run_step("loss_curves.scores.score_losses", inputs, outputs, SPEC, tmp_path / "p.json")
    assert done.returncode == 1
    assert done.stderr.strip() == "error: --input histories: no file of w32-s0"
    assert not (tmp_path / "out").exists()


def drawn(raw) -> dict:
    """The settings of the job that draws the row of the characters' losses."""
    resolved = resolve(raw)
    row = resolved.declared_rows["A1"]
    return row.settings.spec("draw", row.paths, resolved.artefacts)


def test_the_figure_names_what_the_models_predict(merged):
    raw = merged()
    assert drawn(raw) == {"token": "character"}
    raw["models"]["char_gpt"]["tokenizer"] = "gpt2"
    assert drawn(raw) == {"token": "token"}


def test_the_corpora_stand_in_declared_order(merged):
    resolved = resolve(merged())
    row = resolved.declared_rows["A1"]
    spec = row.settings.spec("tabulate", row.paths, resolved.artefacts)
    declared = [name for name in resolved.artefacts.corpora if name in ("italian", "english")]
    assert [corpus for corpus, _ in spec["corpora"]] == declared
    assert {model["corpus"] for model in spec["models"].values()} == set(declared)


def test_a_sweep_of_published_models_is_refused(merged):
    raw = merged()
    raw["rows"]["A1"]["models"] = "smollm2"
    with pytest.raises(UserError, match="rows.A1.models: 'smollm2' is of the kind published, expected models of the kind tr"):
        resolve(raw)
