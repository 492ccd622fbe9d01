"""How models learn from documents: scores, tables, the figure, the steps of a row, which models are refused."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from support.losses import DROPOUT, save_losses
from support.row_steps import run_step
from support.tokens import tokens_of
from support.tokens import write as write_tokens

from relab import utilisation
from relab.errors import UserError
from relab.files import read_csv, write_csv
from relab.rows.document_models.figures import loss_figure
from relab.rows.document_models.names import BEST_BITS, EPOCHS, Spec
from relab.rows.document_models.rates import drops
from relab.rows.document_models.scores import model_scores, targets
from relab.rows.document_models.tables import curve_table, models_table, progress_table, speed_table
from relab.rows.shared.histories import read_history
from relab.rows.shared.losses import GAP, trainings
from relab.scores import SCHEMA, Summaries, with_summary
from relab.settings.config import resolve
from relab.training.history import COLUMNS, SPEED_COLUMNS
from relab.weight_files import count_parameters

MODELS = {"experiment": "tales/model", "models": [["tales-s0", 0], ["tales-s1", 1]]}
SPEC = Spec(**MODELS, architecture={"width": 8, "layers": 2, "heads": 2, "block": 8, "tied": False})
DOCUMENTS = [[0] * length for length in (4, 7, 20)]
FILES = {"histories": "history.csv", "losses": "losses.parquet", "speeds": "speed.csv"}
DEVICES = {"tales-s0": "cpu", "tales-s1": "cuda: NVIDIA H100 80GB HBM3"}


@pytest.fixture
def folders(tmp_path):
    """What two trainings leave behind: the second one's rate falls at step 20."""
    for name, shift in (("tales-s0", 0.0), ("tales-s1", 0.2)):
        rates = [0.01, 0.01, 0.003, 0.003] if shift else [0.01] * 4
        rows = [
            {
                **{"step": step, "tokens_seen": step * 10, "train_loss": 3 - step / 20 + shift if step else None},
                **{"validation_loss": loss + shift, "train_bits_per_byte": 2.0, "validation_bits_per_byte": (loss + shift) / 2},
                "folded": True,
                "learning_rate": rate,
            }
            for step, loss, rate in zip((0, 10, 20, 30), (4.0, 3.0, 2.0, 2.5), rates, strict=True)
        ]
        write_csv(tmp_path / name / "history.csv", pd.DataFrame(rows, columns=COLUMNS))
        save_losses(tmp_path / name / "history.csv")
        speed = [[0, 0.0, None, 50.0], [10, 1.0, 100.0, None], [20, 2.0, 300.0, None], [30, 3.0, 200.0, 150.0]]
        write_csv(tmp_path / name / "speed.csv", pd.DataFrame(speed, columns=SPEED_COLUMNS))
        lines = [
            json.dumps({"step": step, "index": index, "prompt": "once ", "text": f"{name} {step} {index}"})
            for step in (0, 30)
            for index in (0, 1)
        ]
        (tmp_path / name / "samples.jsonl").write_text("\n".join(lines) + "\n")
    return {name: tmp_path / name for name in SPEC.seeds}


def files(folders, name):
    return {model: folder / name for model, folder in folders.items()}


@pytest.fixture
def scores(folders):
    trained = trainings(files(folders, "history.csv"), files(folders, "losses.parquet"))
    rows = model_scores(SPEC, tokens_of(DOCUMENTS), trained, dict.fromkeys(SPEC.seeds, 5000), "corpus")
    return Summaries(pd.DataFrame(with_summary(rows), columns=SCHEMA.names), "scores.parquet")


@pytest.fixture
def histories(folders):
    return {name: read_history(path) for name, path in files(folders, "history.csv").items()}


def test_an_epoch_is_one_pass_over_what_is_predicted(scores):
    assert targets(tokens_of(DOCUMENTS), 8) == 3 + 6 + 8
    assert scores.value("tales/model", EPOCHS) == pytest.approx(300 / 17)
    assert scores.value("tales/model", BEST_BITS) == pytest.approx((1.0 + 1.1) / 2)


def test_what_is_counted_is_certain_and_what_is_measured_is_not(scores):
    assert scores.find("tales/model", EPOCHS)["unit"] == "exact"
    best = scores.find("tales/model", "best loss")
    assert (best["value"], best["unit"], best["seeds"]) == (pytest.approx(2.1), "segment", 2)
    assert scores.value("tales/model", GAP) == pytest.approx(2.5 - (3 - 30 / 20 - DROPOUT))


def test_the_tables(scores, histories, folders):
    models = models_table(SPEC, scores, histories).set_index("seed")
    assert models.loc[0, ["parameters", "steps", "best_step", "tokens_seen", "rate_drops"]].tolist() == [5000, 30, 20, 300, 0]
    assert models.loc[1, ["validation_loss", "validation_bits_per_byte", "rate_drops", "last_rate"]].tolist() == [
        *("2.2000", "1.1000", 1, "0.003")
    ]
    assert models["text"].tolist() == ["folded"] * 2
    assert curve_table(SPEC, histories)["step"].tolist() == [0, 10, 20, 30] * 2
    texts = progress_table("tales-s0", folders["tales-s0"] / "samples.jsonl")["text"]
    assert texts.tolist() == ["tales-s0 0 0", "tales-s0 30 0"]


def test_speed_and_how_far_a_card_is_used(folders):
    speed = speed_table(SPEC, files(folders, "speed.csv"), DEVICES, 5000).set_index("seed")
    assert speed.loc[0, ["tokens_per_second", "sampled_per_second", "utilisation"]].tolist() == ["200", "100", ""]
    # two layers of 12 x 8 x 8 and 13 x 8, a last norm, 8 positions, and the vocabulary twice
    vocabulary = (5000 - 2 * (12 * 64 + 13 * 8) - 16 - 64) / 2
    flops = 6 * (5000 - int(64 + vocabulary)) + 12 * 2 * 8 * 8
    assert utilisation.utilisation(200, flops, "cuda: NVIDIA H100 80GB HBM3") == pytest.approx(200 * flops / 989e12)
    assert speed.loc[1, "utilisation"] == "0.0000"


def test_a_file_of_speeds_without_a_column_is_named(folders):
    write_csv(folders["tales-s1"] / "speed.csv", pd.DataFrame({"step": [0]}))
    with pytest.raises(UserError, match=r"tales-s1/speed\.csv: no column 'tokens_per_second'"):
        speed_table(SPEC, files(folders, "speed.csv"), DEVICES, 5000)


def test_drops_are_where_a_constant_rate_falls(histories):
    assert [drops(history["learning_rate"]) for history in histories.values()] == [[], [20]]
    assert drops(pd.Series([1.0, 0.9, 0.65, 0.35, 0.1, 0.0])) == []


def test_a_rate_that_falls_all_the_time_is_not_said_to_be_lowered_on_plateaus(scores, histories):
    falling = {name: history.assign(learning_rate=[0.003, 0.002, 0.001, 0.0]) for name, history in histories.items()}
    assert not {"rate_drops", "last_rate"} & set(models_table(SPEC, scores, falling).columns)


def test_the_figure_says_what_it_draws(histories):
    curve = curve_table(SPEC, histories).replace("", None).astype(float)
    figure = loss_figure(curve, "tales")
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "loss, bits per byte")
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [
        *("validation, mean of 2 seeds", "training, mean of 2 seeds", "lowest to highest seed", "learning rate lowered")
    ]
    assert [line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1] == [20]
    with pytest.raises(UserError, match="no column 'learning_rate'"):
        loss_figure(curve.drop(columns="learning_rate"), "tales")


def test_the_steps_score_tabulate_and_draw(folders, tmp_path):
    weights, records = [], []
    for name, folder in folders.items():
        save_file({"a": torch.zeros(50, 100)}, folder / "model.safetensors")
        (folder / "model.safetensors.provenance.json").write_text(json.dumps({"device": DEVICES[name]}))
        weights.append(folder / "model.safetensors")
        records.append(folder / "model.safetensors.provenance.json")
    read = {name: list(files(folders, file).values()) for name, file in FILES.items()}
    tokens = write_tokens(tmp_path / "train.arrow", DOCUMENTS)
    made = {name: tmp_path / f"{name}.csv" for name in ("main", "progress", "speed", "curve")}
    scores, figure = tmp_path / "models.parquet", tmp_path / "loss.svg"
    score = {"tokens": tokens, "histories": read["histories"], "losses": read["losses"], "weights": weights}
    tabulate = {
        **{"scores": scores, "histories": read["histories"], "speeds": read["speeds"]},
        **{"samples": folders["tales-s0"] / "samples.jsonl", "records": records},
    }
    for function, inputs, outputs, spec in (
        ("scores.score_models", score, {"scores": scores}, SPEC.model_dump(mode="json")),
        ("tables.tabulate", tabulate, made, SPEC.model_dump(mode="json")),
        ("figures.draw", {"curve": made["curve"]}, {"loss": figure}, {"model": "tales"}),
    ):
        done = run_step(f"document_models.{function}", inputs, outputs, spec, tmp_path / "provenance.json")
        assert done.returncode == 0, done.stderr
    assert read_csv(made["main"])[["model", "parameters"]].values.tolist() == [["tales-s0", 5000], ["tales-s1", 5000]]
    assert read_csv(made["speed"])["device"].tolist() == list(DEVICES.values())
    assert set(read_csv(made["progress"])["model"]) == {"tales-s0"}
    assert "learning rate lowered" in figure.read_text()


def test_parameters_are_counted_without_reading_them(tmp_path):
    save_file({"a": torch.zeros(3, 4), "b": torch.zeros(5)}, tmp_path / "weights.safetensors")
    assert count_parameters(tmp_path / "weights.safetensors") == 17
    (tmp_path / "no.safetensors").write_text("no")
    with pytest.raises(UserError, match="expected weights in safetensors"):
        count_parameters(tmp_path / "no.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw["rows"]["D2"].update(models="char_gpt"), "rows.D2.models: expected models that differ in their seed"),
        (
            lambda raw: raw["rows"]["D2"].update(models="smollm2"),
            "rows.D2.models: 'smollm2' is of the kind published, expected",
        ),
        (
            lambda raw: raw["models"]["stories"]["training"].update(reading="blocks"),
            "models.stories.training.reading: expected documents, since rows.D2 shows",
        ),
        (
            lambda raw: raw["models"]["stories"]["training"].update(samples=None),
            "models.stories.training.samples: required, since rows.D2 shows",
        ),
    ],
)
def test_models_that_the_row_cannot_show_are_refused(merged, change, message):
    raw = merged()
    raw["rows"] = {"D2": raw["rows"]["D2"]}
    change(raw)
    with pytest.raises(UserError, match=f"^{message}"):
        resolve(raw)


def test_a_row_needs_the_samples_of_its_first_model_alone(merged):
    raw = merged()
    raw["rows"] = {"D2": raw["rows"]["D2"]}
    resolved = resolve(raw)
    row = resolved.rows["D2"]
    assert row.settings.inputs("tabulate", row.paths, resolved.artefacts)["samples"] == [
        "results/models/stories-s0/samples.jsonl"
    ]
    spec = row.settings.spec("score", row.paths, resolved.artefacts)
    assert (spec["experiment"], spec["models"]) == ("stories/model", [["stories-s0", 0], ["stories-s1", 1]])
