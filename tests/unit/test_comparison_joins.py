"""Joining two runs: settings, artefacts, scores."""

from __future__ import annotations

import math
import shutil

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.made_runs import TABLE, job, make_run, rows, without_report

from relab.comparison import artefacts, scores
from relab.comparison.compare import compare
from relab.comparison.settings import differences, replaced_values
from relab.errors import UserError
from relab.scores import score, with_summary
from relab.statistics import Measurement

LATER = "2026-02-02T03:04:05+00:00"


# --- settings ---------------------------------------------------------------------------------------------------------


def test_settings_differ_by_leaf():
    old = {"models": {"gpt": {"sweep": {"width": [32, 128]}, "tied": False, "note": "x"}}, "threads": 1}
    new = {
        "models": {"gpt": {"sweep": {"width": [64, 128]}, "tied": 0}},
        "threads": 1,
        "corpora": {"dante": {"split": {"parts": 3}}},
    }
    assert [str(one) for one in differences(old, new)] == [
        'corpora: not set → {"dante": {"split": {"parts": 3}}}',
        'models.gpt.note: "x" → not set',
        "models.gpt.sweep.width: [32, 128] → [64, 128]",
        "models.gpt.tied: false → 0",
    ]


def test_settings_in_another_order_are_the_same():
    assert differences({"a": {"b": 1, "c": [1, 2]}, "d": None}, {"d": None, "a": {"c": [1, 2], "b": 1}}) == []


@pytest.mark.parametrize(
    "old, new, labels",
    [
        ([32, 128], [64, 128], {"width 32": "width 64"}),
        ([32, 128], [256, 64], {"width 32": "width 256", "width 128": "width 64"}),
        ([32, 128], [64], {}),
        ([32], [32, 64], {}),
    ],
)
def test_a_swept_value_that_took_anothers_place(old, new, labels):
    def config(widths):
        return {"models": {"gpt": {"sweep": {"architecture.width": widths}, "layers": len(widths)}}}

    assert replaced_values(differences(config(old), config(new))) == labels


# --- artefacts --------------------------------------------------------------------------------------------------------


def joined(a, b) -> dict[str, artefacts.Artefact]:
    return {one.job: one for one in compare(a, b).artefacts}


def test_a_copied_run_is_not_recomputed(tmp_path):
    a = make_run(tmp_path / "a")
    shutil.copytree(a, tmp_path / "b")
    comparison = compare(a, tmp_path / "b")
    assert {one.status for one in comparison.artefacts} == {artefacts.KEPT} and not any(one.why for one in comparison.artefacts)
    assert comparison.summary == [
        "No setting differs.",
        "0 of 1 comparable scores changed.",
        "0 of 5 shared artefacts recomputed.",
    ]


def test_recomputed_with_the_same_bytes(tmp_path):
    found = joined(make_run(tmp_path / "a"), make_run(tmp_path / "b", started=LATER))
    assert {one.status for one in found.values()} == {artefacts.SAME}  # though speed.csv differs each time
    assert found["tabulate"].why == []


def test_recomputed_and_changed_and_why(tmp_path):
    a, b = make_run(tmp_path / "a", width=32), make_run(tmp_path / "b", width=64, scores=rows(loss=[1.0, 1.2]), started=LATER)
    statuses = {one.path: one.status for one in compare(a, b).artefacts}
    assert statuses == {
        "results/corpora/italian/train.parquet": artefacts.SAME,
        "results/figures/char_gpt/losses.svg": artefacts.SAME,
        "results/models/italian-w32/model.safetensors": artefacts.ONLY_A,
        "results/models/italian-w64/model.safetensors": artefacts.ONLY_B,
        "results/scores/char_gpt/losses.parquet": artefacts.CHANGED,
        "results/tables/char_gpt/losses.csv": artefacts.SAME,
    }
    found = joined(a, b)
    assert found["score_char_gpt"].why == [
        "input results/models/italian-w32/model.safetensors (only in A)",
        "input results/models/italian-w64/model.safetensors (only in B)",
    ]
    assert found["tabulate"].why == ["input results/scores/char_gpt/losses.parquet"]


def test_runs_of_which_one_has_single_targets_compare_what_both_have(tmp_path):
    """What differs in the jobs of both stands there for the configuration, once for all artefacts of a rule."""
    a, b = make_run(tmp_path / "a"), without_report(make_run(tmp_path / "b", scores=rows(loss=[1.0, 1.2]), started=LATER))
    for run, kind in ((a, "bible"), (b, "play")):
        for corpus in ("italian", "english"):
            job(run, "clean_corpus", {f"results/corpora/{corpus}/train.parquet": b"text"}, spec={"reader": {"kind": kind}})
        for number in range(7 if run == b else 0):
            job(run, "tabulate", {f"results/tables/mine/t{number}.csv": b"x"})
    job(a, "build_report", {"results/report.html": b""}, [TABLE, "results/corpora/english/train.parquet"], {"config": {}})
    for first, second, letter in ((a, b, "B"), (b, a, "A")):
        assert compare(first, second).summary == [
            f"1 setting differs among the jobs of both, since {letter} has no report.",
            "1 of 1 comparable scores changed, 1 of them beyond chance.",
            f"3 of 5 shared artefacts recomputed, 1 of them changed; 8 only in {letter}.",
            f"Tables: only {letter} has mine/t0, mine/t1, mine/t2, mine/t3, mine/t4 and 2 more.",
        ]
    without_report_too = compare(b, without_report(a))
    assert [str(one) for one in without_report_too.settings] == ['clean_corpus: reader.kind: "play" → "bible"']


def test_runs_that_share_nothing_are_told_apart(tmp_path):
    a, b = without_report(make_run(tmp_path / "a")), tmp_path / "b"
    job(b, "tabulate", {"results/tables/mine/t.csv": b"x"})
    assert compare(a, b).summary == [
        "No setting differs among the jobs of both, since A and B have no report.",
        "0 of 0 comparable scores changed; 1 only in A.",
        "0 of 0 shared artefacts recomputed; 5 only in A; 1 only in B.",
        "Tables: only A has char_gpt/losses; only B has mine/t.",
    ]


def test_a_setting_that_a_job_got(tmp_path):
    a, b = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    corpus = "results/corpora/italian/train.parquet"
    job(b, "clean_corpus", {corpus: b"text"}, spec={"reader": {"kind": "play"}}, started=LATER)
    assert joined(a, b)["clean_corpus"].why == ['setting reader.kind: "bible" → "play"']


@pytest.mark.parametrize(
    "change, why",
    [
        ({"code": "4567"}, "its code"),
        ({"device": "cuda"}, "device: cpu → cuda"),
        ({"precision": "bfloat16"}, "precision: float32 → bfloat16"),
        ({"versions": {"python": "3.12.1"}}, "version of python: 3.11.2 → 3.12.1"),
        ({"versions": {"python": "3.11.2", "torch": "2.13.0"}}, None),
        ({"commit": "f" * 40, "dirty": True, "wall_seconds": 9.0, "attempts": 2}, None),
    ],
)
def test_what_else_may_differ(tmp_path, change, why):
    versions = {"python": "3.11.2"}
    a, b = (
        make_run(tmp_path / "a", versions=versions, precision="float32"),
        make_run(tmp_path / "b", **{"versions": versions, "precision": "float32", "started": LATER} | change),
    )
    assert {tuple(one.why) for one in compare(a, b).artefacts} == {(why,) if why else ()}


def test_a_file_of_the_checkout_is_one_input_from_wherever_the_run_lies(tmp_path):
    for run, claims in (("a", "config/claims.yaml"), ("b", "../config/claims.yaml")):
        place = make_run(tmp_path / run) / claims
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("claims")
        table = (tmp_path / run / TABLE).read_bytes()
        job(
            tmp_path / run,
            "tabulate",
            {TABLE: table},
            ["results/scores/char_gpt/losses.parquet", claims],
            started=f"2026-0{len(claims) % 7}",
        )
    found = joined(tmp_path / "a", tmp_path / "b")["tabulate"]
    assert (found.status, found.why) == (artefacts.SAME, [])


# --- scores -----------------------------------------------------------------------------------------------------------


def verdicts(old: pd.DataFrame, new: pd.DataFrame) -> dict[tuple[str, str], str]:
    joined = scores.join_scores(prepared(old), prepared(new))
    return {(row.metric, row.seed): row.verdict for row in joined.itertuples()}


def prepared(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(writeup="char_gpt", data=frame.get("data", ""))[[*scores.KEY, *scores.VALUES]]


def measured(values, items="same", seeds=1, **more) -> pd.DataFrame:
    """A score of a model's texts, unit by unit, with the same units for each seed."""
    rows = [
        score("italian", seed, "validation", "share", Measurement.of(np.asarray(values) + seed * 1e-3, "text", items))
        for seed in range(seeds)
    ]
    return pd.DataFrame(with_summary(rows)).assign(**more)


def test_seeds_of_equal_numbers_are_compared_with_each_other():
    old = rows(loss=[2.0, 2.2, 2.9])
    assert verdicts(old, rows(loss=[2.1, 2.31, 2.99]))["loss", "all"] == scores.BEYOND  # 0.1, 0.11, 0.09
    assert verdicts(old, rows(loss=[2.4, 2.1, 2.9]))["loss", "all"] == scores.WITHIN  # 0.4, -0.1, 0
    joined = scores.join_scores(prepared(old), prepared(rows(loss=[2.1, 2.31, 2.99])))
    row = joined[joined["seed"] == "all"].iloc[0]
    expected = stats.ttest_rel([2.1, 2.31, 2.99], [2.0, 2.2, 2.9]).confidence_interval()
    assert (row["difference_low"], row["difference_high"]) == pytest.approx(tuple(expected))


def test_the_same_texts_are_compared_one_by_one():
    hard = np.random.default_rng(0).normal(size=30)
    assert verdicts(measured(hard), measured(hard + 0.1 + hard * 1e-3))["share", "all"] == scores.BEYOND
    assert verdicts(measured(hard, "one"), measured(hard + 0.1, "other"))["share", "all"] == scores.WITHIN


def test_a_second_seed_does_not_hide_how_far_the_texts_lie_apart():
    noise = np.random.default_rng(0).normal(size=16)
    old, new = measured(noise, "one", seeds=2), measured(noise[::-1] + 0.05, "other", seeds=2)
    assert verdicts(old, new)["share", "all"] == scores.WITHIN


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_of_scores_that_did_not_change_five_of_a_hundred_are_flagged_at_most(seeds):
    random = np.random.default_rng(seeds)
    drawn = [random.normal(size=(400, seeds)) for _ in range(2)]
    old, new = (rows(**{f"score {number}": values for number, values in enumerate(one)}) for one in drawn)
    joined = scores.join_scores(prepared(old), prepared(new))
    means = joined[joined["seed"] == "all"]["verdict"]
    assert len(means) == 400 and set(means) == {scores.BEYOND, scores.WITHIN}
    assert (means == scores.BEYOND).mean() <= 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


def test_one_seed_without_units_has_no_interval():
    assert verdicts(rows(loss=[2.0]), rows(loss=[2.1]))["loss", "all"] == scores.NO_INTERVAL
    assert verdicts(rows(loss=[2.0]), rows(loss=[2.0]))["loss", "all"] == scores.UNCHANGED


def test_a_run_of_the_first_versions_is_read(tmp_path):
    """Its scores have no units, and none of the columns that came later."""
    old = rows(loss=[2.0, 2.2]).drop(columns=["unit", "seeds", "data", "items", "scale", "sums", "counts"])
    a, b = make_run(tmp_path / "a", scores=old), make_run(tmp_path / "b", scores=rows(loss=[2.1, 2.4]), started=LATER)
    found = compare(a, b).scores.set_index(["metric", "seed"])["verdict"]
    assert found["loss", "all"] == scores.WITHIN


def test_the_mean_is_judged_and_not_its_seeds():
    found = verdicts(rows(loss=[2.0, 2.2]), rows(loss=[2.0, 3.2]))
    assert found == {("loss", "0"): scores.UNCHANGED, ("loss", "1"): scores.ONE_SEED, ("loss", "all"): scores.WITHIN}
    alone = rows(loss=[2.0]).query("seed != 'all'"), rows(loss=[3.0]).query("seed != 'all'")
    assert verdicts(*alone) == {("loss", "0"): scores.NO_INTERVAL}


def test_the_join_is_an_outer_one():
    found = verdicts(rows(loss=[2.0, 2.2], old=[1, 2]), rows(loss=[2.0, 2.2, 2.4], new=[1, 2]))
    assert found["old", "all"] == scores.ONLY_A and found["new", "all"] == scores.ONLY_B
    assert found["loss", "2"] == scores.ONLY_B and found["loss", "0"] == scores.UNCHANGED


def test_experiments_follow_a_swept_value():
    old = pd.concat(
        [rows(loss=[2.0, 2.2]).assign(experiment=name) for name in ("verses/width 8", "verses/width 80", "verses/text")]
    )
    new = pd.concat(
        [rows(loss=[1.0, 1.2]).assign(experiment=name) for name in ("verses/width 12", "verses/width 80", "verses/text")]
    )
    joined = scores.join_scores(prepared(old), prepared(new), {"width 8": "width 12"})
    means = joined[joined["seed"] == "all"].set_index("experiment")
    assert list(means["counterpart"]) == ["", "verses/width 8", ""]
    assert list(means.index) == ["verses/text", "verses/width 12", "verses/width 80"]
    assert set(means["verdict"]) == {scores.BEYOND} and len(joined) == 9


def test_an_experiment_that_both_runs_have_follows_nothing():
    old = pd.concat([rows(loss=[2.0]).assign(experiment=f"width {width}") for width in (8, 12)])
    joined = scores.join_scores(prepared(old), prepared(old[old["experiment"] == "width 12"]), {"width 8": "width 12"})
    assert set(zip(joined["experiment"], joined["verdict"], strict=True)) == {
        ("width 12", scores.UNCHANGED),
        ("width 8", scores.ONLY_A),
    }


def test_other_data_is_not_compared():
    old, new = rows(loss=[2.0, 2.2]).assign(data="bible"), rows(loss=[1.0, 1.2]).assign(data="dante")
    joined = scores.join_scores(prepared(old), prepared(new))
    assert set(joined["verdict"]) == {scores.OTHER_DATA}
    assert joined["difference"].isna().all() and joined["relative_difference"].isna().all()
    assert list(joined["old"]) == [2.0, 2.2, 2.1] and list(joined["new"]) == [1.0, 1.2, 1.1]


def test_the_same_value_on_other_data_is_not_called_unchanged():
    old, new = rows(loss=[2.0]).assign(data="bible"), rows(loss=[2.0]).assign(data="dante")
    assert verdicts(old, new)["loss", "all"] == scores.OTHER_DATA


def test_data_that_one_run_does_not_record_hinders_nothing():
    old, new = rows(loss=[2.0, 2.2]).assign(data="bible"), rows(loss=[1.0, 1.2])
    assert verdicts(old, new)["loss", "all"] == scores.BEYOND


def test_a_value_that_is_lost_is_a_change():
    """A score that has no value is missing in the file; that it had one before is a change like any other."""
    assert verdicts(rows(loss=[2.0, 2.2]), rows(loss=[math.nan, math.nan]))["loss", "all"] == scores.BEYOND
    assert verdicts(rows(loss=[math.nan]), rows(loss=[math.nan]))["loss", "all"] == scores.UNCHANGED


def test_differences_are_of_the_new_value_from_the_old():
    row = scores.join_scores(prepared(rows(loss=[-2.0], zero=[0.0])), prepared(rows(loss=[-1.0], zero=[1.0]))).set_index(
        ["metric", "seed"]
    )
    assert row.loc[("loss", "all"), "difference"] == 1.0 and row.loc[("loss", "all"), "relative_difference"] == 0.5
    assert row.loc[("zero", "all"), "difference"] == 1.0 and math.isnan(row.loc[("zero", "all"), "relative_difference"])


def test_weighty_changes_come_first():
    old = rows(inside=[1, 3], little=[1, 1.01], much=[1, 1.01], zero=[0, 0], one=[1], same=[5, 6])
    new = rows(inside=[1, 2.9], little=[2, 2.01], much=[9, 9.01], zero=[1, 1], one=[2], same=[5, 6], added=[1])
    judged = scores.judged_scores(scores.join_scores(prepared(old), prepared(new)))
    assert list(judged["metric"]) == ["zero", "much", "little", "one", "inside", "same", "added"]
    assert set(judged["seed"]) == {"all"}


def test_a_changed_system_is_not_told_again_by_its_differences_from_others():
    """Of three systems, one changed: one line, though four differences moved with it; a difference that alone moved is told."""

    def systems(values: dict[str, list[float]]) -> pd.DataFrame:
        return pd.concat([rows(loss=value).assign(experiment=name) for name, value in values.items()])

    old = {"d/a": [1.0, 1.2], "d/b": [5.0, 5.2], "d/c − x": [3.0, 3.2]}
    differences = {f"d/{first} − {second}": [4.0, 4.2] for first, second in ("ab", "ba")} | {"d/e − a": [2.0, 2.2]}
    moved = {name: [value[0] + 9, value[1] + 9] for name, value in differences.items()}
    changed = scores.join_scores(prepared(systems(old | differences)), prepared(systems(old | moved | {"d/a": [8.0, 8.2]})))
    told = scores.judged_scores(changed).set_index("experiment")["verdict"]
    assert dict(told) == {"d/a": "beyond chance", "d/b": "unchanged", "d/e − a": "beyond chance", "d/c − x": "unchanged"}
    assert len(changed) == 3 * 6  # the CSV has them all
    alone = scores.join_scores(prepared(systems(old | differences)), prepared(systems(old | moved)))
    assert set(scores.judged_scores(alone)["experiment"]) == {*old, *differences}


def test_two_scales_compare_without_nonsense(tmp_path):
    old = rows(loss=[2.0, 2.2])
    a = make_run(tmp_path / "a", scale="small", scores=old, data="bible")
    b = make_run(tmp_path / "b", scale="full", scores=rows(loss=[1.0, 1.1], share=[0.5]), data="dante", started=LATER)
    comparison = compare(a, b)
    assert comparison.summary[1] == "0 of 0 comparable scores changed; 1 on other data; 1 only in B."
    assert comparison.scores["difference"].isna().all()


def test_the_summary_counts_scores_and_not_seeds(tmp_path):
    a = make_run(tmp_path / "a", scores=rows(loss=[2.0, 2.2], share=[0.5, 0.7], one=[1.0], same=[1.0]))
    b = make_run(tmp_path / "b", width=64, scores=rows(loss=[1.0, 1.2], share=[0.5, 0.6], one=[2.0], same=[1.0]), started=LATER)
    assert compare(a, b).summary == [
        "1 setting differs.",
        "3 of 4 comparable scores changed, 1 of them beyond chance and 1 of which nothing tells (no interval).",
        "4 of 4 shared artefacts recomputed, 1 of them changed; 1 only in A; 1 only in B.",
    ]


def test_a_score_that_stands_there_twice(tmp_path):
    a = make_run(tmp_path / "a")
    b = make_run(tmp_path / "b", scores=pd.concat([rows(loss=[2.0]), rows(loss=[2.1])]))
    with pytest.raises(UserError, match="char_gpt / italian / 0 / validation / loss twice"):
        compare(a, b)


def test_a_file_that_is_no_table_of_scores(tmp_path):
    a = make_run(tmp_path / "a")
    b = make_run(tmp_path / "b", scores=rows(loss=[2.0]).drop(columns="metric"))
    with pytest.raises(UserError, match=r"losses.parquet: .*'metric'"):
        compare(a, b)


def test_a_rehearsal_is_not_compared(tmp_path):
    """Its scores are of stand-ins."""
    a, b = make_run(tmp_path / "a"), make_run(tmp_path / "b", rehearsal=True)
    with pytest.raises(UserError, match=r"/b: expected a run, found a rehearsal, whose scores mean nothing$"):
        compare(a, b)
