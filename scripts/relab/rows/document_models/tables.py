"""Tables of models of documents: each model, its curve, texts on the way, how fast it was trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from relab.cells import format_fixed
from relab.files import read_csv, require_columns
from relab.rows.document_models.names import BEST_BITS, EPOCHS, LAST, PARAMETERS, SEEN, Spec
from relab.rows.document_models.rates import drops
from relab.rows.job import MAIN, Job
from relab.rows.shared.histories import BITS, curve_rows, read_history, read_samples, text_read
from relab.scores import Summaries
from relab.settings.models import Architecture
from relab.utilisation import flops_per_token, utilisation


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    spec = job.settings(Spec)
    scores = Summaries.read(job.file("scores"))
    histories = {name: read_history(path) for name, path in job.by_name("histories", spec.seeds).items()}
    records = job.by_name("records", spec.seeds)
    devices = {name: json.loads(path.read_bytes())["device"] for name, path in records.items()}
    return {
        MAIN: models_table(spec, scores, histories),
        "curve": curve_table(spec, histories),
        "progress": progress_table(next(iter(spec.seeds)), job.file("samples")),
        "speed": speed_table(spec, job.by_name("speeds", spec.seeds), devices, scores.value(spec.experiment, PARAMETERS)),
    }


def models_table(spec: Spec, scores: Summaries, histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A model a row: its size, what it read, its lowest validation loss; the drops of its learning rate on plateaus, if any."""
    frame, rows = scores.frame, []
    dropped = {name: drops(history["learning_rate"]) for name, history in histories.items()}
    chosen = frame[(frame["experiment"] == spec.experiment) & (frame["split"] == "validation")]
    for name, seed in spec.seeds.items():
        history = histories[name]
        values = chosen[chosen["seed"] == str(seed)].set_index("metric")["value"]
        best = history["validation_loss"].idxmin()
        rows.append(
            {
                "model": name,
                "seed": seed,
                "parameters": int(values[PARAMETERS]),
                "steps": int(values[LAST]),
                "best_step": int(best),
                "tokens_seen": int(values[SEEN]),
                "epochs": format_fixed(values[EPOCHS], 3),
                "train_loss": format_fixed(history.loc[best, "train_loss"], 4),
                "validation_loss": format_fixed(history.loc[best, "validation_loss"], 4),
                "validation_bits_per_byte": format_fixed(values[BEST_BITS], 4),
                "text": text_read([history]),
                "rate_drops": len(dropped[name]),
                "last_rate": f"{history['learning_rate'].iloc[-1]:.3g}",
            }
        )
    return pd.DataFrame(rows).drop(columns=[] if any(dropped.values()) else ["rate_drops", "last_rate"])


def curve_table(spec: Spec, histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every evaluation of every model: bits per byte and the learning rate from there on."""
    parts = []
    for name, seed in spec.seeds.items():
        rates = [f"{rate:.4g}" for rate in histories[name]["learning_rate"]]
        rows = curve_rows(histories[name], {"seed": seed}, (BITS["train"], BITS["validation"]))
        parts.append(rows.assign(learning_rate=rates))
    return pd.concat(parts, ignore_index=True)


def progress_table(model: str, samples: Path) -> pd.DataFrame:
    """The first text that a model sampled at each step."""
    return pd.DataFrame(
        [
            {"model": model, "step": step, "prompt": sample.prompt, "text": sample.texts[0]}
            for step, sample in read_samples(samples).items()
        ]
    )


def speed_table(spec: Spec, speeds: Mapping[str, Path], devices: Mapping[str, str], parameters: float) -> pd.DataFrame:
    """How fast each model was trained and sampled from, in tokens a second (medians), and how far its card was used.

    Args:
        speeds: the file of speeds of each model.
        devices: where each was trained.
        parameters: of each model.

    Raises:
        UserError: a file without the speeds.
    """
    rows = []
    for name, seed in spec.seeds.items():
        measured = read_csv(speeds[name])
        require_columns(measured, ("tokens_per_second", "sampled_per_second"), f"{speeds[name]}:")
        trained, sampled = measured["tokens_per_second"].median(), measured["sampled_per_second"].median()
        used = utilisation(trained, flops(spec.architecture, parameters), devices[name])
        rows.append(
            {
                "model": name,
                "seed": seed,
                "device": devices[name],
                "tokens_per_second": format_fixed(trained, 0),
                "sampled_per_second": format_fixed(sampled, 0),
                "utilisation": "" if used is None else format_fixed(used, 4),
                "seconds": format_fixed(measured["seconds"].max(), 1),
            }
        )
    return pd.DataFrame(rows)


def flops(architecture: Architecture, parameters: float) -> float:
    """FLOPs a token; the parameters of a model with its own output layer hold the vocabulary twice, once looked up only."""
    width, layers, block = architecture.width, architecture.layers, architecture.block
    blocks = layers * (12 * width * width + 13 * width) + 2 * width
    vocabulary = (parameters - blocks - block * width) / (1 if architecture.tied else 2)
    looked_up = block * width + (0 if architecture.tied else vocabulary)
    return flops_per_token(int(parameters), int(looked_up), layers, width, block)
