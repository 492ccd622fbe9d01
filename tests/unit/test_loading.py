"""What a module loads before it works: jobs are many, and the networks' libraries take seconds."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.runs import CHECKOUT, environment

from relab.rows import registry
from relab.settings.config import resolve


@pytest.mark.parametrize(
    ("modules", "spared"),
    [
        ("relab.metrics.repetition, relab.metrics.classification, relab.texts.scores", ("torch", "transformers")),
        ("relab.rows.finetuned.scores, relab.rows.memorisation.tables", ("torch", "transformers")),
        ("relab.checkpoints, relab.tokens.tokenize", ("transformers.modeling_utils",)),
    ],
)
def test_what_needs_no_network_loads_none(modules, spared):
    assert loaded(modules, spared) == []


def loaded(modules: str, among: tuple[str, ...]) -> list[str]:
    """Those ``among`` some modules that importing others loads."""
    code = f"import sys, {modules}; print(*sorted(set(sys.modules) & set({among!r})))"
    environ = environment(PYTHONPATH=str(CHECKOUT / "scripts"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ)
    return done.stdout.split()


def test_a_step_of_a_row_loads_a_network_only_in_the_environment_that_has_one(merged):
    steps = [(row.settings.kind, step) for row in resolve(merged()).rows.values() for step in row.settings.steps]
    modules = {f"relab.rows.{kind}.{step.function.partition('.')[0]}" for kind, step in steps if step.environment == "report"}
    assert len(modules) > 20
    assert loaded(", ".join(sorted(modules)), ("torch", "transformers")) == []


def test_what_snakemake_reads_at_its_start_is_light():
    modules = ", ".join(["relab.settings.config", *(f"relab.rows.{kind}" for kind in registry.kinds())])
    assert loaded(modules, ("torch", "transformers", "pandas", "numpy", "matplotlib", "jinja2")) == []


def test_transformers_can_be_loaded_after_a_metric():
    code = "import relab.metrics.repetition, transformers; transformers.GPT2Config()"
    environ = environment(PYTHONPATH=str(CHECKOUT / "scripts"))
    subprocess.run([sys.executable, "-c", code], check=True, env=environ)
