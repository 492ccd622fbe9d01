"""Rough estimates of how long jobs take, before anything has been measured on the machine at hand.

The seconds of a job at the default scale are declared with the job, in the step of a row or the maker of an artefact. They were
measured on a 2-core server (AMD EPYC) with other work on it.
"""

from __future__ import annotations

from pathlib import Path

from relab.artefacts.registry import MAKERS
from relab.rehearsal.models import parameters
from relab.settings.config import Resolved
from relab.settings.models import TrainedModel
from relab.utilisation import flops_per_token

#: Seconds of the jobs that no row or artefact declares, such as the ledger: little more than the start of the program.
SHARED_SECONDS = 3.0
#: Training time per token as an overhead per layer plus work in proportion to the floating-point operations: the line through
#: 54.0 k tokens/s at width 32 and 13.0 k at width 128 (benchmarks/results/training.jsonl, one thread).
SECONDS_PER_LAYER_TOKEN, SECONDS_PER_FLOP = 3.4e-6, 1.22e-11
#: How much of the limits of their tokens texts of pairs fill, roughly: docstrings of the default do a fifth.
FILLED = 0.25


def job_seconds(rule: str, record: str, resolved: Resolved) -> float:
    """Seconds on one CPU core of the job of ``rule`` that writes ``record``, to within a factor of two or so.

    Of large published models that are trained on, as many as their weights ask for, which takes seconds to count.
    """
    declared = declared_seconds(rule, record, resolved)
    if rule in MAKERS and MAKERS[rule][1].name == "models":
        name = Path(record).parts[2]
        if hasattr(resolved.artefacts.models[name].settings, "training"):
            return max(declared, further_training_seconds(name, resolved))
    return declared


def declared_seconds(rule: str, record: str, resolved: Resolved) -> float:
    """Seconds on one CPU core of the job of ``rule`` that writes ``record`` at the default scale."""
    if rule == "train_model":
        return training_seconds(resolved.artefacts.models[Path(record).parts[2]].settings)
    if rule in MAKERS:
        return MAKERS[rule][0].seconds
    steps = {row.record(step): step.seconds for row, step in resolved.steps}
    return steps.get(record, SHARED_SECONDS)


def further_training_seconds(name: str, resolved: Resolved) -> float:
    """Seconds on one CPU core of training a published model on, by the operations that its weights ask for; 0 where unknown."""
    models = resolved.artefacts.models
    settings, base = models[name].settings, models[name].settings
    while getattr(base, "base", None) in models:
        base = models[base.base].settings
    asset = resolved.artefacts.assets.get(getattr(base, "asset", None))
    if asset is None or asset.settings.stand_in is None or asset.settings.stand_in.config is None:
        return 0.0
    training = settings.training
    limits = ("source_tokens", "target_tokens", "prompt_tokens", "answer_tokens")
    length = FILLED * sum(getattr(settings, key, 0) for key in limits) or settings.block
    tokens = training.steps * training.accumulation * training.batch * length
    return tokens * 6 * parameters(asset.settings.stand_in.config) * SECONDS_PER_FLOP


def training_seconds(settings: TrainedModel) -> float:
    """Seconds on one CPU core of a training from random weights."""
    architecture, training = settings.architecture, settings.training
    layers, width, block = architecture.layers, architecture.width, architecture.block
    tokens = training.steps * training.accumulation * training.batch * block
    # for a small vocabulary: its size is not in the settings of the job
    flops = flops_per_token(12 * layers * width**2 + 100 * width, 0, layers, width, block)
    return 10 + tokens * (layers * SECONDS_PER_LAYER_TOKEN + flops * SECONDS_PER_FLOP)
