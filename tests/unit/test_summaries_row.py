"""Summaries of articles: what is copied, intervals over articles, baselines, how texts were generated, refused settings."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest
from scipy.stats import ttest_1samp
from support.sampled_texts import line, settings, write

from relab.errors import UserError
from relab.figures import figure_style
from relab.files import read_csv, write_csv
from relab.report import tables as report_tables
from relab.rows.job import MAIN, Job
from relab.rows.registry import display_settings
from relab.rows.summaries.figures import draw_summaries
from relab.rows.summaries.generation import ARGUMENTS, search
from relab.rows.summaries.scores import score_summaries
from relab.rows.summaries.tables import tabulate
from relab.scores import read_scores, write_summarised
from relab.settings.config import resolve
from relab.settings.samplings import Method

ARTICLE = "The ship left on Monday. It carried forty men\nand a dog. Nobody came back. The sea was calm that day."
#: Two of its three sentences are the article's; of its 11 words 8, of its 10 pairs 6, of its 9 triples 4.
COPIED = "The ship left on Monday. Nobody came back. They were lost."
#: Nothing of it is the article's, the limit cut it, and 2 of its 5 runs of four words stood in it before.
REPEATED = "He went home he went home he went"

ASKED = Method(template="Summarise: {source}", num_beams=4, length_penalty=2.0).model_dump(mode="json")
SPEC = {"name": "summaries", "samplings": ["short"], "lead": 2}
SAMPLED = {"short": {"model": "tuned", "settings_of": "bart", "length": 60}}
#: What the model of the write-up was published with, in short.
BART = {"num_beams": 4, "min_length": 56, "max_length": 142, "length_penalty": 2.0, "no_repeat_ngram_size": 3}
BART |= {"early_stopping": True, "forced_bos_token_id": 0, "forced_eos_token_id": 2, "bos_token_id": 0}


def asked(method: str, prompt_index: int, text: str, article: str = ARTICLE, index: int = 0, **more):
    """A line of sampled texts; its tokens are none of the words', and end it unless ``ended`` says otherwise."""
    fields = {"prompt": article, "text": text, "ended": True, "asked": f"Summarise: {article}", **more}
    return line(method, prompt_index, [1, 2], index, **fields)


LINES = [asked("plain", 0, COPIED, settings=ASKED), asked("long", 0, REPEATED, ended=False, settings=settings())]


@pytest.fixture
def steps(tmp_path):
    """A function from lines of samples to the scores and tables that the steps of the row make of them."""

    def steps(lines, model=BART, config=None, **changed):
        folder = tmp_path / "results/models/bart"
        folder.mkdir(parents=True)
        (folder / "generation_config.json").write_text(json.dumps(model))
        (folder / "config.json").write_text(json.dumps(config or {"is_encoder_decoder": True}))
        inputs = {"samples": [write(tmp_path / "short.jsonl", lines)]}
        scores = tmp_path / "scores.parquet"
        write_summarised(scores, score_summaries(Job(inputs, {}, {**SPEC, **changed}))["scores"])
        inputs |= {"scores": [scores], "generation": [folder / "generation_config.json"], "config": [folder / "config.json"]}
        return read_scores(scores), tabulate(Job(inputs, {}, {**SPEC, "sampled": SAMPLED, **changed}))

    return steps


def values(scores: pd.DataFrame, experiment: str) -> dict[str, float]:
    """The scores of an experiment by metric, over its seeds."""
    chosen = scores[(scores["experiment"] == experiment) & (scores["seed"] == "all")]
    assert set(chosen["split"]) == {"texts"}
    return dict(zip(chosen["metric"], chosen["value"], strict=True))


def test_what_is_copied_and_what_is_new(steps):
    scores, _ = steps(LINES)
    assert values(scores, "short/plain") == pytest.approx(
        {
            **{"words": 11, "sentences": 3, "verbatim sentences": 2 / 3, "copied words": 8 / 11, "longest copied run": 5},
            **{"novel 1-grams": 3 / 11, "novel 2-grams": 4 / 10, "novel 3-grams": 5 / 9, "repeated 4-grams": 0},
            "cut by the limit": 0,
        }
    )
    assert values(scores, "short/long") == pytest.approx(
        {
            **{"words": 8, "sentences": 1, "verbatim sentences": 0, "copied words": 0, "longest copied run": 0},
            **{"novel 1-grams": 1, "novel 2-grams": 1, "novel 3-grams": 1, "repeated 4-grams": 2 / 5, "cut by the limit": 1},
        }
    )


def test_the_baselines_are_the_beginning_and_the_whole_article(steps):
    scores, tables = steps(LINES)
    everything = {"verbatim sentences": 1, "copied words": 1, "repeated 4-grams": 0}
    everything |= {f"novel {size}-grams": 0 for size in (1, 2, 3)}
    assert values(scores, "summaries/lead-2") == {"words": 12, "sentences": 2, "longest copied run": 12, **everything}
    assert values(scores, "summaries/article") == {"words": 21, "sentences": 4, "longest copied run": 21, **everything}
    beginning = tables["texts"].set_index("method").loc["lead-2", "text"]
    assert beginning == "The ship left on Monday. It carried forty men and a dog."


def test_one_article_gives_no_interval(steps):
    scores, tables = steps(LINES)
    assert set(scores["n"]) == {1} and set(scores["unit"]) == {"article"}
    assert scores["low"].isna().all() and scores["high"].isna().all()
    main = tables[MAIN]
    assert set(main["articles"]) == {1}
    ends = [column for column in main if column.endswith(("_low", "_high"))]
    assert len(ends) == 20 and (main[ends] == "").all(axis=None)


def test_texts_of_one_article_are_one_unit(steps):
    """Two texts drawn for each of three articles: the share of all their sentences, the interval over articles."""
    articles = [f"{name} went away. {name} came back. {name} slept." for name in ("Ann", "Bob", "Eve")]
    copies = {"Ann": ["Ann slept.", "Ann left."], "Bob": ["Bob slept.", "Bob came back."], "Eve": ["Eve fell.", "She fell."]}
    lines = [
        asked("drawn", number, text, article, index, settings=settings(do_sample=True))
        for number, (article, texts) in enumerate(zip(articles, copies.values(), strict=True))
        for index, text in enumerate(texts)
    ]
    scores, tables = steps(lines)
    row = scores[(scores["metric"] == "verbatim sentences") & (scores["experiment"] == "short/drawn")].iloc[0]
    ends = ttest_1samp([1 / 2, 1, 0], 0).confidence_interval()
    assert (row["value"], row["n"]) == (pytest.approx(1 / 2), 3)
    assert [row["low"], row["high"]] == pytest.approx([max(ends.low, 0), min(ends.high, 1)])
    main = tables[MAIN].set_index("method")
    assert list(main["texts"]) == [6, 3, 3]
    shown = tables["texts"]
    assert list(shown[shown["article"] == 2]["method"]) == ["drawn", "drawn", "lead-2", "article"]
    assert list(shown[(shown["article"] == 1) & (shown["method"] == "drawn")]["copied"]) == ["Ann slept.", ""]


def test_the_table_of_texts_tells_which_sentences_are_copied(steps):
    _, tables = steps(LINES)
    plain, long, beginning, article = tables["texts"].to_dict("records")
    assert (plain["sentences"], plain["verbatim"]) == (3, 2)
    assert plain["copied"].splitlines() == ["The ship left on Monday.", "Nobody came back."]
    assert (plain["cut"], long["cut"], beginning["cut"]) == ("no", "yes", "")
    assert (article["text"], article["model"], article["verbatim"]) == (ARTICLE, "baseline", 4)
    assert (plain["model"], plain["method"]) == ("tuned", "plain")


def test_the_main_table_tells_how_the_model_was_asked(steps):
    _, tables = steps(LINES)
    plain, long, *baselines = tables[MAIN].to_dict("records")
    assert plain["settings"] == "do_sample=False, num_beams=4, length_penalty=2.0, template='Summarise: {source}'"
    assert (plain["verbatim_sentences"], plain["cut"], long["cut"]) == ("0.667", "0.000", "1.000")
    assert [(row["method"], row["settings"], row["cut"]) for row in baselines] == [("lead-2", "", ""), ("article", "", "")]


def test_what_the_model_does_where_it_is_told_nothing_stands_beside_what_was_used(steps):
    _, tables = steps(LINES)
    own, plain, long = tables["generation"].to_dict("records")
    assert (own["method"], own["search"], own["do_sample"], own["num_beams"]) == ("the model's own", "beams, 4", "False", "4")
    assert [own[name] for name in ("min_length", "max_length", "no_repeat_ngram_size")] == ["56", "142", "3"]
    assert [own[name] for name in ("early_stopping", "forced_eos_token_id", "max_new_tokens")] == ["True", "2", ""]
    assert (plain["search"], plain["length_penalty"], plain["early_stopping"]) == ("beams, 4", "2.0", "False")
    assert (long["search"], long["num_beams"], long["length_penalty"]) == ("most probable token", "1", "")
    for used in (plain, long):
        # the token that a target starts with is the model's; nothing forces its last one
        assert [used[name] for name in ("max_new_tokens", "forced_bos_token_id", "forced_eos_token_id")] == ["60", "0", ""]
        assert used["temperature"] == own["temperature"] == ""


def test_a_model_that_was_published_without_settings_has_those_of_generate(steps):
    drawn = asked("drawn", 0, COPIED, settings=settings(do_sample=True, temperature=0.7))
    _, tables = steps([drawn], model={"bos_token_id": 5, "forced_bos_token_id": 5}, config={"model_type": "gpt2"})
    own, used = tables["generation"].to_dict("records")
    assert (own["search"], own["repetition_penalty"], own["max_length"]) == ("most probable token", "1.0", "")
    assert (used["search"], used["temperature"], used["top_k"], used["forced_bos_token_id"]) == ("drawn", "0.7", "", "")


def test_what_is_taken_where_nothing_is_said_is_what_transformers_takes():
    from transformers import GenerationConfig

    defaults = GenerationConfig._get_default_generation_params()
    known = {name: value for name, value in ARGUMENTS.items() if name != "max_length" and name in defaults}
    assert len(known) > 8 and known == {name: defaults[name] for name in known}
    config = GenerationConfig()
    assert all(hasattr(config, name) for name in ARGUMENTS)
    words = {
        "greedy_search": "most probable token",
        "sample": "drawn",
        "beam_search": "beams, 3",
        "beam_sample": "drawn beams, 3",
    }
    for beams in (1, 3):
        for draws in (False, True):
            mode = GenerationConfig(num_beams=beams, do_sample=draws).get_generation_mode().value
            assert search({"num_beams": beams, "do_sample": draws}) == words[mode]


def test_the_report_shows_every_table(steps, tmp_path):
    for name, table in steps(LINES)[1].items():
        write_csv(tmp_path / f"{name}.csv", table)
        data, shown = report_tables.read(str(tmp_path / f"{name}.csv")), display_settings("summaries")["tables"][name]
        data.require(*shown["columns"])
        counts = [column["count"] for column in shown["columns"].values() if "count" in column]
        data.require(*counts, *(f"{column}_low" for column, how in shown["columns"].items() if how.get("interval")))
    assert read_csv(tmp_path / "texts.csv")["text"][3] == ARTICLE


def drawn(axes) -> list[tuple[str, float]]:
    """What the marks of a panel say and where they stand, from the top."""
    marks = [line for line in axes.lines if getattr(line, "values_in_words", None)]
    return [(line.values_in_words[0], line.get_xdata()[0]) for line in sorted(marks, key=lambda line: line.get_ydata()[0])]


def test_the_figure_sets_ways_of_asking_beside_the_baselines(steps):
    main = steps(LINES)[1][MAIN]
    with figure_style():
        new, repeated, length = draw_summaries(main).axes
    names = [label.get_text() for label in new.get_yticklabels()]
    assert names == ["plain", "long", "lead-2 (baseline)", "article (baseline)"]
    assert drawn(new)[0] == ("plain, novel 2-grams: 40.0%", 0.4)
    assert [value for _, value in drawn(new)] == [0.4, 1, 0, 0] and [value for _, value in drawn(repeated)] == [0, 0.4, 0, 0]
    assert [value for _, value in drawn(length)] == [11, 8, 12, 21]
    assert not any(line.get_label() == "_interval" for line in new.lines)  # of one article


def test_the_figure_names_the_model_where_there_are_several(steps):
    main = steps(LINES)[1][MAIN]
    with figure_style():
        axes, *_ = draw_summaries(main.assign(model=["tuned", "base", "baseline", "baseline"])).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["tuned: plain", "base: long", "lead-2 (baseline)", "article (baseline)"]


def test_samplings_of_other_articles_are_refused(tmp_path):
    files = [write(tmp_path / "short.jsonl", LINES), write(tmp_path / "other.jsonl", [asked("plain", 0, COPIED, "Else.")])]
    with pytest.raises(UserError, match="expected the same prompts in short and other"):
        score_summaries(Job({"samples": files}, {}, {**SPEC, "samplings": ["short", "other"]}))


def test_articles_without_enough_words_have_no_value(steps):
    scores, tables = steps([asked("plain", 0, "")])
    found = values(scores, "short/plain")
    assert found["words"] == found["sentences"] == found["longest copied run"] == 0
    assert all(math.isnan(found[name]) for name in ("verbatim sentences", "copied words", "novel 3-grams", "repeated 4-grams"))
    assert tables[MAIN]["verbatim_sentences"][0] == ""


SAMPLING = {"model": "smollm2", "prompts": [ARTICLE], "length": 60, "methods": {"plain": {}, "short": {"num_beams": 2}}}
ROW = {"kind": "summaries", "chapter": "mine", "title": "Summaries", "text": "Mine.", "samplings": ["short"]}


@pytest.fixture
def declared(merged):
    """A function from more samplings and changed keys of a row to the resolved configuration with that row alone."""

    def declared(more=(), **changed):
        raw = merged() | {"chapters": {"mine": {"title": "Mine"}}}
        raw["samplings"] |= {"short": SAMPLING, **dict(more)}
        raw["rows"] = {"news": {**ROW, **changed}}
        return resolve(raw)

    return declared


def test_the_jobs_of_a_row_read_their_settings_and_no_others(declared):
    resolved = declared({"tuned": {**SAMPLING, "model": "quotes_lora"}}, samplings=["short", "tuned"])
    row = resolved.rows["news"]
    score, tabulate, draw = (row.settings.spec(step.name, row.paths, resolved.artefacts) for step in row.settings.steps)
    assert score == {"name": "news", "samplings": ["short", "tuned"], "lead": 3} and draw == {}
    # an adapter has no settings of generation of its own
    assert tabulate["sampled"]["tuned"]["settings_of"] == "smollm2"
    files = row.settings.inputs("tabulate", row.paths, resolved.artefacts)
    assert files["generation"] == ["results/models/smollm2/generation_config.json"]
    assert row.settings.inputs("score", row.paths, resolved.artefacts) == {
        "samples": ["results/samples/short.jsonl", "results/samples/tuned.jsonl"]
    }


@pytest.mark.parametrize(
    ("prompts", "sentence"),
    [
        (["Another article."], "rows.news.samplings: expected the same prompts as those of short for other"),
        ({"corpus": "italian", "number": 2, "tokens": 4}, "rows.news.samplings: expected whole articles as prompts"),
    ],
)
def test_prompts_that_are_other_or_no_articles_are_refused(declared, prompts, sentence):
    with pytest.raises(UserError, match=sentence):
        declared({"other": {**SAMPLING, "prompts": prompts}}, samplings=["short", "other"])
