"""The whole DAG at its tiniest, really trained: what it makes, twice the same, and what a change makes run again."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import zipfile
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config
from support.runs import CHECKOUT, TINY, copy_tree, job_counts, run_relab, run_snakemake

from relab.files import read_csv, sha256
from relab.machine import gpu_count
from relab.settings.config import resolve
from relab.settings.writeups import load


def plan(checkout: Path, *words: str) -> dict[str, int]:
    """What Snakemake would run in a checkout's own run."""
    return job_counts(run_snakemake(checkout, "-n", "--quiet", "rules", *TINY, *words, checkout=checkout))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_report_shows_the_rows(tiny_checkout):
    page = (tiny_checkout / "results/report.html").read_text(encoding="utf-8")
    rows = [row.id for chapter in load(CHECKOUT / "config/writeups").chapters for row in chapter.rows]
    assert len(rows) >= 30
    for row in rows:
        assert len(re.findall(f'id="{row}"', page)) == 1
    assert "tiny" in page
    assert "http://" not in re.sub(r"http://www\.w3\.org/[^\"']*", "", page), "the page must need no network"


def test_jobs_that_are_forks_are_measured_as_jobs(tiny_checkout):
    """One that takes seconds: Snakemake looks at a job every half a second."""
    measured = (tiny_checkout / "results/benchmarks/rows/draw_policies.jsonl").read_text().splitlines()
    assert json.loads(measured[-1])["max_rss"] > 200, "MiB: more than the shell and what asks for the fork"


def test_snakemakes_own_report_works_beside_it(moved_checkout):
    made = run_snakemake(moved_checkout, *TINY, "--report", "report.zip", checkout=moved_checkout)
    assert made.returncode == 0, made.stdout + made.stderr
    with zipfile.ZipFile(moved_checkout / "report.zip") as archive:
        page = "".join(archive.read(name).decode() for name in archive.namelist() if name.endswith((".html", ".js")))
    for words in ("A \u00b7 A character-level GPT", "Loss against step, by corpus and width", "loss.svg"):
        assert words in page or json.dumps(words)[1:-1] in page, words


def test_models_open_with_transformers(tiny_checkout):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for folder in (tiny_checkout / "results/models/italian-w8-s1", tiny_checkout / "results/models/english-w4-s0"):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder)
        assert model.config.vocab_size == len(tokenizer)
        assert AutoModelForCausalLM.from_pretrained(folder / "last").num_parameters() == model.num_parameters()


def test_every_table_holds_what_was_trained(tiny_checkout):
    tables = tiny_checkout / "results/tables/char_gpt"
    final = read_csv(tables / "final_losses.csv")
    assert len(final) == 4  # two corpora, two widths
    progression = read_csv(tables / "progression_italian.csv")
    assert set(progression["step"]) == {2, 4, 6}
    ledger = read_csv(tiny_checkout / "results/tables/overview/ledger.csv")
    assert set(ledger["verdict"]) <= {"reproduced", "contradicted", "undecided", "not comparable", "fact"}
    assert not ledger["reason"].fillna("").str.contains("no row of this run|no scores of").any(), (
        "a claim names its scores wrong"
    )


def test_jobs_run_side_by_side_where_there_is_no_card(tiny_checkout):
    """The literal command (`--cores 2 --resources gpu=1`) must not queue the jobs for a card that is not there."""
    if gpu_count():
        pytest.skip("this machine has a card, for which the jobs rightly queue")
    (log,) = (tiny_checkout / ".snakemake/log").glob("*.log")
    running = most = 0
    for line in log.read_text().splitlines():
        running += line == "localrule train_model:" or line == "rule train_model:"
        running -= line.startswith("Finished jobid") and line.endswith("(Rule: train_model)")
        most = max(most, running)
    assert running == 0
    assert most == 2


#: Where results lie, what is made from others first: anew in this order, no job is asked for because of another.
BACKWARDS = (
    ["report.html"],
    ["figures"],
    ["tables"],
    ["scores"],
    ["judgements", "traces", "probes", "classifiers"],
    ["samples", "features"],
    ["models"],
    ["reward_models"],
    ["tokens"],
    ["tokenizers", "datasets"],
    ["corpora"],
)
#: What is only brought here, the same files for whoever asks.
BROUGHT = {"fetch_asset", "import_model", "import_encoder", "import_tokenizer"}
#: What is not the same twice: what is measured, the page with its date, an archive whose entries are dated.
DATED = ("speed.csv", "cost.csv", "measured_memory.csv", ".html", ".skops")


def row_steps() -> dict[str, str]:
    """The rows' jobs of the tiniest run by name: kind and function."""
    merged: dict = {}
    for name in ("config/assets.yaml", "config/config.yaml", "tests/config/tiny.yaml"):
        update_config(merged, yaml.safe_load((CHECKOUT / name).read_text(encoding="utf-8")))
    return {row.job(step): f"{row.settings.kind} {step.function}" for row, step in resolve(merged).steps}


def quickest_jobs(checkout: Path) -> dict[str, list[list[str]]]:
    """The outputs of the job of each rule that took the least time, by the part of the results that they lie in.

    Rows' jobs of one step of one kind are one rule here: they run one function.
    """
    steps, quickest = row_steps(), {}
    for path in (checkout / "results").rglob("*.provenance.json"):
        job = json.loads(path.read_text())
        outputs = sorted(job["outputs"])
        rule = (
            steps.get(job["job"], job["job"]),
            any("adapter_model" in name for name in outputs),
        )  # two rules may share a program
        quickest[rule] = min(quickest.get(rule, (float("inf"), [])), (job["wall_seconds"], outputs))
    found: dict[str, list[list[str]]] = {}
    for (rule, _), (_, outputs) in quickest.items():
        if rule not in BROUGHT:
            found.setdefault(outputs[0].split("/")[1], []).append(outputs)
    return found


@pytest.mark.timeout(1500)  # on a machine that may be busy
def test_a_job_of_every_rule_gives_the_same_bytes_elsewhere(tiny_checkout, moved_checkout):
    jobs, said = quickest_jobs(tiny_checkout), ""
    assert sorted(jobs) == sorted(itertools.chain(*BACKWARDS))
    for parts in BACKWARDS:
        asked = [outputs for part in parts for outputs in jobs[part]]
        for output in itertools.chain(*asked):
            (moved_checkout / output).unlink()
        targets = [outputs[0] for outputs in asked]
        done = run_snakemake(moved_checkout, "--cores", "2", *TINY, "--", *targets, checkout=moved_checkout, forked=True)
        assert done.returncode == 0, done.stdout + done.stderr
        said += done.stdout + done.stderr
    ran = set(re.findall(r"^(?:local)?rule (\w+):$", said, re.M))
    assert {path.stem for path in (tiny_checkout / "results/benchmarks").iterdir()} - BROUGHT - {"rows"} <= ran
    steps = row_steps()
    assert {steps[rule] for rule in ran & set(steps)} == set(steps.values())
    compared = [name for name in itertools.chain(*itertools.chain(*jobs.values())) if not name.endswith(DATED)]
    assert len(compared) > 100
    assert [name for name in compared if sha256(tiny_checkout / name) != sha256(moved_checkout / name)] == []


def test_the_plan_says_what_would_run(tiny_checkout, tmp_path):
    def told(folder: Path) -> str:
        done = run_relab("plan", "--directory", folder, *TINY, checkout=tiny_checkout)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert told(tiny_checkout) == "Nothing to do: every file of the targets is up to date.\n"
    fresh = told(tmp_path / "fresh")
    assert re.search(r"^train_model +13 ", fresh, re.M)
    *jobs, together = [int(count) for count in re.findall(r"^\w+ +(\d+) +[\d.]+$", fresh, re.M)]
    assert together == sum(jobs)
    assert together == sum(plan(tiny_checkout, "--forceall").values())
    assert "All downloads are at hand already." in fresh


def test_nothing_to_do_after_a_run_a_move_a_touch_and_a_comment(moved_checkout):
    assert plan(moved_checkout) == {}
    for path in [
        moved_checkout / "Snakefile",
        *(moved_checkout / "scripts").rglob("*.py"),
        *(moved_checkout / "config").rglob("*.yaml"),
    ]:
        os.utime(path)
    assert plan(moved_checkout) == {}
    edit(moved_checkout / "scripts/relab/sampling/loop.py", '"""', '"""Another first line. ')
    with open(moved_checkout / "scripts/train_model.py", "a") as handle:
        handle.write("\n# a comment\n")
    assert plan(moved_checkout) == {}


def test_a_copy_of_a_run_has_nothing_to_do_and_still_sees_a_changed_setting(moved_checkout):
    copy = moved_checkout / "runs" / "copy"
    copy.mkdir(parents=True)
    for part in ("results", ".snakemake"):
        copy_tree(moved_checkout / part, copy / part)

    def planned() -> dict[str, int]:
        return job_counts(run_snakemake(copy, "-n", "--quiet", "rules", *TINY, checkout=moved_checkout))

    assert planned() == {}
    edit(moved_checkout / "tests/config/tiny.yaml", "architecture.width: [4, 8]", "architecture.width: [4, 12]")
    assert planned()["train_model"] == 4


def test_other_ways_to_write_the_same_settings_and_machine_settings_run_nothing(moved_checkout):
    raw = yaml.safe_load((moved_checkout / "config/config.yaml").read_text())
    raw["models"]["char_gpt"]["training"]["learning_rate"] = "5e-4"
    shuffled = json.loads(json.dumps(raw, sort_keys=True))
    for name, sampling in shuffled["samplings"].items():  # the order of its methods is the one in which tables show them
        sampling["methods"] = raw["samplings"][name]["methods"]
    for name, row in shuffled["rows"].items():  # so is that of a row's systems, models and policies
        row |= {key: raw["rows"][name][key] for key in ("systems", "models", "ppo", "dpo") if key in row}
    for name, model in shuffled["models"].items():  # and that of a sweep's keys, in which titles name what varies
        model |= {key: raw["models"][name][key] for key in ("sweep",) if key in model}
    shuffled["corpora"] = {name: shuffled["corpora"][name] for name in raw["corpora"]}  # and the one of corpora
    (moved_checkout / "config/config.yaml").write_text(yaml.safe_dump(shuffled, sort_keys=False))
    edit(moved_checkout / "rules/trainings.smk", "trained(samples=True), 2000", "trained(samples=True), 3000")
    assert plan(moved_checkout, "--cores", "1") == {}


def test_one_changed_width_runs_that_width_and_its_descendants(moved_checkout):
    edit(moved_checkout / "tests/config/tiny.yaml", "architecture.width: [4, 8]", "architecture.width: [4, 12]")
    planned = plan(moved_checkout)
    assert planned.pop("train_model") == 4  # two corpora, two seeds
    rows = ("loss_curves", "progression_italian", "progression_english")
    shown = {f"{step}_{row}" for step in ("score", "tabulate", "draw") for row in rows}
    assert set(planned) == {*shown, "score_claims", "build_report"}


def test_one_changed_temperature_samples_that_grid_and_nothing_else(moved_checkout):
    path = moved_checkout / "config/config.yaml"
    raw = yaml.safe_load(path.read_text())
    raw["samplings"]["arguments"]["methods"]["sampling at temperature 0.7"]["temperature"] = 0.6
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    chain = ("sample_texts", "score_arguments", "tabulate_arguments", "draw_arguments", "score_claims", "build_report")
    assert plan(moved_checkout) == dict.fromkeys(chain, 1)


def test_one_more_story_of_each_setting_retrains_nothing(moved_checkout):
    edit(
        moved_checkout / "tests/config/tiny.yaml",
        "stories_grid: {length: 8, number: 3}",
        "stories_grid: {length: 8, number: 4}",
    )
    chain = ("sample_texts", "measure_judged", "score_judged", "tabulate_judged", "draw_judged", "score_claims", "build_report")
    assert plan(moved_checkout) == dict.fromkeys(chain, 1)


def test_the_command_line_gives_the_texts_of_the_sampling(tiny_checkout, tmp_path):
    model = tiny_checkout / "results/models/smollm2"
    words = ["--top-k", "2", "--temperature", "0.5", "--num-samples", "3", "--length", "6"]
    command = ["generate", "--model", model, "--prompt", "Once upon a time ", *words]
    written = tmp_path / "texts.jsonl"
    assert run_relab(*command, "--output", written).returncode == 0
    given = [json.loads(line) for line in written.read_text().splitlines()]
    sampled = [json.loads(line) for line in (tiny_checkout / "results/samples/command_line.jsonl").read_text().splitlines()]
    assert [one["token_ids"] for one in given] == [one["token_ids"] for one in sampled]
    assert len(given) == 3

    shown = run_relab(*command)
    assert shown.stdout.count("Once upon a time ") == 3
    assert all(one["text"] in shown.stdout for one in given)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["--prompt", "a", "--prompt", "a"],
            "--prompt 'a' is given twice; for several texts",
        ),
        (["--prompt", "a", "--temperature", "0"], "--temperature: input should be greater than 0"),
        (["--prompt", ""], "prompts.0: the text is empty, and the model has no token that texts start from"),
        (["--prompt", "a", "--num-beams", "2", "--length", "90"], "a beam search stays inside the context of 16 tokens"),
        (["--prompt", "§"], "prompts.0: character '§'"),
    ],
)
def test_the_command_line_tells_a_mistake_in_a_sentence(tiny_checkout, words, sentence):
    ended = run_relab("generate", "--model", tiny_checkout / "results/models/english-w4-s0", *words)
    assert ended.returncode == 1 and ended.stdout == ""
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert sentence in line and "Traceback" not in ended.stderr


def test_a_changed_function_runs_exactly_its_users(moved_checkout):
    with open(moved_checkout / "scripts/relab/figures.py", "a") as handle:
        handle.write("\n\ndef unused():\n    return 1\n")
    drawn = {rule for rule in row_steps() if rule.startswith("draw_")}
    assert len(drawn) > 10
    assert set(plan(moved_checkout)) == {*drawn, "build_report"}


def test_a_changed_caption_runs_the_report_only(moved_checkout):
    edit(moved_checkout / "config/writeups/char_gpt.yaml", "title: Loss against step", "title: Losses by step")
    assert plan(moved_checkout) == {"build_report": 1}


def test_a_changed_setting_of_one_corpus_spares_the_other(moved_checkout):
    edit(moved_checkout / "tests/config/tiny.yaml", "split: {validation: 0.2}", "split: {validation: 0.25}")
    planned = plan(moved_checkout)
    assert (planned["clean_corpus"], planned["train_tokenizer"], planned["train_model"]) == (1, 1, 4)
    assert "fetch_asset" not in planned


def test_a_missing_figure_is_made_alone(moved_checkout):
    (moved_checkout / "results/figures/char_gpt/loss.svg").unlink()
    assert plan(moved_checkout, "--", "results/figures/char_gpt/loss.svg") == {"draw_loss_curves": 1}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the corpus is empty"),
        ("perché è così\n\nà\n\nb".encode("latin-1"), "UTF-8"),
        (b"short\n\ntext\n\nend", "block"),
    ],
)
def test_a_bad_corpus_ends_in_one_sentence_and_nothing_is_lost(moved_checkout, content, sentence):
    (moved_checkout / "tests/data/ruth_jonah_philemon.it.txt").write_bytes(content)
    words = ("--cores", "2", "--show-failed-logs", *TINY)
    ended = run_snakemake(moved_checkout, *words, checkout=moved_checkout, forked=True)
    assert ended.returncode == 1
    told = ended.stdout + ended.stderr
    assert re.search(f"error: .*{sentence}", told), told
    assert re.match(f"error: .*{sentence}", ended.stderr.splitlines()[-1]), "the sentence stands last"
    assert "Traceback" not in told
    assert (moved_checkout / "results/models/english-w8-s0/model.safetensors").exists()


@pytest.mark.parametrize("seed", range(2))
def test_what_a_dry_run_promises_of_other_models_and_data_ends_in_a_report(moved_checkout, tmp_path, seed):
    drawn = random.Random(seed)

    def some(values: list) -> list:
        return drawn.sample(values, drawn.randint(1, len(values)))

    steps = some([2, 4, 6])
    overlay = {
        "models": {"char_gpt": {"sweep": {"architecture.width": some([4, 8])}}},
        "rows": {"A2": {"shown_steps": steps}, "A3": {"shown_steps": steps}, "A6": {"probes": some(["skewed", "sentiment"])}},
        "report": {"rows": ["A1", "A2", "A3", "A6"]},
    }
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    ended = run_snakemake(
        moved_checkout, "--cores", "2", *TINY, str(tmp_path / "other.yaml"), checkout=moved_checkout, forked=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    ledger = read_csv(moved_checkout / "results/tables/overview/ledger.csv")
    assert set(ledger[ledger["row"] == "A6"]["verdict"]) == {"not comparable"}


def test_a_run_in_a_folder_of_its_own_shares_the_downloads(tiny_checkout, tmp_path):
    copy = tmp_path / "copy"
    copy_tree(tiny_checkout, copy)
    done = run_snakemake(copy / "runs" / "one more", "--cores", "1", *TINY, "--", "corpora", checkout=copy, forked=True)
    assert done.returncode == 0, done.stdout + done.stderr
    run = copy / "runs" / "one more" / "results"
    assert (run / "corpora/english/stats.json").exists()
    assert not (run / "models").exists()
