"""A small made-up run in a folder: what the report is built from, with a text that tries to get out of its cell."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import shutil
import subprocess
from pathlib import Path

from support.runs import run_job

from relab.claims.verdicts import COLUMNS

ROOT = Path(__file__).resolve().parents[2]
#: What the report shows: its write-ups, and beside them the kind of row that makes its tables and figures.
MADE = Path(__file__).with_name("made_report")
WRITEUPS = MADE / "writeups"
ROWS = {
    "A1": {
        "name": "losses",
        "files": "{table}",
        "makes": ["loss_curves", "final_losses", "changes"],
        "draws": ["loss", "speed"],
    },
    "A2": {"name": "italian", "files": "{table}_italian", "makes": ["progression", "reported"]},
    "A5": {"files": "{table}", "makes": ["arguments"]},
}
CONFIG = {
    "models": {
        "char_gpt": {
            "name": "italian-w{width}-s{seed}",
            "sweep": {"architecture.width": [32, 128], "seed": [0, 1]},
            "training": {"steps": 500},
            "note": "</pre><script>",
        }
    },
    "rows": {key: {"kind": "made", **row} for key, row in ROWS.items()},
}
SPEC = {"scale": "made up", "about": "Here to test the page.", "config": CONFIG, "overview": ["corpora"]}
TABLES, FIGURES = "results/tables", "results/figures"
LEDGER, CURVES = f"{TABLES}/overview/ledger.csv", f"{TABLES}/char_gpt/loss_curves.csv"
WIDTHS, STEPS = (32, 128), (100, 300, 500)
MANY, BEST = 20, 14  # lines of a table that is too long to show at once, and the one that it says is best
MODELS = [f"italian-w{width}-s{seed}" for width in WIDTHS for seed in (0, 1)]

#: Markup, marks of direction, a null character, white space: none of it may act on the page.
HOSTILE = (
    "  due  spazi\n\t</div></pre><script>document.title = 'taken'</script>"
    "\u202etxet\u2066 \x00\x1b[31m &amp; <b>e\u0301</b>\r\n"
)
ITALIAN = "E disse il Signore a Mosè: Ecco, io farò\nche i figliuoli d’Israel seguano la via; e fu fatto."


def make_run(folder: Path) -> None:
    """Write tables, figures and records of jobs below ``folder``, and the program that shows them with its kind of row."""
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    kind = shutil.copytree(MADE / "made", folder / "scripts/relab/rows/made")
    for template in (ROOT / "scripts/relab/rows").glob("*/*.html.j2"):
        shutil.copy(template, kind)
    for path, rows in (_tables() | {LEDGER: _claims()}).items():
        write_csv(folder / path, rows)
    for name in ("loss", "speed"):
        _draw(folder / FIGURES / f"char_gpt/{name}.svg")
    _records(folder)


def build(folder: Path, writeups: Path = WRITEUPS, spec: dict = SPEC, **lists: list[str]) -> subprocess.CompletedProcess:
    """Build the report of the run in ``folder`` with its program; ``lists`` replaces lists of files."""

    def files(pattern: str) -> list[str]:
        return sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern))

    lists = {
        "tables": [path for path in files(f"{TABLES}/*/*.csv") if path not in (LEDGER, CURVES)],
        "figures": files(f"{FIGURES}/*/*.svg"),
        "data": [CURVES],
        "records": [path for path in files("results/**/*.provenance.json") if "report.html" not in path],
        **lists,
    }
    output = "results/report.html"
    words = ["--writeups", str(writeups), "--ledger", LEDGER]
    words += ["--spec", json.dumps(spec), "--output", output, "--provenance", f"{output}.provenance.json"]
    words += [word for option, paths in lists.items() for word in (f"--{option}", *paths)]
    words += ["--inputs", LEDGER, *sum(lists.values(), [])]
    return run_job(Path("scripts/build_report.py"), *words, cwd=folder)


def write_csv(path: Path, rows: list[dict]) -> None:
    """Write rows with a header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def interval(column: str, value: float, margin: float) -> dict[str, float]:
    return {column: value, f"{column}_low": round(value - margin, 4), f"{column}_high": round(value + margin, 4)}


def loss(width: int, step: int) -> float:
    return round((1.5 if width == 128 else 2.0) + 2.9 / (1 + step / width), 4)


def _tables() -> dict[str, list[dict]]:
    counts = {f"{kind}_characters": 4203112 for kind in ("all", "training", "validation", "distinct", "removed", "duplicate")}
    corpora = {
        "corpus": "italian",
        "title": "Bible in Italian (Diodati, 1649)",
        **counts,
        "most_frequent": "␣eaionrlts" * 9,  # a word too long for a cell
    }
    cells = [(step, width) for step in STEPS for width in WIDTHS]
    shares = {"texts": 64} | interval("lines_in_corpus", 0.0625, 0.01) | interval("words_in_corpus", 0.4321, 0.02)
    texts = [
        {"step": step, "model": f"width {width}", "seed": 0, "text": HOSTILE if (step, width) == (100, 32) else ITALIAN}
        | {**interval("validation_loss", loss(width, step), 0.0123), "seeds": 2, **shares}
        for step, width in cells
    ]
    final = [
        {"corpus": "italian", "model": f"width {width}", "parameters": 806481, **interval("loss", loss(width, 500), 0.0123)}
        | {"loss_lowest": "perhaps" if width == 32 else "yes"}
        | {"seeds": 2, "change": -0.5, "remark": "" if width == 32 else "a remark of several words, which may be broken"}
        for width in WIDTHS
    ]
    changes = [
        {"part": "all", "fold": f"fold {number}"}
        | interval("change", round(0.3 * math.sin(number), 4), 0.2)
        | {"change_highest": "yes" if number == BEST else "no"}
        for number in range(MANY)
    ]
    curves = [{"model": f"width {width}", "step": step, "loss": loss(width, step)} for step, width in cells]
    measured = {"repeated_4grams": 0.312, "distinct_2": 0.801, "mean_logprob": -1.234}
    ends = {f"{name}_{end}": value for name, value in measured.items() for end in ("low", "high", "sd")}
    counted = {"tokens": 40.0, "ended": 0.25, "texts": 6, "prompts": 6, "too_short": 0}
    methods = [
        {"method": name, "settings": settings, "inert": inert, "same_as": same, "prompt": "The main goal in life is "}
        | {"text": HOSTILE, **measured, **ends, **counted}
        for name, settings, inert, same in (
            ("greedy", "do_sample=False", "", ""),
            ("beam search that stops early", "do_sample=False, num_beams=4, early_stopping=True", "", ""),
            ("greedy, heated", "do_sample=False, temperature=1.5", "temperature", "greedy"),
        )
    ]
    alone = {f"{name}_{end}": "" for name in measured for end in ("low", "high")}  # one prompt: a spread over texts only
    methods[2] |= alone | {"prompts": 1, "too_short": 2}
    methods[1] |= alone | {f"{name}_sd": "" for name in measured}
    return {
        f"{TABLES}/overview/corpora.csv": [corpora],
        CURVES: curves,
        f"{TABLES}/char_gpt/final_losses.csv": final,
        f"{TABLES}/char_gpt/changes.csv": changes,
        f"{TABLES}/char_gpt/progression_italian.csv": texts,
        f"{TABLES}/char_gpt/reported_italian.csv": curves,
        f"{TABLES}/char_gpt/arguments.csv": methods,
    }


def _claims() -> list[dict]:
    def claim(row: str, number: int, verdict: str) -> dict[str, str]:
        found = {"found": "1.7120 [1.6997, 1.7243] (italian/width 128, final loss, validation, 2 seeds, n = 64 segments)"}
        found |= {"quantity": "score", "quantities": "1", "reported": "1.75", "claimed_low": "1.7", "claimed_high": "1.8"}
        found |= {"estimate": "1.712", "low": "1.6997", "high": "1.7243"}
        if verdict == "not comparable":
            found = {"reason": "models.char_gpt.training.steps is 500 here, 5000 in the write-up"}
        expected = "final loss of italian/width 128 (validation) below final loss of italian/width 32 by more than 0.1"
        says = f"Claim {number} of row {row}"
        said = {"claim": f"{row}-{number}", "row": row, "says": says, "expected": expected, "source": "write-up, Table 1"}
        return dict.fromkeys(COLUMNS, "") | said | {"verdict": verdict} | found

    return [
        *(claim("A2", number, "not comparable") for number in range(3)),
        *(claim(row, 9, verdict) for row, verdict in (("A2", "contradicted"), ("A1", "reproduced"))),
    ]


def _draw(path: Path) -> None:
    """Draw a figure as the pipeline does: two of them share their ids."""
    from matplotlib.figure import Figure

    from relab.figures import figure_style
    from relab.svg import save_figure

    with figure_style():
        figure = Figure(figsize=(6, 3), layout="constrained")
        axes = figure.subplots()
        for width in WIDTHS:
            axes.plot(STEPS, [loss(width, step) for step in STEPS], label=f"width {width}")
        axes.set(title="italian", xlabel="step", ylabel="loss, nats per character")
        figure.legend(loc="outside lower center")
        save_figure(path, figure)


def _records(folder: Path) -> None:
    corpus, tokens = "results/corpora/italian/train.parquet", "results/tokens/italian-characters/italian/train.arrow"
    write_record(folder, "clean_corpus", [], [corpus], {"asset": "bible_db"})
    write_record(folder, "tokenize_corpus", [corpus], [tokens], {"separator": "\n\n"})
    histories = [f"results/models/{model}/history.csv" for model in MODELS]
    for model, history in zip(MODELS, histories, strict=True):
        weights = f"results/models/{model}/model.safetensors"
        spec = {"seed": int(model[-1]), "prompt": "</pre><script>"}
        write_record(folder, "train_model", [tokens], [weights, history], spec, precision="bfloat16")
    tables = [path for path in _tables() if "overview" not in path]
    write_record(folder, "tabulate_char_gpt", histories, tables, {"steps": STEPS})
    for path in (f"{TABLES}/overview/corpora.csv", LEDGER):
        write_record(folder, "tabulate", [], [path], {})
    for name in ("loss", "speed"):
        write_record(folder, "draw_char_gpt", [CURVES], [f"{FIGURES}/char_gpt/{name}.svg"], {})


def write_record(folder: Path, job: str, inputs: list[str], outputs: list[str], spec: dict, **more: object) -> None:
    """Write a job's record beside its first output; files that are not there get the digest of nothing."""

    def digests(paths: list[str]) -> dict[str, str]:
        files = {path: folder / path for path in paths}
        return {path: hashlib.sha256(file.read_bytes() if file.exists() else b"").hexdigest() for path, file in files.items()}

    entry = {
        "job": job, "spec": spec, "code": "0123456789abcdef", "inputs": digests(inputs), "outputs": digests(outputs),
        "versions": {"python": "3.11.2", "platform": "Linux x86_64", "torch": "2.13.0"},
        "started": "2026-01-02T03:04:05+00:00", "wall_seconds": 75.25, "peak_memory_mib": 1234, "device": "cpu", "attempts": 2,
        "commit": "0123456789abcdef0123456789abcdef01234567", "dirty": True, **more,
    }  # fmt: skip
    path = folder / f"{outputs[0]}.provenance.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entry, sort_keys=True), encoding="utf-8")
