"""Snakemake's own view: every configuration plans, mistakes are told before a job, resources are what they should be."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml
from support.runs import CHECKOUT, TINY, environment, job_counts, run_snakemake

from relab.artefacts.registry import MAKERS
from relab.settings.config import resolve

#: Jobs by rule: those that differ between the configurations, with no overlay, at full scale, at the tests' tiniest.
COUNTS = {
    None: {
        "train_model": 15,
        "fetch_asset": 15,
        "clean_corpus": 10,
        "sample_texts": 42,
        "finetune_model": 3,
        "train_adapter": 6,
        "make_dataset": 30,
        "train_on_pairs": 2,
        "adapt_to_pairs": 3,
    },
    "config/full.yaml": {"train_model": 43, "fetch_asset": 109, "clean_corpus": 11, "sample_texts": 45, "finetune_model": 12},
    "tests/config/tiny.yaml": {
        "train_model": 13,
        "fetch_asset": 18,
        "clean_corpus": 10,
        "sample_texts": 34,
        "finetune_model": 2,
    },
}
COUNTS[None] |= {"train_adapter": 6, "finetune_classifier": 8, "finetune_classifier_by_adapter": 1}
COUNTS["config/full.yaml"] |= {"train_adapter": 8, "finetune_classifier": 15}
COUNTS["config/full.yaml"] |= {"make_dataset": 33, "train_on_pairs": 15, "adapt_to_pairs": 7}
COUNTS["tests/config/tiny.yaml"] |= {
    "train_adapter": 5,
    "finetune_classifier": 4,
    "finetune_classifier_by_adapter": 1,
    "make_dataset": 30,
    "train_on_pairs": 2,
    "adapt_to_pairs": 3,
}
for overlay, number in {None: 6, "config/full.yaml": 6, "tests/config/tiny.yaml": 4}.items():
    COUNTS[overlay] |= {"train_policy": number, "train_dpo": number}
COUNTS["config/full.yaml"] |= {"import_reward_model": 1}
for small in (None, "tests/config/tiny.yaml"):
    COUNTS[small] |= {"train_reward_model": 1}


@pytest.mark.parametrize("overlay", COUNTS)
def test_every_configuration_plans_its_report(tmp_path, overlay):
    words = ["--configfile", str(CHECKOUT / overlay)] if overlay else []
    planned = run_snakemake(tmp_path / "run", "-n", "--quiet", "rules", *words)
    counts = job_counts(planned)
    assert {rule: counts[rule] for rule in COUNTS[overlay]} == COUNTS[overlay]
    assert counts["tokenize_corpus"] == 11  # once for each corpus and tokenizer, not for each model
    assert counts["encode_texts"] >= 11  # one for each part of a data set that an encoder reads
    assert {rule for rule in counts if rule.startswith("measure_")} >= {
        f"measure_{row}" for row in ("adapters", "books", "code")
    }
    assert counts["build_report"] == 1


def test_fetch_plans_downloads_and_nothing_else(tmp_path):
    planned = run_snakemake(tmp_path, "-n", "--quiet", "rules", "--", "fetch")
    assert job_counts(planned) == {"fetch_asset": 15}


def test_an_adapter_is_planned_with_its_base_and_the_tokens_of_the_base(tmp_path):
    """The base is a finetuned model itself, of a published one whose directory holds the tokenizer."""
    target = "results/models/tuned_prefix/adapter_model.safetensors"
    planned = run_snakemake(tmp_path, "-n", "--quiet", "rules", *TINY, "--", target)
    counts = job_counts(planned)
    assert {rule: number for rule, number in counts.items() if rule != "fetch_asset"} == {
        **{"clean_corpus": 1, "import_model": 1, "tokenize_corpus": 1, "finetune_model": 1, "train_adapter": 1}
    }


def test_the_menu_explains_every_rule():
    listed = run_snakemake(CHECKOUT, "--list").stdout
    rules = {path.read_text() for path in (CHECKOUT / "rules").glob("*.smk")}
    names = {name for text in rules for name in re.findall(r"^rule (\w+):", text, re.M)}
    names |= {"A9", "char_gpt", "models", "fetch", "score_retrieval", "tabulate_retrieval", "draw_retrieval"}
    for name in names:
        assert re.search(rf"^{name} \(\w", listed, re.M), f"rule {name} has no docstring"
    assert "A9 (Retrieval by cosine. results/tables/char_gpt/retrieval.csv " in listed


def test_every_job_rule_has_a_log_a_benchmark_an_environment_and_resources():
    for path in sorted((CHECKOUT / "rules").glob("*.smk")):
        for name, body in re.findall(r"^(?:    )?rule ?(\w*):\n(.*?)(?=^\S|\Z)", path.read_text(), re.M | re.S):
            if "shell:" in body:
                for word in ("log:", "benchmark:", "conda:", "mem_mb=", "runtime=", "spec=", "code="):
                    assert word in body, f"rule {name} in {path.name} lacks {word}"
                assert not name or f'program("{name}")' in body, f"rule {name} must run the program of its name"


@pytest.mark.parametrize("rule", MAKERS)
def test_a_rule_that_makes_artefacts_has_a_program(rule):
    assert (CHECKOUT / "scripts" / f"{rule.removesuffix('_by_adapter')}.py").exists()


def test_rows_steps_that_run_a_network_ask_for_a_card(merged):
    steps = {row.job(step): step for row, step in resolve(merged()).steps}
    networks = {name for name, step in steps.items() if step.network}
    assert {"measure_adapters", "measure_memory", "measure_words", "measure_judged", "trace_judged"} <= networks
    assert all(steps[name].environment == "train" for name in networks)


@pytest.mark.parametrize(
    ("overlay", "sentence"),
    [
        ({"modles": {}}, "modles: unknown key; did you mean models?"),
        ({"models": {"char_gpt": {"architecture": {"heads": 3}}}}, "the width must be divisible by the heads"),
        ({"corpora": {"italian": {"asset": "bibel"}}}, "corpora.italian.asset: 'bibel' is not among the assets"),
    ],
)
def test_a_mistake_is_one_sentence_and_no_job_starts(tmp_path, overlay, sentence):
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    ended = run_snakemake(tmp_path / "run", "--cores", "1", "--configfile", str(tmp_path / "overlay.yaml"))
    assert ended.returncode == 1
    *before, last = ended.stderr.splitlines()
    assert last.startswith("error: ") and sentence in last, ended.stderr
    assert len([line for line in before if sentence in line]) == 1, ended.stderr  # Snakemake's own words
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "run" / "results").exists()


def test_an_environment_without_what_jobs_import_is_refused_with_the_way_out(tmp_path):
    without = "import sys; sys.modules['torch'] = None; from snakemake.cli import main; main()"
    words = ["-n", "--snakefile", CHECKOUT / "Snakefile", "--directory", tmp_path]
    ended = subprocess.run([sys.executable, "-c", without, *words], capture_output=True, text=True, env=environment())
    assert ended.returncode == 1
    assert f"Snakemake runs in {sys.prefix}, which lacks torch: run .venv/bin/snakemake" in ended.stdout + ended.stderr


def resources(output: str, rule: str) -> str:
    """The resources that a dry run shows for the first job of a rule."""
    return re.search(rf"^(?:local)?rule {rule}:\n.*?resources: (.*?)\n", output, re.M | re.S)[1]


def fake_card(folder):
    folder.mkdir()
    (folder / "nvidia-smi").write_text("#!/bin/sh\necho 'GPU 0: A (UUID: x)'\n")
    (folder / "nvidia-smi").chmod(0o755)
    return folder


def test_without_a_card_local_training_asks_for_none(tmp_path):
    planned = run_snakemake(tmp_path / "run", "-n", "--cores", "8", "--resources", "gpu=1", *TINY, CUDA_VISIBLE_DEVICES="-1")
    assert "gpu=0" in resources(planned.stdout, "train_model")


def test_with_a_card_jobs_that_run_a_network_ask_for_one(tmp_path):
    import os
    from pathlib import Path

    path = os.pathsep.join([str(Path(sys.executable).parent), str(fake_card(tmp_path / "bin")), os.environ["PATH"]])
    planned = run_snakemake(tmp_path / "run", "-n", "--cores", "8", *TINY, PATH=path, CUDA_VISIBLE_DEVICES="0")
    asks = {rule: "gpu=1" in resources(planned.stdout, rule) for rule in job_counts(planned) if rule in MAKERS}
    learns = {rule for rule in asks if re.match("train|finetune|adapt", rule)} - {"train_tokenizer"}
    assert {rule for rule, card in asks.items() if card} == learns | {"sample_texts", "encode_texts"}
    assert len(learns) >= 8


def test_no_profile_that_loads_by_itself_holds_resources():
    default = yaml.safe_load((CHECKOUT / "profiles/default/config.yaml").read_text())
    assert not {"resources", "default-resources", "set-resources", "cores", "jobs"} & set(default)


@pytest.mark.parametrize("words", [["--report", "results/report.html"], ["--report=./results/../results/report.html"]])
def test_snakemakes_report_does_not_take_the_place_of_the_page(tmp_path, words):
    page = tmp_path / "results/report.html"
    page.parent.mkdir()
    page.write_text("the page")
    refused = run_snakemake(tmp_path, *TINY, *words)
    assert refused.returncode == 1 and "the rule build_report makes this page" in refused.stdout + refused.stderr
    assert page.read_text() == "the page"


def test_a_folder_that_cannot_be_written_is_told_with_what_names_another(tmp_path):
    """Root may write everywhere, so that the answer of the system is made up."""
    program = "import os; os.access = lambda *words, **options: False; from snakemake.cli import main; main()"
    words = ["-n", "--snakefile", CHECKOUT / "Snakefile", *TINY, "--directory", tmp_path]
    command = [sys.executable, "-c", program, *map(str, words)]
    refused = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=CHECKOUT)
    told = refused.stdout + refused.stderr
    assert refused.returncode == 1 and f"{tmp_path} cannot be written" in told
    assert "--directory" in told and "RELAB_CACHE" in told and "PermissionError" not in told
