"""What tokenizers make of a corpus and how models learn from it: scores, tables, the figure."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from support.losses import DROPOUT, save_losses

from relab import utilisation
from relab.rows.shared.losses import GAP, trainings
from relab.chapters.stories.learning import (
    BEST_BITS,
    CUT,
    EPOCHS,
    LONGEST,
    MODEL,
    PER_TOKEN,
    UNKNOWN,
    ScoreSpec,
    learning_scores,
    learning_tables,
    targets,
)
from relab.chapters.stories.learning_figure import draw_learning, drops
from relab.errors import UserError
from relab.files import write_csv
from relab.scores import SCHEMA, Summaries, with_summary
from relab.stored import stored_parameters
from relab.training.history import COLUMNS, SPEED_COLUMNS

SPEC = ScoreSpec(
    corpus="tales",
    tokenizers=[{"name": "pieces", "vocabulary": 30, "lower_case": True, "character_coverage": 0.9995, "byte_fallback": False}],
    limit=6,
    models={"tales-s0": 0, "tales-s1": 1},
    reads="pieces",
    architecture={"width": 8, "layers": 2, "heads": 2, "block": 8, "tied": False},
)


class Split:
    """Tokens of a split as the scores see them: their counts and the length of each document."""

    class Counts:
        def __init__(self, lengths, characters, unknown, end=2):
            self.documents, self.tokens = len(lengths), sum(lengths)
            self.characters, self.unknown, self.end = characters, unknown, end

    def __init__(self, lengths, characters=60, unknown=1, **more):
        self.lengths = pd.Series(lengths).to_numpy()
        self.counts = self.Counts(lengths, characters, unknown, **more)


SPLITS = {"pieces": {"train": Split([4, 7, 20]), "validation": Split([5, 9, 10])}}


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
    return {name: tmp_path / name for name in SPEC.models}


def trained(folders):
    histories, losses = (
        {name: folder / file for name, folder in folders.items()} for file in ("history.csv", "losses.parquet")
    )
    return trainings(histories, losses)


@pytest.fixture
def scores(folders):
    rows = learning_scores(SPEC, SPLITS, trained(folders), dict.fromkeys(SPEC.models, 5000), "corpus")
    return Summaries(pd.DataFrame(with_summary(rows), columns=SCHEMA.names), "scores.parquet")


@pytest.fixture
def tables(scores, folders):
    devices = {"tales-s0": "cpu", "tales-s1": "cuda: NVIDIA H100 80GB HBM3"}
    return dict(learning_tables(SPEC, scores, folders, devices))


def test_rates_of_a_tokenizer_are_of_the_validation_text_without_its_marks(scores):
    own = 24 - 2 * 3
    assert scores.value("tokenizer/pieces", PER_TOKEN) == pytest.approx(60 / own)
    assert scores.value("tokenizer/pieces", UNKNOWN) == pytest.approx(1 / own)
    assert scores.value("tokenizer/pieces", LONGEST, "all") == 20
    assert scores.value("tokenizer/pieces", CUT, "all") == pytest.approx(4 / 6)


def test_a_tokenizer_that_knows_everything_has_no_rate_of_unknowns(folders):
    splits = {"pieces": {"train": Split([4], unknown=None, end=None), "validation": Split([5, 6], unknown=None, end=None)}}
    rows = learning_scores(SPEC, splits, trained(folders), dict.fromkeys(SPEC.models, 1), "corpus")
    found = Summaries(pd.DataFrame(with_summary(rows), columns=SCHEMA.names), "")
    assert found.value("tokenizer/pieces", PER_TOKEN) == pytest.approx(60 / 11)
    with pytest.raises(UserError, match="no score"):
        found.value("tokenizer/pieces", UNKNOWN)


def test_an_epoch_is_one_pass_over_what_is_predicted(scores):
    assert targets(SPLITS["pieces"]["train"], 8) == 3 + 6 + 8
    assert scores.value(MODEL, EPOCHS) == pytest.approx(300 / 17)
    assert scores.value(MODEL, BEST_BITS) == pytest.approx((1.0 + 1.1) / 2)


def test_what_is_counted_is_certain_and_what_is_measured_is_not(scores):
    assert scores.find("tokenizer/pieces", PER_TOKEN)["unit"] == scores.find(MODEL, EPOCHS)["unit"] == "exact"
    best = scores.find(MODEL, "best loss")
    assert (best["value"], best["unit"], best["seeds"]) == (pytest.approx(2.1), "segment", 2)
    assert scores.value(MODEL, GAP) == pytest.approx(2.5 - (3 - 30 / 20 - DROPOUT))


def test_the_tables(tables):
    assert list(tables) == ["tokenizers", "models", "curve", "progress", "speed"]
    one = tables["tokenizers"].iloc[0]
    assert (one["characters_per_token"], one["unknown"], one["longest"], one["cut"]) == ("3.333", "0.055556", 20, "0.6667")
    models = tables["models"].set_index("seed")
    assert models.loc[0, ["parameters", "steps", "best_step", "tokens_seen", "rate_drops"]].tolist() == [5000, 30, 20, 300, 0]
    assert models.loc[1, ["validation_loss", "validation_bits_per_byte", "rate_drops", "last_rate"]].tolist() == [
        *("2.2000", "1.1000", 1, "0.003")
    ]
    assert models["text"].tolist() == ["folded"] * 2
    assert tables["curve"]["step"].tolist() == [0, 10, 20, 30] * 2
    assert tables["progress"]["text"].tolist() == ["tales-s0 0 0", "tales-s0 30 0"]


def test_speed_and_how_far_a_card_is_used(tables):
    speed = tables["speed"].set_index("seed")
    assert speed.loc[0, ["tokens_per_second", "sampled_per_second", "utilisation"]].tolist() == ["200", "100", ""]
    # two layers of 12 x 8 x 8 and 13 x 8, a last norm, 8 positions, and the vocabulary twice
    vocabulary = (5000 - 2 * (12 * 64 + 13 * 8) - 16 - 64) / 2
    flops = 6 * (5000 - int(64 + vocabulary)) + 12 * 2 * 8 * 8
    assert utilisation.utilisation(200, flops, "cuda: NVIDIA H100 80GB HBM3") == pytest.approx(200 * flops / 989e12)
    assert speed.loc[1, "utilisation"] == "0.0000"
    assert utilisation.utilisation(1.0, 1.0, "cpu") is None


CARDS = {
    "NVIDIA H100 80GB HBM3": 989e12, "NVIDIA H100 PCIe": 756e12, "NVIDIA H100 NVL": 835e12, "NVIDIA H200": 989e12,
    "NVIDIA A100-SXM4-40GB": 312e12, "NVIDIA A100 80GB PCIe": 312e12, "NVIDIA L4": 121e12, "NVIDIA L40": 181e12,
    "NVIDIA L40S": 362e12, "Tesla T4": 65e12, "Tesla V100-SXM2-16GB": 125e12, "NVIDIA GeForce RTX 4090": 165.2e12,
}  # fmt: skip


@pytest.mark.parametrize("card, peak", CARDS.items())
def test_the_peak_of_a_card_is_that_of_its_whole_name(card, peak):
    assert utilisation.utilisation(1.0, peak, f"cuda: {card}") == 1


WITHOUT_PEAK = [
    "NVIDIA T400",
    "NVIDIA T4G",
    "Quadro RTX 4000",
    "NVIDIA L400",
    "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
    "NVIDIA H100",
]


@pytest.mark.parametrize("card", [*WITHOUT_PEAK, "NVIDIA A100", "NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA A10G", ""])
def test_a_card_whose_name_only_begins_like_a_known_ones_has_no_known_peak(card):
    assert utilisation.utilisation(1.0, 1e12, f"cuda: {card}") is None


def test_drops_are_where_a_constant_rate_falls(tables):
    curve = tables["curve"].astype({"learning_rate": float})
    assert drops(curve) == [20]
    cosine = pd.DataFrame({"seed": 0, "step": range(6), "learning_rate": [1.0, 0.9, 0.65, 0.35, 0.1, 0.0]})
    assert drops(cosine) == []


def test_the_figure_says_what_it_draws(tables):
    curve = tables["curve"].replace("", None).astype(float)
    figure = draw_learning(curve)
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "loss, bits per byte")
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told == [
        *("validation, mean of 2 seeds", "training, mean of 2 seeds", "lowest to highest seed", "learning rate lowered")
    ]
    assert [line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1] == [20]
    with pytest.raises(UserError, match="no column 'learning_rate'"):
        draw_learning(curve.drop(columns="learning_rate"))


def test_parameters_are_counted_without_reading_them(tmp_path):
    save_file({"a": torch.zeros(3, 4), "b": torch.zeros(5)}, tmp_path / "weights.safetensors")
    assert stored_parameters(tmp_path / "weights.safetensors") == 17
    (tmp_path / "no.safetensors").write_text("no")
    with pytest.raises(UserError, match="expected weights in safetensors"):
        stored_parameters(tmp_path / "no.safetensors")
