"""Fine-tuned classifiers beside baselines and frozen features: scored, paired, tabulated and drawn; claims about them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, ttest_1samp, ttest_rel
from support.claims import CLAIMS
from support.row_steps import run_step

from relab.claims.ledger import ledger
from relab.claims.scores import Scores
from relab.errors import UserError
from relab.figures import figure_style
from relab.files import read_csv, write_csv
from relab.parquet import write_parquet
from relab.predictions import CLASSIFICATION, FINETUNED
from relab.probes.systems import LOGISTIC, MAJORITY, PERCEPTRON, TFIDF, classifier_system
from relab.rows.finetuned_classifiers import tables
from relab.rows.finetuned_classifiers.figures import draw_classifiers
from relab.rows.finetuned_classifiers.names import Spec, pairs, prefix
from relab.rows.finetuned_classifiers.scores import classifier_scores
from relab.scores import SCHEMA, Summaries, score, with_summary, write_scores
from relab.settings.config import resolve
from relab.statistics import Estimate

CLASSES = ["negative", "positive"]
ROWS = 200
ADAPTATIONS = {"adapted": {"kind": "lora", "rank": 4}}
RAW = {
    "probes": {"words": {"dataset": "sentiment", "classes": CLASSES, "features": ["enc cls"]}},
    "order": ["words"],
    "classifiers": {
        f"{key}-s{seed}": {
            **{"declaration": key, "dataset": "sentiment", "seed": seed},
            **{"model": "mini", "pretrained": key != "random", "adaptation": ADAPTATIONS.get(key, {"kind": "full"})},
        }
        for key, seeds in (("random", (0, 1)), ("pretrained", (0, 1)), ("adapted", (0,)))
        for seed in seeds
    },
}
RAW["classifier_order"] = list(RAW["classifiers"])
TABLES = {**RAW, "titles": {"sentiment": "Sentences"}}
#: Share of the rows that each system has right.
RIGHT = {"random": 0.5, "pretrained": 0.7, "adapted": 0.9, MAJORITY: 0.5, classifier_system(TFIDF, LOGISTIC): 0.7}


@pytest.fixture(scope="module")
def labels():
    return np.random.default_rng(0).permutation(CLASSES * (ROWS // 2)).tolist()


def predicted(labels, right, seed):
    drawn = np.random.default_rng(seed).random(len(labels)) < right
    return [label if right else CLASSES[label == CLASSES[0]] for label, right in zip(labels, drawn, strict=True)]


@pytest.fixture(scope="module")
def probe(labels):
    systems = {MAJORITY: ("none", MAJORITY), classifier_system(TFIDF, LOGISTIC): (TFIDF, LOGISTIC)}
    systems |= {classifier_system("enc cls", classifier): ("enc cls", classifier) for classifier in (LOGISTIC, PERCEPTRON)}
    frames = []
    for number, (system, (features, classifier)) in enumerate(systems.items()):
        predictions = [CLASSES[0]] * ROWS if system == MAJORITY else predicted(labels, RIGHT.get(system, 0.6), number)
        about = {"system": system, "features": features, "classifier": classifier, "weighted": False, "seed": 0}
        frames.append(pd.DataFrame({**about, "row": range(ROWS), "label": labels, "prediction": predictions}))
    return pd.concat(frames, ignore_index=True)


def chosen(probe):
    return pd.DataFrame({"system": probe["system"].unique(), "train_rows": 840, "words": "words"})


@pytest.fixture(scope="module")
def networks(labels):
    networks = {}
    for key, settings in RAW["classifiers"].items():
        predictions = predicted(labels, RIGHT[settings["declaration"]], settings["seed"])
        about = {"classifier": key, "split": "test", "seed": settings["seed"], "row": range(ROWS), "label": labels}
        networks[key] = pd.DataFrame({**about, "prediction": predictions, "probability": 0.75})
    return networks


TEXTS = pd.DataFrame(
    [
        {
            **{"train_rows": 840, "cut": 3, "vocabulary": 300, "trained_parameters": 1234, "words": 1000, "words_split": 100},
            **{"distinct": 50, "distinct_split": 20, "examples": "tokenizer → token ##izer"},
        }
    ]
)


@pytest.fixture(scope="module")
def scores(probe, networks, tmp_path_factory):
    path = tmp_path_factory.mktemp("scores") / "classifiers.parquet"
    spec = Spec.model_validate(RAW)
    rows = classifier_scores(spec, spec.probes["words"], probe, networks, dict.fromkeys(networks, TEXTS))
    write_scores(path, with_summary(rows))
    return Summaries.read(path)


@pytest.fixture(scope="module")
def spec():
    return Spec.model_validate(TABLES)


def test_the_table_holds_baselines_frozen_features_and_fine_tuned_networks(spec, scores, probe, networks):
    table = tables.systems_table(spec, scores, {"words": chosen(probe)}, dict.fromkeys(networks, TEXTS))
    assert table["system"].tolist() == [MAJORITY, LOGISTIC, LOGISTIC, PERCEPTRON, *["fine-tuned"] * 3]
    assert table["network"].tolist()[-3:] == ["mini, random weights", "mini", "mini"]
    assert table["trained"].tolist()[-3:] == ["all weights", "all weights", "LoRA, rank 4"]
    assert table["seeds"].tolist()[-3:] == [2, 2, 1]
    assert (table["test_rows"] == ROWS).all() and (table["train_rows"] == 840).all()
    low, value, high = (table[column].astype(float) for column in ("accuracy_low", "accuracy", "accuracy_high"))
    assert ((low < value) & (value < high)).all()
    mean = np.mean([(rows["label"] == rows["prediction"]).mean() for key, rows in networks.items() if "pretrained" in key])
    assert value.iloc[-2] == pytest.approx(mean, abs=1e-4)
    right = (networks["adapted-s0"]["label"] == networks["adapted-s0"]["prediction"]).sum()
    exact = binomtest(int(right), ROWS).proportion_ci(method="exact")  # of one seed
    assert [low.iloc[-1], high.iloc[-1]] == pytest.approx([exact.low, exact.high], abs=1e-4)
    seeds = [(networks[f"pretrained-s{seed}"]["label"] == networks[f"pretrained-s{seed}"]["prediction"]) for seed in (0, 1)]
    for values in (np.mean(seeds, axis=0), np.mean(seeds, axis=1)):  # over rows, over seeds
        alone = ttest_1samp(values, 0).confidence_interval()
        assert low.iloc[-2] <= max(alone.low, 0) + 1e-4 and high.iloc[-2] >= min(alone.high, 1) - 1e-4


def test_every_pair_is_on_the_same_rows_with_a_paired_interval(spec, scores, networks, probe):
    table = tables.pairs_table(spec, scores)
    assert len(table) == 3 * 3 + 3
    assert table["other"].tolist()[:3] == [MAJORITY, "TF-IDF logistic regression", "enc [CLS] logistic regression"]
    right = {key: (rows["label"] == rows["prediction"]).to_numpy(float) for key, rows in networks.items()}
    difference = right["adapted-s0"] - (right["pretrained-s0"] + right["pretrained-s1"]) / 2
    last = table.iloc[-1]  # the adapted one against the pretrained one: 90 % against 70 %
    assert float(last["accuracy"]) == pytest.approx(difference.mean(), abs=1e-4)
    rows = ttest_1samp(difference, 0).confidence_interval()  # row by row: narrower than two systems apart
    seeds = ttest_1samp([right[f"pretrained-s{seed}"].mean() for seed in (0, 1)], 0).confidence_interval()
    margin = math.hypot(*((ends.high - ends.low) / 2 for ends in (rows, seeds)))  # one has two seeds, the other one
    assert float(last["accuracy_low"]) == pytest.approx(difference.mean() - margin, abs=1e-4)
    assert float(last["accuracy_high"]) == pytest.approx(difference.mean() + margin, abs=1e-4)
    words = probe[probe["system"] == classifier_system(TFIDF, LOGISTIC)]
    summary = scores.find(f"classifiers/sentiment/adapted − {classifier_system(TFIDF, LOGISTIC)}", "accuracy", "test")
    expected = ttest_rel(right["adapted-s0"], (words["label"] == words["prediction"]).to_numpy(float)).confidence_interval()
    assert [summary["low"], summary["high"]] == pytest.approx(list(expected)) and summary["low"] > 0


def test_words_that_are_split_are_told_once_a_tokenizer(spec, scores, networks):
    table = tables.words_table(spec, scores, dict.fromkeys(networks, TEXTS))
    assert table[["words_split", "distinct_split"]].values.tolist() == [["0.1000", "0.4000"]]


def history(best):
    losses = [0.7, 0.6, 0.65]
    return pd.DataFrame(
        {
            "step": [0, 5, 10], "epoch": [0, 0.5, 1], "train_loss": [None, 0.7, 0.5], "train_accuracy": [None, 0.5, 0.75],
            "validation_loss": losses, "validation_accuracy": [0.5, best, 0.6],
        }
    )  # fmt: skip


def test_curves_mark_the_weights_that_are_kept_and_are_drawn(spec, networks, tmp_path):
    table = tables.curves_table(spec, {key: history(0.7) for key in networks})
    assert len(table) == 3 * len(networks)
    assert table[table["kept"] == "yes"]["step"].eq(5).all()
    assert table["train_loss"].iloc[0] == ""
    write_csv(tmp_path / "curves.csv", table)
    with figure_style():
        figure = draw_classifiers(read_csv(tmp_path / "curves.csv"))
    assert len(figure.axes) == 2 * 2  # networks that tables call alike share a column of panels
    with pytest.raises(UserError, match="no column 'network'"):
        draw_classifiers(table.drop(columns="network"))


def test_other_rows_than_the_probes_are_refused(probe, networks):
    spec = Spec.model_validate(RAW)
    changed = {**networks, "adapted-s0": networks["adapted-s0"].assign(label=CLASSES[0])}
    with pytest.raises(UserError, match="adapted-s0 predicts other rows than the probe on 'sentiment'"):
        list(classifier_scores(spec, spec.probes["words"], probe, changed, dict.fromkeys(networks, TEXTS)))


def test_the_steps_write_scores_tables_and_figure(probe, networks, tmp_path):
    folder = tmp_path / "a run"
    write_parquet(folder / "probes/words/predictions.parquet", probe, CLASSIFICATION)
    write_csv(folder / "probes/words/chosen.csv", chosen(probe))
    for key, rows in networks.items():
        write_parquet(folder / f"classifiers/{key}/predictions.parquet", rows, FINETUNED)
        write_csv(folder / f"classifiers/{key}/history.csv", history(0.7))
        write_csv(folder / f"classifiers/{key}/texts.csv", TEXTS)
    of = {
        file: [folder / f"classifiers/{key}/{file}" for key in networks]
        for file in ("predictions.parquet", "history.csv", "texts.csv")
    }
    scores, words = folder / "scores.parquet", folder / "probes/words"
    made = {name: folder / f"{name}.csv" for name in ("classifiers", "classifier_pairs", "classifier_curves", "split_words")}
    tables = {"curves": made["classifier_curves"], "systems": made["classifiers"], "pairs": made["classifier_pairs"]}
    drawn = {name: folder / f"{name}.svg" for name in ("classifiers", "classifier_accuracies", "classifier_differences")}
    texts = {"texts": of["texts.csv"]}
    predictions = {"predictions": words / "predictions.parquet", "finetuned": of["predictions.parquet"], **texts}
    read = {"scores": scores, "chosen": words / "chosen.csv", "histories": of["history.csv"], **texts}
    for function, inputs, outputs, spec in (
        ("scores.score_classifiers", predictions, {"scores": scores}, RAW),
        ("tables.tabulate", read, made, TABLES),
        ("figures.draw", tables, drawn, {}),
    ):
        done = run_step(f"finetuned_classifiers.{function}", inputs, outputs, spec, folder / "provenance.json")
        assert done.returncode == 0, done.stderr
    assert all(path.is_file() for path in made.values())
    assert all(path.read_text().startswith("<svg") for path in drawn.values())


def test_what_is_compared():
    asked = list(pairs(["enc cls"], ["random", "pretrained"]))
    assert ("pretrained", "random", "one network against another") in asked
    assert ("pretrained", MAJORITY, "fine-tuned against the majority") in asked
    assert prefix("sentiment") == "classifiers/sentiment"


# --- settings and claims ----------------------------------------------------------------------------------------------

TINY = "tests/config/tiny.yaml"


@pytest.mark.parametrize(
    ("classifier", "change", "sentence"),
    [
        ("published", {"model": "smollm"}, "classifiers.published.model: 'smollm' is not among the models; did you mean"),
        ("published", {"dataset": "passages"}, "classifiers.published-s0.dataset: 'passages' is of the kind retrieval"),
        ("random", {"tokens": 17}, "classifiers.random-s0.tokens: expected at most 16, the context of"),
        ("random", {"adaptation": {"kind": "lora"}}, "classifiers.random: adaptation: an adapter of random weights"),
        ("random", {"adaptation": {"kind": "prefix"}}, "classifiers.random.adaptation: "),
        ("random", {"dataset": "skewed"}, "rows.E5.classifiers: random is on skewed, of which no baselines stand in"),
        ("random", {"training": {"epochs": 0}}, "classifiers.random.training.epochs: input should be greater than or"),
        ("random", {"training": {"epoch": 3}}, "classifiers.random.training.epoch: unknown key; did you mean epochs?"),
    ],
)
def test_mistakes_are_a_sentence_before_a_job_starts(merged, classifier, change, sentence):
    from snakemake.utils import update_config

    raw = merged(TINY)
    update_config(raw["classifiers"][classifier], change)
    with pytest.raises(UserError) as error:
        resolve(raw)
    assert str(error.value).replace("published-s0.model", "published.model").startswith(sentence)


def test_an_adapter_is_no_network_to_start_from(merged):
    raw = merged(TINY)
    raw["models"]["mine"] = {
        **raw["models"]["mingpt_larger"], "kind": "finetuned", "base": "smollm2", "block": 8, "adaptation": {"kind": "lora"},
    }  # fmt: skip
    for key in ("architecture", "tokenizer", "sweep", "name"):
        raw["models"]["mine"].pop(key, None)
    raw["classifiers"]["published"]["model"] = "mine"
    with pytest.raises(UserError, match="classifiers.published-s0.model: 'mine' is an adapter, expected a model with weights"):
        resolve(raw)


@pytest.mark.parametrize(
    ("row", "change", "sentence"),
    [
        (
            "E5",
            {"classifiers": ["randon"]},
            "rows.E5.classifiers: 'randon' is not among the classifiers; did you mean 'random'?",
        ),
        ("E5", {"classifiers": []}, "rows.E5.classifiers: "),
        ("E5", {"probes": ["passages"]}, "rows.E5.probes: 'passages' is of the kind retriever, expected a probe of the kind"),
        (
            "A7",
            {"probes": ["balanced", "balanced"]},
            "rows.A7.probes: two probes are fitted on 'balanced', expected one a data",
        ),
        ("A7", {"classifiers": ["random"]}, "rows.A7.classifiers: random is on sentiment, of which no baselines stand in that"),
        (
            "A8",
            {"probes": ["balanced"]},
            "rows.A8.probes: 'balanced' is of the kind classifier, expected a probe of the kind rank",
        ),
        (
            "A8",
            {"probes": ["multiple_choice"] * 2},
            "rows.A8.probes: two probes are fitted on 'multiple_choice', expected one a",
        ),
    ],
)
def test_mistakes_in_a_row_are_a_sentence_before_a_job_starts(merged, row, change, sentence):
    raw = merged(TINY)
    raw["rows"][row] |= change
    with pytest.raises(UserError) as error:
        resolve(raw)
    assert str(error.value).startswith(sentence)


def test_classifiers_of_a_row_differ_in_data_set_and_seed_alone(merged):
    raw = merged(TINY)
    raw["classifiers"]["random"] |= {"sweep": {"seed": [0], "tokens": [8, 16]}, "name": "random-{tokens}-s{seed}"}
    with pytest.raises(
        UserError, match="rows.E5.classifiers: expected classifiers that differ in data set and seed, found ran"
    ):
        resolve(raw)


def test_the_jobs_of_a_row_get_its_classifiers_alone(merged):
    resolved = resolve(merged(TINY))

    def shown(key: str) -> list[str]:
        row = resolved.rows[key]
        return row.settings.spec("score", row.paths, resolved.artefacts)["classifier_order"]

    assert shown("E5") == ["random-s0", "language-model-s0", "published-s0"]
    assert shown("A7") == ["encoder-balanced-s0", "encoder-skewed-s0"]


def test_of_a_sweep_only_what_is_on_the_data_sets_of_the_row_is_needed(merged):
    raw = merged(TINY)
    raw["rows"] = {"A7": {**raw["rows"]["A7"], "probes": ["skewed"]}}
    resolved = resolve(raw)
    assert resolved.needed["classifiers"] == ["encoder-skewed-s0"]
    assert resolved.needed["datasets"] == ["skewed"]
    assert len(resolved.artefacts.family("classifiers", "encoder")) == 2


def claim_of(name, value, low, high):
    """The verdict of a claim where its score has a value and an interval."""
    measure = getattr(CLAIMS[name].comparison, "measure", None) or CLAIMS[name].comparison.measures[0]
    rows = with_summary(
        [score(measure.experiment, 0, measure.split, measure.metric, Estimate(value, low, high, ROWS, "row", 1))]
    )
    settings = {"rows.E5.classifiers": ["random", "language_model", "published"]}
    settings |= {"classifiers.encoder.model": ["minilm"], "classifiers.encoder.dataset": ["balanced", "skewed"]}
    settings |= {f"probes.{probe}.encoders": ["minilm"] for probe in ("balanced", "skewed")}
    settings |= {f"probes.{probe}.pooling": ["cls", "mean"] for probe in ("balanced", "skewed")}
    writeup = CLAIMS[name].writeup
    return ledger({name: CLAIMS[name]}, settings, {writeup: Scores(pd.DataFrame(rows, columns=SCHEMA.names))})["verdict"].iloc[
        0
    ]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("E5-majority", -0.05, 0.1),  # the write-up's 45 % is below the majority
        ("E6-better", 0.2, -0.1),
        ("A7-frozen-skewed-minilm", 0.1, -0.1),
        ("A7-word-level", 0.0, 0.3),
    ],
)
def test_doctored_scores_decide_the_claims(name, good, bad):
    assert claim_of(name, good, good - 0.0005, good + 0.0005) == "reproduced"
    assert claim_of(name, bad, bad - 0.02, bad + 0.02) == "contradicted"
    assert claim_of(name, good, min(good, bad), max(good, bad)) == "undecided"
