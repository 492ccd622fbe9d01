"""Losses by iteration: scores, tables and figure, from histories that were made up."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from scipy.stats import ttest_1samp
from support.losses import APART, DROPOUT
from support.row_program import run_program
from support.sentences import READER, corpus, save_history, save_model, tokenizer_of

from relab.claims.ledger import ledger
from relab.claims.scores import Scores
from relab.claims.verdicts import REPRODUCED
from relab.errors import UserError
from relab.figures import figure_style
from relab.files import read_csv, sha256, write_csv
from relab.rows.iteration_losses.baselines import baseline_losses
from relab.rows.iteration_losses.figures import draw_losses
from relab.rows.iteration_losses.names import ABOVE_GRAMMAR, ABOVE_UNIFORM, ENTROPY, Spec
from relab.rows.iteration_losses.scores import iteration_scores, score_losses
from relab.rows.iteration_losses.tables import losses_table, tabulate
from relab.rows.job import MAIN, Job
from relab.rows.shared.histories import read_history
from relab.rows.shared.losses import FINAL, trainings
from relab.rows.shared.sentences import Continuations, Sentences
from relab.scores import Summaries, read_scores, write_summarised
from relab.settings.claims import parse
from relab.settings.config import resolve
from relab.svg import save_figure

MODELS, LARGER = {"small-s0": 0, "small-s1": 1}, {"larger-s0": 0}
SENTENCES = Sentences(Continuations({(0, 1): 0.75, (0, 2): 0.25}), Continuations({(0, 1): 3, (0, 2): 1}))
VOCABULARY = 8
#: Sentences that were held out, the rarer one as often as the other.
HELD_OUT = [(0, 1), (0, 2)]


def paths(folder: Path, models: dict[str, int], file: str) -> dict[str, Path]:
    return {model: folder / model / file for model in models}


@pytest.fixture
def folder(tmp_path) -> Path:
    """Trainings of both kinds of models, and their scores: of the small ones beside what can be reached on sentences."""
    for models, start in ((MODELS, 6.0), (LARGER, 7.0)):
        for model, seed in models.items():
            save_history(tmp_path / model / "history.csv", seed, start=start)
    baselines = baseline_losses(SENTENCES, HELD_OUT, VOCABULARY)
    for experiment, models, known, data in (("sentences", MODELS, baselines, "ab"), ("larger", LARGER, {}, "cd")):
        spec = Spec(experiment=experiment, models=models)
        read = trainings(paths(tmp_path, models, "history.csv"), paths(tmp_path, models, "losses.parquet"))
        write_summarised(tmp_path / f"{experiment}.parquet", iteration_scores(spec, read, known, data))
    return tmp_path


def summaries(folder: Path, experiment: str) -> Summaries:
    return Summaries(read_scores(folder / f"{experiment}.parquet"), experiment)


@pytest.fixture
def value(folder):
    frames = {name: read_scores(folder / f"{name}.parquet") for name in ("sentences", "larger")}
    known = {name: frame.set_index(["experiment", "seed", "split", "metric"]) for name, frame in frames.items()}
    return lambda experiment, metric, split="validation", seed="all": known[experiment.partition("/")[0]].loc[
        (experiment, seed, split, metric)
    ]


@pytest.fixture
def written(folder):
    """The tables of both rows."""

    def tables(experiment: str, models: dict[str, int]) -> dict:
        inputs = {
            "scores": [folder / f"{experiment}.parquet"],
            "histories": list(paths(folder, models, "history.csv").values()),
        }
        spec = {"experiment": experiment, "models": models, "every": 4, "grammar": experiment == "sentences"}
        return tabulate(Job(inputs, {}, spec))

    return {"sentences": tables("sentences", MODELS), "larger": tables("larger", LARGER)}


def half(values) -> float:
    """Half of the t interval of the mean of some values."""
    ends = ttest_1samp(values, 0).confidence_interval()
    return (ends.high - ends.low) / 2


def test_losses_of_both_kinds_of_models(value):
    final = value("sentences/model", FINAL)
    assert (final["value"], final["seeds"], final["n"], final["data"]) == (pytest.approx(1.55), 2, len(APART), "ab")
    # seeds that lie 0.1 apart on all segments alike: the margins of seeds and of segments add in quadrature
    assert final["high"] - final["value"] == pytest.approx(math.hypot(half([1.5, 1.6]), half(APART)))
    assert value("sentences/model", FINAL, "train", "1")["value"] == pytest.approx(1.85 - DROPOUT)  # without dropout
    assert value("sentences/model", "loss at step 8", "train", "1")["value"] == pytest.approx(1.85)
    assert value("sentences/model", "loss at step 4")["value"] == pytest.approx(3.05)
    assert value("sentences/model", "loss at step 0", "train")["n"] == 0  # there is none before the first step
    larger = value("larger/model", "initial loss")
    assert (larger["value"], larger["seeds"], larger["data"]) == (7.0, 1, "cd")
    assert larger["high"] - larger["value"] == pytest.approx(half(APART))
    assert value("larger/model", "final bits per byte")["value"] == pytest.approx(0.75)


def test_losses_stand_beside_what_can_be_reached(value):
    entropy, uniform = 0.75 * math.log(4 / 3) + 0.25 * math.log(4), math.log(VOCABULARY)
    grammar = (math.log(4 / 3) + math.log(4)) / 2  # on what was held out, where the rarer sentence is too frequent
    assert value("sentences/grammar", "loss")["value"] == pytest.approx(grammar)
    assert value("sentences/grammar", ENTROPY)["value"] == pytest.approx(entropy)
    assert value("sentences/grammar", "loss")["unit"] == "exact"
    assert value("sentences/uniform", "loss")["value"] == pytest.approx(uniform)
    frequencies = value("sentences/training text", "loss", "train")["value"]
    assert frequencies == pytest.approx(0.75 * math.log(4 / 3) + 0.25 * math.log(4))
    assert value("sentences/model", ABOVE_GRAMMAR)["value"] == pytest.approx(1.55 - grammar)
    assert value("sentences/model", ABOVE_UNIFORM)["value"] == pytest.approx(6.05 - uniform)


def test_models_of_no_grammar_stand_alone(folder):
    scores = read_scores(folder / "larger.parquet")
    assert set(scores["experiment"]) == {"larger/model"}
    assert not {ABOVE_GRAMMAR, ABOVE_UNIFORM} & set(scores["metric"])


def test_claims_find_these_scores(folder):
    ends = [{"experiment": "sentences/model", "metric": "loss", "split": "validation", "step": at} for at in ("last", "first")]
    comparison = {"kind": "less", "lower": ends[0], "higher": ends[1]}
    claim = {"row": "E1", "writeup": "mingpt", "says": "so", "source": "the assignment", "comparison": comparison}
    decided = ledger(parse({"E1": claim}), {}, {"mingpt": Scores(read_scores(folder / "sentences.parquet"))})
    assert decided["verdict"][0] == REPRODUCED


def test_tables_of_losses(written):
    losses = written["sentences"][MAIN]
    assert losses["iteration"].to_list() == [0, 4, 8]
    first, last = losses.iloc[0], losses.iloc[2]
    assert (first["train_loss"], first["train_loss_low"], first["validation_loss"]) == ("", "", "6.0500")
    margin = math.hypot(half([1.5, 1.6]), half(APART))
    ends = [last[f"validation_loss{end}"] for end in ("", "_low", "_high")]
    assert ends == ["1.5500", f"{1.55 - margin:.4f}", f"{1.55 + margin:.4f}"] and last["seeds"] == 2
    assert last["bits_per_byte"] == "0.7750"
    assert losses["text"].to_list() == ["as written"] * 3
    larger = written["larger"][MAIN]
    assert larger["seeds"].to_list() == [1, 1, 1]
    assert larger["validation_loss_low"].to_list() == [f"{loss - half(APART):.4f}" for loss in (7, 3, 1.5)]
    assert larger["train_loss_low"].to_list() == ["", "", ""]  # of one seed nothing tells how far it may be off


def test_the_last_iteration_is_shown_where_it_is_no_multiple(folder):
    histories = {MODELS[model]: read_history(path) for model, path in paths(folder, MODELS, "history.csv").items()}
    table = losses_table("sentences/model", histories, 6, summaries(folder, "sentences"))
    assert table["iteration"].to_list() == [0, 6, 8]


def test_curves_hold_every_evaluation_and_what_can_be_reached(written):
    curve = written["sentences"]["curve"]
    shown = ["seed", "step", "train_loss", "validation_loss"]
    assert list(curve) == [*shown, "grammar_loss", "grammar_entropy", "training_text_entropy", "uniform"]
    assert len(curve) == 10 and set(curve["grammar_loss"]) == {"0.8370"} and set(curve["grammar_entropy"]) == {"0.5623"}
    assert set(curve["uniform"]) == {"2.0794"}
    assert list(written["larger"]["curve"]) == shown


def test_the_figure_shows_what_can_be_reached(written, tmp_path):
    def lines(row: str) -> list[list[float]]:
        write_csv(tmp_path / "curve.csv", written[row]["curve"])
        with figure_style():
            figure = draw_losses(read_csv(tmp_path / "curve.csv"), "gpt")
            save_figure(tmp_path / "loss.svg", figure)
        return [list(line.get_ydata()) for line in figure.axes[0].get_lines()]

    drawn = lines("sentences")
    assert [pytest.approx(line) for line in drawn] == [
        [4.3, 3.3, 2.3, 1.8],
        [6.05, 4.05, 3.05, 2.05, 1.55],
        [2.0794, 2.0794],
        [0.8370, 0.8370],
    ]
    with_two_seeds = (tmp_path / "loss.svg").read_bytes()
    assert len(lines("larger")) == 2
    assert lines("sentences") == drawn and (tmp_path / "loss.svg").read_bytes() == with_two_seeds


def test_curves_that_lack_something_are_refused(written):
    curve = written["sentences"]["curve"]
    with pytest.raises(UserError, match="no column 'train_loss'"):
        draw_losses(curve.drop(columns="train_loss"), "gpt")
    with pytest.raises(UserError, match="no row"):
        draw_losses(curve.head(0), "gpt")


@pytest.fixture
def trained(tmp_path) -> dict[str, list[Path]]:
    """What the step that scores reads: models with a tokenizer, and their sentences."""
    folders = [save_model(tmp_path / "models" / model, tokenizer_of(), seed) for model, seed in MODELS.items()]
    train = corpus(tmp_path / "train.parquet")
    return {
        "histories": [folder / "history.csv" for folder in folders],
        "losses": [folder / "losses.parquet" for folder in folders],
        "train": [train],
        "validation": [train],
        **{name: [folders[0] / f"{name}.json"] for name in ("tokenizer", "tokenizer_config")},
    }


SPEC = {
    "experiment": "sentences",
    "models": MODELS,
    "grammar": {"reader": READER, "sentences": 4, "block": 32},
}


def test_the_steps_lead_from_models_to_a_figure_and_repeat(trained, tmp_path, monkeypatch):
    for attempt in ("first", "again"):
        out, record = tmp_path / attempt, tmp_path / "p.json"
        scores, main, curve = out / "scores.parquet", out / "losses.csv", out / "curve.csv"
        run_program(monkeypatch, "iteration_losses.scores.score_losses", trained, {"scores": scores}, SPEC, record)
        inputs = {"scores": scores, "histories": trained["histories"]}
        spec = {"experiment": "sentences", "models": MODELS, "every": 4, "grammar": True}
        run_program(monkeypatch, "iteration_losses.tables.tabulate", inputs, {MAIN: main, "curve": curve}, spec, record)
        run_program(
            monkeypatch, "iteration_losses.figures.draw", {"curve": curve}, {"loss": out / "loss.svg"}, {"model": "gpt"}, record
        )
    made = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert made == ["curve.csv", "loss.svg", "losses.csv", "scores.parquet"]
    assert all((tmp_path / "first" / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in made)
    assert set(read_scores(tmp_path / "first" / "scores.parquet")["data"]) == {sha256(trained["train"][0])[:12]}


def test_a_missing_history_is_named_and_nothing_is_written(trained, tmp_path, monkeypatch):
    missing = {**trained, "histories": trained["histories"][:1]}
    with pytest.raises(UserError, match="--input histories: no file of small-s1"):
        score_losses(Job(missing, {}, SPEC))
    outputs = {"scores": tmp_path / "out" / "scores.parquet"}
    with pytest.raises(SystemExit, match="error: --input histories: no file of small-s1"):
        run_program(monkeypatch, "iteration_losses.scores.score_losses", missing, outputs, SPEC, tmp_path / "p.json")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("key", "changed", "sentence"),
    [
        (
            "rows",
            {"E4": {"every": 150}},
            "rows.E4.every: 150 is no multiple of the 100 steps between two evaluations of models",
        ),
        ("rows", {"E4": {"models": "char_gpt"}}, "rows.E4.models: expected models that differ in their seed alone, found ital"),
        (
            "models",
            {"mingpt": {"training": {"reading": "blocks"}}},
            "models.mingpt-s0.training.reading: expected documents, since rows.E1.models reads sentences",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(merged, key, changed, sentence):
    from snakemake.utils import update_config

    raw = merged()
    update_config(raw, {key: changed})
    with pytest.raises(UserError) as error:
        resolve(raw)
    assert sentence in str(error.value)


def test_a_row_of_a_user_s_own_has_experiments_of_its_own_name(merged):
    raw = merged()
    about = {"title": "My model", "text": "It learns.", "chapter": "mine", "every": 200}
    raw |= {"chapters": {"mine": {"title": "Mine"}}}
    raw["rows"]["endings"] = {"kind": "iteration_losses", "models": "mingpt_larger", **about}
    resolved = resolve(raw)
    row = resolved.declared_rows["endings"]
    spec = row.settings.spec("score", row.paths, resolved.artefacts)
    assert spec == {"experiment": "endings", "models": {"mingpt-larger-s0": 0, "mingpt-larger-s1": 1}}
    assert "tokenizer" not in row.settings.inputs("score", row.paths, resolved.artefacts)
    assert row.tables == {MAIN: "results/tables/mine/endings.csv", "curve": "results/tables/mine/endings_curve.csv"}
