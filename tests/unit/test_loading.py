"""What a module loads before it works: jobs are many, and the networks' libraries take seconds."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.runs import CHECKOUT, environment


@pytest.mark.parametrize(
    ("modules", "spared"),
    [
        ("relab.metrics.repetition, relab.metrics.classification, relab.texts.scores", ("torch", "transformers")),
        ("relab.chapters.finetuning.scores, relab.chapters.finetuning.tables", ("torch", "transformers")),
        ("relab.checkpoints, relab.tokens.make", ("transformers.modeling_utils",)),
    ],
)
def test_what_needs_no_network_loads_none(modules, spared):
    code = f"import sys, {modules}; print(*sorted(set(sys.modules) & set({spared!r})))"
    environ = environment(PYTHONPATH=str(CHECKOUT / "scripts"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ)
    assert done.stdout == "\n"


def test_transformers_can_be_loaded_after_a_metric():
    code = "import relab.metrics.repetition, transformers; transformers.GPT2Config()"
    environ = environment(PYTHONPATH=str(CHECKOUT / "scripts"))
    subprocess.run([sys.executable, "-c", code], check=True, env=environ)
