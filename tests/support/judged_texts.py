"""Judged texts that were made up: the files that a row of them reads, the settings of its jobs, and its steps done in turn."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from support.runs import CHECKOUT
from support.sampled_texts import line, settings
from support.sampled_texts import write as write_samples
from support.tiny_gpt2 import FOLDER, tokenizer

from relab.checkpoints import load_model
from relab.corpora.storage import Writer
from relab.judging.names import HUMAN
from relab.judging.storage import Judgement, write_judgements
from relab.rows.judged_texts import accounts
from relab.settings.base import canonical
from relab.settings.samplings import Method

#: Methods: temperature, rule and k, with the loss a token that the judge is made to have. Those that three accounts of the
#: temperature need, by name.
GRID = {"T 0.1, k 3": (0.1, "divide", 3, 1.0), "T 1, k 3": (1, "divide", 3, 3.0)}
GRID |= {"T 1, k 2": (1, "divide", 2, 2.0), "T 0.5, k 2": (0.5, "divide", 2, 1.5)}
MORE = {"T 0.1, k 3, multiplied": (0.1, "multiply", 3, 4.0), "T 0.5, k 2, multiplied": (0.5, "multiply", 2, 2.5)}
#: The perplexities that the write-up reports.
REPORTED = dict(zip((f"grid/{name}" for name in GRID), (56.25, 39.42, 38.70, 21.37), strict=True))
TEXTS, START = 4, "<|endoftext|>"
STORY = "Once upon a time there was a merchant of Syracuse, condemned to die"


def decodings(methods: Mapping[str, tuple]) -> dict[str, Method]:
    """The methods as settings of a sampling."""
    return {
        name: Method(do_sample=True, temperature=temperature, temperature_rule=rule, top_k=k)
        for name, (temperature, rule, k, _) in methods.items()
    }


METHODS = {"grid": decodings(GRID), "accounts": decodings(MORE)}


def compared_settings(reported: Mapping[str, float] = REPORTED) -> list[dict[str, Any]]:
    """The settings at which accounts are compared, as the jobs have them."""
    found = accounts.compared_settings(list(GRID), METHODS, reported, "temperature")
    return [setting.model_dump(mode="json", exclude_none=True) for setting in found]


SPEC = {
    **{"samplings": ["grid", "accounts"], "human": True, "judge": "big", "equal_tokens": 3},
    "settings": compared_settings(),
}
TABLES = {
    **SPEC,
    **{"shown": ["grid"], "titles": {"grid": "Ours", "human": "People"}, "models": {"grid": "small", "accounts": "big"}},
    **{"reported": {"grid/T 0.1, k 3": 56.25}, "examples": [0, 1]},
}


def lines(methods: Mapping[str, tuple]) -> list[dict]:
    """Four texts of each method, the last of them ended by itself."""
    return [
        line(
            name, 0, [1, 2, 3, 9], index, ended=index == 3, prompt="Once ", text=f"a tale {index} of {name}",
            settings=settings(do_sample=True, temperature=temperature, temperature_rule=rule, top_k=k),
        )
        for name, (temperature, rule, k, _) in methods.items()
        for index in range(TEXTS)
    ]  # fmt: skip


def judged(source: str, methods: Mapping[str, tuple]) -> list[Judgement]:
    """Texts of two to five tokens, whose losses are spread around that of their method."""
    return [
        Judgement(
            source=source, method=name, prompt="Once ", prompt_index=0, index=index, text=f"a tale {index} of {name}",
            start=START, tokens=2 + index, characters=10, logprobs=[-loss - 0.1 * (index - 1.5)] * (2 + index), cut=index == 0,
        )
        for name, (*_, loss) in methods.items()
        for index in range(TEXTS)
    ]  # fmt: skip


HUMAN_TEXTS = [
    Judgement(
        source=HUMAN, method=HUMAN, prompt="", prompt_index=0, index=index, text="w1 w2 w3 w4 w5 w6 w7 w8 w9", start=START,
        tokens=3, characters=26, logprobs=[-0.5] * 3, cut=False,
    )
    for index in range(2)
]  # fmt: skip


def make_files(folder: Path) -> Path:
    """The files that the steps read: samples, judgements, two splits of a corpus, a model that judges and is sampled from."""
    write_samples(folder / "samples/grid.jsonl", lines(GRID))
    write_samples(folder / "samples/accounts.jsonl", lines(MORE))
    write_judgements(folder / "j.jsonl", [*judged("grid", GRID), *judged("accounts", MORE), *HUMAN_TEXTS])
    splits = {"train": ["W1 w2, w3 w4 w5 w6 w7 w8!"], "validation": [f"{STORY} {number}" for number in range(5)]}
    for name, documents in splits.items():
        with Writer(folder / f"{name}.parquet") as writer:
            for document in documents:
                writer.add(document)
    load_model(FOLDER, torch.device("cpu")).save_pretrained(folder / "model")
    tokenizer().save_pretrained(folder / "model")
    return folder


class Steps:
    """The steps of a row in a folder of such files."""

    def __init__(self, folder: Path, monkeypatch):
        self.folder, self.monkeypatch = folder, monkeypatch
        self.samples = [folder / "samples/grid.jsonl", folder / "samples/accounts.jsonl"]

    def run(self, function: str, inputs: Mapping[str, Any], outputs: Mapping[str, Path], spec: Mapping[str, Any]) -> None:
        """Run ``scripts/row.py`` in this process."""
        words: list[Any] = ["row.py", "judged_texts", function, "--spec", canonical(spec)]
        for name, paths in inputs.items():
            words += ["--input", name, *(paths if isinstance(paths, list) else [paths])]
        for name, path in outputs.items():
            words += ["--output", name, path]
        words += ["--provenance", self.folder / f"{function}.json"]
        self.monkeypatch.setattr(sys, "argv", [str(word) for word in words])
        runpy.run_path(str(CHECKOUT / "scripts/row.py"), run_name="__main__")

    def measure(self, output: Path, spec: Mapping[str, Any], **changed: Path) -> None:
        """Have the samples of the grid judged."""
        inputs = {"weights": self.folder / "model/model.safetensors", "samples": self.samples[:1], **changed}
        self.run("measure.judge", inputs, {"judgements": output}, {"precision": "auto", "threads": 1, **spec})

    def tables(self, score: Mapping[str, Any] = SPEC, tabulate: Mapping[str, Any] = TABLES) -> dict[str, Path]:
        """Trace, score and tabulate; the tables by name."""
        judged_files = {"samples": self.samples, "judgements": self.folder / "j.jsonl"}
        names = ["grid", "diversity", "examples"]
        if score.get("settings"):
            names += ["temperature", "accounts"]
            judged_files["distributions"] = self.folder / "d.parquet"
            settings = [{key: setting[key] for key in ("temperature", "top_k")} for setting in score["settings"]]
            read = {"weights": self.folder / "model/model.safetensors", "validation": self.folder / "validation.parquet"}
            spec = {"documents": 3, "characters": 60, "settings": settings, "precision": "auto", "threads": 1}
            self.run("distributions.trace", read, {"distributions": self.folder / "d.parquet"}, spec)
        scores = self.folder / "s.parquet"
        self.run("scores.score_texts", {**judged_files, "train": self.folder / "train.parquet"}, {"scores": scores}, score)
        made = {name: self.folder / f"{name}.csv" for name in names}
        self.run("tables.tabulate", {**judged_files, "scores": scores}, made, tabulate)
        return made
