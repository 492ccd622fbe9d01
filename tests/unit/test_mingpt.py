"""Scores, tables, figures and programs of the fifth chapter, from histories and traces that were made up."""

from __future__ import annotations

import math
import runpy
import sys
from types import SimpleNamespace

import pandas as pd
import pytest
from scipy.stats import ttest_1samp
from support.losses import APART, DROPOUT
from support.mingpt import READER, corpus, save_history, save_model, tokenizer_of

from relab.chapters.mingpt import tables
from relab.chapters.mingpt.figure import draw_losses
from relab.chapters.mingpt.names import (
    ABOVE_GRAMMAR,
    ABOVE_UNIFORM,
    CHANGED,
    DISTANCE,
    ENTROPY,
    FINAL,
    FIRST_DISTANCE,
    GRAMMAR,
    LARGER,
    MODEL,
    SHIFTED,
    TRAINING_TEXT,
    UNGRAMMATICAL,
    UNIFORM,
    WORDS,
)
from relab.chapters.mingpt.records import Alternative, Step, Text, write
from relab.chapters.mingpt.scores import Files, chapter_scores, ungrammatical
from relab.chapters.mingpt.sentences import Continuations, Sentences
from relab.chapters.mingpt.settings import TableSpec
from relab.claims.comparisons import CONTRADICTED, REPRODUCED, UNDECIDED
from relab.claims.ledger import ledger
from relab.claims.scores import Scores
from relab.errors import UserError
from relab.figures import save, style
from relab.files import read_csv, write_csv
from relab.report import tables as report
from relab.report.environment import environment
from relab.scores import Summaries, read_scores, with_summary, write_scores
from relab.settings.base import canonical
from relab.settings.claims import parse

MODELS, LARGER_MODELS = {"small-s0": 0, "small-s1": 1}, {"larger-s0": 0}
SENTENCES = Sentences(Continuations({(0, 1): 0.75, (0, 2): 0.25}), Continuations({(0, 1): 3, (0, 2): 1}))
VOCABULARY = 8
#: Sentences that were held out, the rarer one as often as the other.
HELD_OUT = [(0, 1), (0, 2)]


def step(token: int, distance: float | None, probability: float = 0.5, word: str = "") -> Step:
    """A step with two alternatives; without a distance it is one that no sentence reaches."""
    known = distance is not None
    others = [
        Alternative(
            id=one,
            word=f" w{one}",
            model_probability=share,
            corpus_frequency=share if known else None,
            grammar_probability=0.5 if known else None,
        )
        for one, share in ((token, 0.6), (token + 1, 0.3))
    ]
    return Step(
        id=token,
        word=word or f" w{token}",
        probability=probability,
        model_probability=0.4,
        sentences=7 if known else 0,
        grammar_probability=0.5 if known else None,
        total_variation=distance,
        corpus_total_variation=0.1 if known else None,
        alternatives=others,
    )


def text(table: str, method: str, steps: list[Step], greedy: list[int], seed: int, temperature: float = 1.0) -> Text:
    return Text(
        table=table,
        prompt="He",
        prompt_ids=[0],
        temperature=temperature,
        method=method,
        seed=seed,
        greedy_ids=greedy,
        steps=steps,
    )


def trace_of(seed: int) -> list[Text]:
    """Three steps; both seeds start with token 1, then they part; behind the second nothing was trained."""
    second = 2 + seed
    path = [step(1, 0.1 + 0.1 * seed), step(second, 0.3), step(4, None, word=".")]
    words = [step(1, 0.1, 0.7), step(second, 0.3, 0.2), step(4, None, 0.5)]
    drawn = [step(5, 0.1), step(6, None, word="<b>"), step(6, None)]
    greedy = [1, second, 4]
    return [
        text("words", "greedy", words, greedy, seed, 0.8),
        text("words", "drawn", drawn, greedy, seed, 0.8),
        text("alternatives", "greedy", path, greedy, seed),
    ]


@pytest.fixture
def files(tmp_path) -> Files:
    for name, seed in {**MODELS, **LARGER_MODELS}.items():
        save_history(tmp_path / name / "history.csv", seed, start=7.0 if name in LARGER_MODELS else 6.0)
    for name, seed in MODELS.items():
        write(tmp_path / f"{name}.jsonl", trace_of(seed))
    histories, losses = (
        {name: tmp_path / name / file for name in (*MODELS, *LARGER_MODELS)} for file in ("history.csv", "losses.parquet")
    )
    traces = {name: tmp_path / f"{name}.jsonl" for name in MODELS}
    data, larger = ({"train": digest, "validation": digest} for digest in ("ab", "cd"))
    return Files(histories, losses, traces, HELD_OUT, data, larger)


@pytest.fixture
def scored(files, tmp_path):
    path = tmp_path / "mingpt" / "scores.parquet"
    write_scores(path, with_summary(chapter_scores(MODELS, LARGER_MODELS, files, SENTENCES, VOCABULARY)))
    return path


@pytest.fixture
def value(scored):
    frame = read_scores(scored).set_index(["experiment", "seed", "split", "metric"])
    return lambda experiment, metric, split="validation", seed="all": frame.loc[(experiment, seed, split, metric)]


@pytest.fixture
def written(files, scored):
    settings = TableSpec(models=MODELS, larger=LARGER_MODELS, reader=READER, every=4)
    found = tables.chapter_tables(settings, files.histories, files.traces, Summaries(read_scores(scored), scored))
    return dict(found)


def half(values) -> float:
    """Half of the t interval of the mean of some values."""
    ends = ttest_1samp(values, 0).confidence_interval()
    return (ends.high - ends.low) / 2


def test_losses_of_both_models(value):
    final = value(MODEL, FINAL)
    assert (final["value"], final["seeds"], final["n"], final["data"]) == (pytest.approx(1.55), 2, len(APART), "ab")
    # seeds that lie 0.1 apart on all segments alike: the margins of seeds and of segments add in quadrature
    assert final["high"] - final["value"] == pytest.approx(math.hypot(half([1.5, 1.6]), half(APART)))
    assert value(MODEL, FINAL, "train", "1")["value"] == pytest.approx(1.85 - DROPOUT)  # without dropout
    assert value(MODEL, "loss at step 8", "train", "1")["value"] == pytest.approx(1.85)
    assert value(MODEL, "loss at step 4")["value"] == pytest.approx(3.05)
    assert value(MODEL, "loss at step 0", "train")["n"] == 0  # there is none before the first step
    larger = value(LARGER, "initial loss")
    assert (larger["value"], larger["seeds"], larger["data"]) == (7.0, 1, "cd")
    assert larger["high"] - larger["value"] == pytest.approx(half(APART))
    assert value(LARGER, "final bits per byte")["value"] == pytest.approx(0.75)


def test_losses_stand_beside_what_can_be_reached(value):
    entropy, uniform = 0.75 * math.log(4 / 3) + 0.25 * math.log(4), math.log(VOCABULARY)
    grammar = (math.log(4 / 3) + math.log(4)) / 2  # on what was held out, where the rarer sentence is too frequent
    assert value(GRAMMAR, "loss")["value"] == pytest.approx(grammar)
    assert value(GRAMMAR, ENTROPY)["value"] == pytest.approx(entropy)
    assert value(GRAMMAR, "loss")["unit"] == "exact"
    assert value(UNIFORM, "loss")["value"] == pytest.approx(uniform)
    frequencies = value(TRAINING_TEXT, "loss", "train")["value"]
    assert frequencies == pytest.approx(0.75 * math.log(4 / 3) + 0.25 * math.log(4))
    assert value(MODEL, ABOVE_GRAMMAR)["value"] == pytest.approx(1.55 - grammar)
    assert value(MODEL, ABOVE_UNIFORM)["value"] == pytest.approx(6.05 - uniform)


def test_distances_are_those_of_the_steps_that_a_sentence_reaches(value):
    assert value(MODEL, DISTANCE, WORDS, "0")["value"] == pytest.approx(0.2)
    assert value(MODEL, DISTANCE, WORDS, "1")["value"] == pytest.approx(0.25)
    assert (value(MODEL, DISTANCE, WORDS, "1")["n"], value(MODEL, DISTANCE, WORDS, "1")["unit"]) == (1, "text")
    assert value(TRAINING_TEXT, DISTANCE, WORDS)["value"] == pytest.approx(0.1)
    assert value(MODEL, FIRST_DISTANCE, WORDS)["value"] == pytest.approx(0.225)


def test_what_the_temperature_changes_in_greedy_texts(value, files, tmp_path):
    assert value(MODEL, CHANGED, WORDS)["value"] == 0
    assert value(MODEL, SHIFTED, WORDS)["value"] == pytest.approx((0.3 + 0.2 + 0.1) / 3)
    other = [one.model_copy(update={"greedy_ids": [1, 1, 1]}) if one.table == "words" else one for one in trace_of(0)]
    write(files.traces["small-s0"], other)
    rows = chapter_scores({"small-s0": 0}, LARGER_MODELS, files, SENTENCES, VOCABULARY)
    assert next(row["value"] for row in rows if row["metric"] == CHANGED) == pytest.approx(2 / 3)


def test_the_part_of_a_text_that_could_be_grammatical_ends_at_its_full_stop():
    """Tokens of a text, each with its probability by the grammar; none where no sentence goes on."""

    def share(*steps: tuple[str, float | None]) -> float:
        made = [step(1, 0.1, word=word).model_copy(update={"grammar_probability": known}) for word, known in steps]
        return ungrammatical(text("words", "greedy", made, [1] * len(made), 0))

    # the grammar itself, whose sentence ends: whatever is said behind it is nobody's fault
    assert share((" a", 0.5), (" dog", 1.0), (".", 1.0), (" a", None), (".", None)) == 0
    # one token that the grammar does not allow, and the two behind it up to the full stop
    assert share((" a", 0.5), (" I", 0.0), (" dog", None), (".", None), (" a", None)) == 3 / 4
    assert share((".", 0.0), (" dog", None)) == 1
    assert share((" a", 0.5), (" a", 0.0)) == 1 / 2  # it never ends


def test_ungrammatical_tokens_are_a_mean_over_the_texts_of_e2(value):
    found = value(MODEL, UNGRAMMATICAL, WORDS, "0")
    assert (found["value"], found["n"]) == (pytest.approx((1 / 3 + 2 / 3) / 2), 2)


def measure(metric: str, split: str = WORDS, **step) -> dict:
    return {"experiment": MODEL, "metric": metric, "split": split, **step}


@pytest.mark.parametrize(
    ("comparison", "verdict"),
    [
        ({"kind": "below", "measure": measure(FIRST_DISTANCE), "value": 1.5}, REPRODUCED),
        ({"kind": "below", "measure": measure(FIRST_DISTANCE), "value": -1}, CONTRADICTED),
        ({"kind": "below", "measure": measure(DISTANCE), "value": 0.3}, UNDECIDED),  # two steps that lie 0.2 apart
        ({"kind": "above", "measure": measure(CHANGED), "value": 0}, CONTRADICTED),
        ({"kind": "above", "measure": measure(SHIFTED), "value": 0}, REPRODUCED),
        ({"kind": "above", "measure": measure(SHIFTED), "value": 0.2}, CONTRADICTED),  # 0.15 with each seed
        (
            {
                "kind": "less",
                "lower": measure("loss", "validation", step="last"),
                "higher": measure("loss", "validation", step="first"),
            },
            REPRODUCED,
        ),
    ],
)
def test_claims_find_these_scores(scored, comparison, verdict):
    claim = {"row": "E3", "writeup": "mingpt", "says": "so", "source": "the assignment", "comparison": comparison}
    found = ledger(parse({"E3": claim}), {}, {"mingpt": Scores(read_scores(scored), "scores")})
    assert found["verdict"][0] == verdict


def test_tables_of_losses(written):
    losses = written["losses"]
    assert losses["iteration"].to_list() == [0, 4, 8]
    first, last = losses.iloc[0], losses.iloc[2]
    assert (first["train_loss"], first["train_loss_low"], first["validation_loss"]) == ("", "", "6.0500")
    margin = math.hypot(half([1.5, 1.6]), half(APART))
    ends = [last[f"validation_loss{end}"] for end in ("", "_low", "_high")]
    assert ends == ["1.5500", f"{1.55 - margin:.4f}", f"{1.55 + margin:.4f}"] and last["seeds"] == 2
    assert last["bits_per_byte"] == "0.7750"
    assert losses["text"].to_list() == ["as written"] * 3
    larger = written["larger_losses"]
    assert larger["seeds"].to_list() == [1, 1, 1]
    assert larger["validation_loss_low"].to_list() == [f"{loss - half(APART):.4f}" for loss in (7, 3, 1.5)]
    assert larger["train_loss_low"].to_list() == ["", "", ""]  # of one seed nothing tells how far it may be off


def test_the_last_iteration_is_shown_where_it_is_no_multiple(files, scored):
    histories, scores = tables._histories(MODELS, files.histories), Summaries(read_scores(scored), scored)
    assert tables.losses(MODEL, histories, 6, scores)["iteration"].to_list() == [0, 6, 8]


def test_curves_hold_every_evaluation_and_what_can_be_reached(written):
    curve = written["curve"]
    assert list(curve) == [
        "seed",
        "step",
        "train_loss",
        "validation_loss",
        "grammar_loss",
        "grammar_entropy",
        "training_text_entropy",
        "uniform",
    ]
    assert len(curve) == 10 and set(curve["grammar_loss"]) == {"0.8370"} and set(curve["grammar_entropy"]) == {"0.5623"}
    assert set(curve["uniform"]) == {"2.0794"}
    assert list(written["larger_curve"]) == ["seed", "step", "train_loss", "validation_loss"]


def test_words_stand_side_by_side_with_their_probabilities(written):
    words = written["words"]
    assert len(words) == 3 and set(words["seed"]) == {0}  # the first seed's model
    assert words["greedy_word"].to_list() == ["␣w1", "␣w2", "␣w4"] and words["drawn_word"][1] == "<b>"
    assert words["greedy_probability"].to_list() == ["0.7000", "0.2000", "0.5000"]
    assert words["greedy_model_probability"].to_list() == ["0.4000"] * 3
    assert words["greedy_grammar_probability"].to_list() == ["0.5000", "0.5000", ""]
    assert words["temperature"].to_list() == ["0.8"] * 3 and words["drawn_id"].to_list() == [5, 6, 6]


def test_alternatives_are_empty_where_nothing_was_trained(written):
    alternatives = written["alternatives"]
    assert alternatives[["step", "rank"]].to_numpy().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2], [3, 1], [3, 2]]
    assert alternatives["corpus_frequency"].to_list() == ["0.6000", "0.3000"] * 2 + ["", ""]
    assert alternatives["grammar_probability"].to_list() == ["0.5000"] * 4 + ["", ""]
    assert alternatives["total_variation"].to_list() == ["0.1000"] * 2 + ["0.3000"] * 2 + ["", ""]
    assert alternatives["sentences"].to_list() == [7, 7, 7, 7, 0, 0]


def test_distances_are_averaged_over_seeds_of_the_same_words_only(written):
    first, second, third = written["total_variation"].to_dict("records")
    margin = half([0.1, 0.2])
    assert (first["model"], first["seeds"]) == ("0.1500", 2)
    assert (first["model_low"], first["model_high"]) == (f"{0.15 - margin:.4f}", f"{0.15 + margin:.4f}")
    assert (second["model"], second["seeds"], second["text"], second["word"]) == ("0.3000", 2, "He w1", "␣w2")
    assert (third["model"], third["seeds"], third["sentences"], third["text"]) == ("", 1, 0, "He w1 w2")
    assert first["training_text"] == "0.1000"


def rendered(name: str, table: pd.DataFrame, tmp_path) -> str:
    write_csv(tmp_path / f"{name}.csv", table)
    view = SimpleNamespace(data=report.read(str(tmp_path / f"{name}.csv")), entry=SimpleNamespace(title=name, language="en"))
    return environment().get_template(f"tables/{name}.html.j2").render(view=view)


def test_words_on_the_page(written, tmp_path):
    page = rendered("words", written["words"], tmp_path)
    assert page.count("<li>") == 6 and page.count("temperature 0.8") == 1
    assert "<code>␣w1</code> 0.7000" in page and "grammar –" in page
    assert "<code>&lt;b&gt;</code>" in page and "<b>" not in page


def test_alternatives_on_the_page(written, tmp_path):
    page = rendered("alternatives", written["alternatives"], tmp_path)
    assert [page.count(f">word {number}</th>") for number in (1, 2, 3, 4)] == [1, 1, 1, 0]
    assert page.count("<tbody>") == 2  # the two most probable tokens
    assert '<td class="number">0.100</td>' in page and '<td class="number">–</td>' in page


def test_the_figure_shows_what_can_be_reached(written, tmp_path):
    def lines(table: str, **changes) -> list[list[float]]:
        write_csv(tmp_path / "curves.csv", written[table].assign(**changes))
        with style():
            figure = draw_losses(read_csv(tmp_path / "curves.csv"))
            save(figure, tmp_path / "loss.svg")
        return [list(line.get_ydata()) for line in figure.axes[0].get_lines()]

    drawn = lines("curve")
    assert [pytest.approx(one) for one in drawn] == [
        [4.3, 3.3, 2.3, 1.8],
        [6.05, 4.05, 3.05, 2.05, 1.55],
        [2.0794, 2.0794],
        [0.8370, 0.8370],
    ]
    with_two_seeds = (tmp_path / "loss.svg").read_bytes()
    assert len(lines("larger_curve")) == 2
    assert lines("curve") == drawn and (tmp_path / "loss.svg").read_bytes() == with_two_seeds


def test_curves_that_lack_something_are_refused(written):
    with pytest.raises(UserError, match="no column 'train_loss'"):
        draw_losses(written["curve"].drop(columns="train_loss"))
    with pytest.raises(UserError, match="no row"):
        draw_losses(written["curve"].head(0))


def run(name: str, checkout, monkeypatch, *words) -> None:
    """A program, in this process."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
    runpy.run_path(str(checkout / "scripts" / f"{name}.py"), run_name="__main__")


def test_programs_lead_from_a_model_to_a_figure(checkout, tmp_path, monkeypatch):
    tokenizer = tokenizer_of()
    train = corpus(tmp_path / "train.parquet")
    folders = [save_model(tmp_path / "models" / name, tokenizer, seed) for name, seed in MODELS.items()]
    save_history(tmp_path / "models" / "larger-s0" / "history.csv", 0, start=7.0)
    histories = sorted(tmp_path.glob("models/*/history.csv"))
    end = ("--provenance", tmp_path / "p.json")
    spec = {"models": MODELS, "larger": LARGER_MODELS, "reader": READER}
    words = {"words": [{"prompt": "He", "temperature": 0.5}], "alternatives": {"prompts": ["She"], "number": 3}}
    for attempt in ("first", "again"):
        out = tmp_path / attempt
        traces = [out / f"{folder.name}.jsonl" for folder in folders]
        for seed, (folder, path) in enumerate(zip(folders, traces, strict=True)):
            job = canonical({**words, "length": 4, "reader": READER, "seed": seed, "threads": 1})
            run(
                "trace_words", checkout, monkeypatch, "--model", folder, "--train", train, "--output", path, "--spec", job, *end
            )
        shared = ("--histories", *histories, "--traces", *traces)
        losses = ("--losses", *(path.with_name("losses.parquet") for path in histories))
        corpora = ("--train", train, "--validation", train, "--larger-train", train)
        given = (*losses, *corpora, "--tokenizer", folders[0], "--output", out / "scores.parquet")
        held_out = {"evaluated": 4, "block": 32}
        run("score_mingpt", checkout, monkeypatch, *shared, *given, "--spec", canonical({**spec, **held_out}), *end)
        given = ("--scores", out / "scores.parquet", "--output-dir", out)
        run("tabulate_mingpt", checkout, monkeypatch, *shared, *given, "--spec", canonical({**spec, "every": 4}), *end)
        curves = out / "curve.csv"
        run("draw_mingpt", checkout, monkeypatch, "--curves", curves, "--output", out / "loss.svg", "--spec", "{}", *end)
    made = sorted(path.name for path in (tmp_path / "first").iterdir())
    named = (*(f"{name}.jsonl" for name in MODELS), *(f"{one}.csv" for one in tables.TABLES))
    assert made == sorted(["scores.parquet", "loss.svg", *named])
    assert all((tmp_path / "first" / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in made)


def test_a_program_names_the_mistake_and_writes_nothing(checkout, files, tmp_path, monkeypatch):
    given = ("--histories", *files.histories.values(), "--traces", files.traces["small-s0"], "--scores", "none")
    spec = canonical({"models": MODELS, "larger": LARGER_MODELS, "reader": READER, "every": 4})
    words = (*given, "--output-dir", tmp_path / "out", "--spec", spec, "--provenance", tmp_path / "p.json")
    with pytest.raises(SystemExit, match="error: --traces: no file of small-s1"):
        run("tabulate_mingpt", checkout, monkeypatch, *words)
    assert not (tmp_path / "out").exists()
