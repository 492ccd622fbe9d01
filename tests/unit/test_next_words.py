"""The words of models of sentences: scores, tables and templates, from traces that were made up."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest
from scipy.stats import ttest_1samp
from support.row_program import run_program
from support.sentences import READER, corpus, save_model, tokenizer_of

from relab import json_lines
from relab.claims.ledger import ledger
from relab.claims.scores import Scores
from relab.claims.verdicts import CONTRADICTED, REPRODUCED, UNDECIDED
from relab.errors import UserError
from relab.files import write_csv
from relab.report import tables as report
from relab.report.environment import environment
from relab.rows import registry
from relab.rows.job import MAIN, Job
from relab.rows.next_words.names import CHANGED, DISTANCE, FIRST_DISTANCE, SHIFTED, UNGRAMMATICAL, WORDS
from relab.rows.next_words.scores import score_words, ungrammatical, word_scores
from relab.rows.next_words.tables import tabulate
from relab.rows.next_words.traces import Alternative, Step, Text
from relab.scores import read_scores, write_summarised
from relab.settings.claims import parse
from relab.settings.config import resolve

MODELS = {"small-s0": 0, "small-s1": 1}
MODEL, TRAINING_TEXT = "sentences/model", "sentences/training text"


def step(token: int, distance: float | None, probability: float = 0.5, word: str = "") -> Step:
    """A step with two alternatives; without a distance it is one that no sentence reaches."""
    known = distance is not None
    alternatives = [
        Alternative(
            id=token_id,
            word=f" w{token_id}",
            model_probability=share,
            corpus_frequency=share if known else None,
            grammar_probability=0.5 if known else None,
        )
        for token_id, share in ((token, 0.6), (token + 1, 0.3))
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
        alternatives=alternatives,
    )


def text(table: str, method: str, steps: list[Step], greedy: list[int], seed: int, temperature: float = 1.0) -> Text:
    return Text(
        model=f"small-s{seed}",
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
def traces(tmp_path):
    path = tmp_path / "words.jsonl"
    json_lines.write(path, [text for seed in MODELS.values() for text in trace_of(seed)])
    return path


@pytest.fixture
def scored(traces, tmp_path):
    spec = {"models": MODELS, "experiment": "sentences"}
    rows = score_words(Job({"traces": [traces], "train": [corpus(tmp_path / "train.parquet")]}, {}, spec))["scores"]
    write_summarised(tmp_path / "words.parquet", rows)
    return tmp_path / "words.parquet"


@pytest.fixture
def value(scored):
    frame = read_scores(scored).set_index(["experiment", "seed", "split", "metric"])
    return lambda experiment, metric, seed="all": frame.loc[(experiment, seed, WORDS, metric)]


@pytest.fixture
def written(traces):
    return tabulate(Job({"traces": [traces]}, {}, {"models": MODELS}))


def half(values) -> float:
    """Half of the t interval of the mean of some values."""
    ends = ttest_1samp(values, 0).confidence_interval()
    return (ends.high - ends.low) / 2


def test_distances_are_those_of_the_steps_that_a_sentence_reaches(value):
    assert value(MODEL, DISTANCE, "0")["value"] == pytest.approx(0.2)
    assert value(MODEL, DISTANCE, "1")["value"] == pytest.approx(0.25)
    assert (value(MODEL, DISTANCE, "1")["n"], value(MODEL, DISTANCE, "1")["unit"]) == (1, "text")
    assert value(TRAINING_TEXT, DISTANCE)["value"] == pytest.approx(0.1)
    assert value(MODEL, FIRST_DISTANCE)["value"] == pytest.approx(0.225)


def test_what_the_temperature_changes_in_greedy_texts(value):
    assert value(MODEL, CHANGED)["value"] == 0
    assert value(MODEL, SHIFTED)["value"] == pytest.approx((0.3 + 0.2 + 0.1) / 3)
    texts = [text.model_copy(update={"greedy_ids": [1, 1, 1]}) if text.table == "words" else text for text in trace_of(0)]
    rows = word_scores("sentences", 0, texts, "ab")
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


def test_ungrammatical_tokens_are_a_mean_over_the_texts_whose_words_are_shown(value):
    share = value(MODEL, UNGRAMMATICAL, "0")
    assert (share["value"], share["n"]) == (pytest.approx((1 / 3 + 2 / 3) / 2), 2)


def measure(metric: str) -> dict:
    return {"experiment": MODEL, "metric": metric, "split": WORDS}


@pytest.mark.parametrize(
    ("comparison", "verdict"),
    [
        ({"kind": "below", "measure": measure(FIRST_DISTANCE), "value": 1.5}, REPRODUCED),
        ({"kind": "below", "measure": measure(FIRST_DISTANCE), "value": -1}, CONTRADICTED),
        ({"kind": "below", "measure": measure(DISTANCE), "value": 0.3}, UNDECIDED),  # two steps that lie 0.2 apart
        ({"kind": "above", "measure": measure(CHANGED), "value": 0}, CONTRADICTED),
        ({"kind": "above", "measure": measure(SHIFTED), "value": 0}, REPRODUCED),
        ({"kind": "above", "measure": measure(SHIFTED), "value": 0.2}, CONTRADICTED),  # 0.15 with each seed
    ],
)
def test_claims_find_these_scores(scored, comparison, verdict):
    claim = {"row": "E3", "writeup": "mingpt", "says": "so", "source": "the assignment", "comparison": comparison}
    decided = ledger(parse({"E3": claim}), {}, {"mingpt": Scores(read_scores(scored))})
    assert decided["verdict"][0] == verdict


def test_words_stand_side_by_side_with_their_probabilities(written):
    words = written[MAIN]
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
    assert margin > 0.15  # and a distance is never below 0
    assert (first["model_low"], first["model_high"]) == ("0.0000", f"{0.15 + margin:.4f}")
    assert (second["model"], second["seeds"], second["text"], second["word"]) == ("0.3000", 2, "He w1", "␣w2")
    assert (third["model"], third["seeds"], third["sentences"], third["text"]) == ("", 1, 0, "He w1 w2")
    assert first["training_text"] == "0.1000"


def rendered(name: str, table: pd.DataFrame, tmp_path) -> str:
    write_csv(tmp_path / f"{name}.csv", table)
    view = SimpleNamespace(data=report.read(str(tmp_path / f"{name}.csv")), entry=SimpleNamespace(title=name, language="en"))
    return environment(registry.FOLDER).get_template(f"next_words/{name}.html.j2").render(view=view)


def test_words_on_the_page(written, tmp_path):
    page = rendered("words", written[MAIN], tmp_path)
    assert page.count("<li>") == 6 and page.count("temperature 0.8") == 1
    assert "<code>␣w1</code> 0.7000" in page and "grammar –" in page
    assert "<code>&lt;b&gt;</code>" in page and "<b>" not in page


def test_alternatives_on_the_page(written, tmp_path):
    page = rendered("alternatives", written["alternatives"], tmp_path)
    assert [page.count(f">word {number}</th>") for number in (1, 2, 3, 4)] == [1, 1, 1, 0]
    assert page.count("<tbody>") == 2  # the two most probable tokens
    assert '<td class="number">0.100</td>' in page and '<td class="number">–</td>' in page


def test_the_steps_lead_from_models_to_tables_and_repeat(tmp_path, monkeypatch):
    tokenizer = tokenizer_of()
    folders = [save_model(tmp_path / "models" / model, tokenizer, seed) for model, seed in MODELS.items()]
    train, record = corpus(tmp_path / "train.parquet"), tmp_path / "p.json"
    words = {"words": [{"prompt": "He", "temperature": 0.5}], "alternatives": {"prompts": ["She"], "number": 3}}
    spec = {**words, "models": MODELS, "length": 4, "reader": READER, "precision": "auto", "threads": 1}
    for attempt in ("first", "again"):
        out = tmp_path / attempt
        traces = out / "words.jsonl"
        inputs = {"weights": [folder / "model.safetensors" for folder in folders], "train": train}
        run_program(monkeypatch, "next_words.measure.measure", inputs, {"traces": traces}, spec, record)
        inputs, scoring = {"traces": traces, "train": train}, {"models": MODELS, "experiment": "sentences"}
        run_program(monkeypatch, "next_words.scores.score_words", inputs, {"scores": out / "s.parquet"}, scoring, record)
        tables = {name: out / f"{name}.csv" for name in (MAIN, "alternatives", "total_variation")}
        run_program(monkeypatch, "next_words.tables.tabulate", {"traces": traces}, tables, {"models": MODELS}, record)
    made = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert made == ["alternatives.csv", "main.csv", "s.parquet", "total_variation.csv", "words.jsonl"]
    assert all((tmp_path / "first" / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in made)


def test_a_model_without_texts_is_named_and_nothing_is_written(tmp_path, monkeypatch):
    json_lines.write(tmp_path / "words.jsonl", trace_of(0))
    tables = {name: tmp_path / "out" / f"{name}.csv" for name in (MAIN, "alternatives", "total_variation")}
    inputs = {"traces": tmp_path / "words.jsonl"}
    with pytest.raises(SystemExit, match="words.jsonl: no text of small-s1"):
        run_program(monkeypatch, "next_words.tables.tabulate", inputs, tables, {"models": MODELS}, tmp_path / "p.json")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("models", "char_gpt", "rows.E2.models: expected models that differ in their seed alone, found italian-w32-s0"),
        ("models", "smollm2", "rows.E2.models: 'smollm2' is of the kind published, expected models of the kind trained"),
        (
            "models",
            "mingpt_larger",
            "models.mingpt-larger-s0.corpus: expected one drawn from a grammar, since rows.E2.models shows its probabilities",
        ),
        ("words", [{"prompt": "He", "temperature": 0}], "rows.E2.words.0.temperature: input should be greater than 0"),
    ],
)
def test_what_does_not_go_together_is_refused(merged, path, value, sentence):
    raw = merged()
    raw["rows"]["E2"][path] = value
    with pytest.raises(UserError) as error:
        resolve(raw)
    assert sentence in str(error.value)


def test_models_that_read_sentences_in_blocks_are_refused(merged):
    raw = merged()
    raw["models"]["mingpt"]["training"]["reading"] = "blocks"
    raw["rows"] = {"E2": raw["rows"]["E2"]}
    with pytest.raises(UserError, match="models.mingpt-s0.training.reading: expected documents, since rows.E2.models reads"):
        resolve(raw)
