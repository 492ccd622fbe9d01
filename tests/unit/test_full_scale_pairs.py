"""The full scale's sequence to sequence on stand-ins of its published models and data sets: from files to tables of rows."""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from support import full_scale_pairs as stand_ins
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from relab.checkpoints import load_model, load_tokenizer
from relab.datasets import storage
from relab.datasets.build import build
from relab.files import read_csv
from relab.published.model import import_model
from relab.rows.job import Job
from relab.sampling.prompts import LanguageModel, build_prompts
from relab.sampling.texts import sample_records, write_records
from relab.settings.config import Resolved, resolve
from relab.settings.samplings import DatasetPrompts, FilePrompts
from relab.training import pairs
from relab.training.finetuning import Finetuning, from_pretrained, with_adapter
from relab.training.job import TrainedLanguageModel
from relab.training.signals import StopSignal
from relab.training.state import State

CPU = torch.device("cpu")
PUBLISHED = ("bart_large_cnn", "bart_base", "t5_small", "flan_t5_small", "translator_en_pl")
WRITERS = {".csv": "relab.files.write_csv", ".parquet": "relab.scores.write_summarised"}


@dataclass
class Run:
    """A run's folder, whose artefacts are made as they are asked for, by the settings of the full scale."""

    root: Path
    full: Resolved

    def asset_files(self, asset: str) -> list[str]:
        return list(self.full.artefacts.assets[asset].settings.files)

    def model(self, name: str) -> Path:
        settings, folder = self.full.artefacts.models[name].settings, self.root / "results/models" / name
        if folder.exists():
            return folder
        if settings.kind == "encoder_decoder":
            published = self.root / "assets" / name
            stand_ins.write_model(settings.asset, self.asset_files(settings.asset), published)
            import_model(sorted(published.iterdir()), folder, encoder_decoder=True)
        else:
            self.train(settings, folder)
        return folder

    def train(self, settings, folder: Path) -> None:
        """Two steps of two pairs each, otherwise as declared."""
        short = {**settings.training.model_dump(), "steps": 2, "batch": 2, "evaluation": {"every": 2}}
        short["schedule"] = {"kind": "linear", "warmup": 1}
        job = Finetuning(**{**settings.model_dump(), "training": short, "threads": 1})
        base = self.model(settings.base)
        start = (with_adapter if settings.is_adapter else from_pretrained)(job, base, CPU)
        splits = {split: self.dataset(settings.dataset, split) for split in ("train", "validation")}
        with StopSignal() as stop, State.open(self.root / "state" / folder.name) as state:
            trainer = pairs.train(job, start, **splits, device=CPU, code="", state=state, stop=stop)
        TrainedLanguageModel(start, trainer, samples=False).write(folder)

    def dataset(self, name: str, part: str) -> Path:
        path = self.root / "results/datasets" / name / f"{part}.parquet"
        if not path.exists():
            self.build(name, part, path)
        return path

    def build(self, name: str, part: str, path: Path) -> dict[str, int]:
        settings = self.full.artefacts.datasets[name].settings
        folder = self.root / "assets" / settings.asset
        if not folder.exists():
            stand_ins.write_dataset(settings.asset, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        return build(sorted(folder.iterdir()), settings, part, path)

    def sampling(self, name: str) -> Path:
        settings, path = self.full.artefacts.samplings[name].settings, self.root / "results/samples" / f"{name}.jsonl"
        if path.exists():
            return path
        files = []
        if isinstance(settings.prompts, DatasetPrompts):
            files = [self.dataset(settings.prompts.dataset, settings.prompts.split)]
        elif isinstance(settings.prompts, FilePrompts):
            files = [self.root / "article.txt"]
            files[0].write_text(f"{stand_ins.ARTICLE}\n", encoding="utf-8")
        folder = self.model(settings.model)
        lm = LanguageModel(load_model(folder, CPU), load_tokenizer(folder))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_records(path, list(sample_records(settings, lm, build_prompts(settings, lm, files))))
        return path

    def row(self, key: str) -> dict[str, Path]:
        """The tables of a row by name, from its steps ``score`` and ``tabulate``."""
        row = self.full.declared_rows[key]
        for step in row.settings.steps:
            if step.name in ("score", "tabulate"):
                inputs = row.settings.inputs(step.name, row.paths, self.full.artefacts)
                found = {name: self.paths(files) for name, files in inputs.items()}
                outputs = {name: self.root / path for name, path in row.outputs(step).items()}
                job = Job(found, outputs, row.settings.spec(step.name, row.paths, self.full.artefacts))
                for name, result in function(f"relab.rows.{row.settings.kind}.{step.function}")(job).items():
                    if name in outputs:
                        function(WRITERS[outputs[name].suffix])(outputs[name], result)
        return {name: self.root / path for name, path in row.tables.items()}

    def paths(self, files: str | list[str]) -> list[Path]:
        """The paths of files in the run, made where they are artefacts."""
        for file in [files] if isinstance(files, str) else files:
            _, stage, name, *_ = Path(file).parts
            if stage == "samples":
                self.sampling(Path(name).stem)
        return [self.root / file for file in ([files] if isinstance(files, str) else files)]


def function(name: str):
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("full")


@pytest.fixture
def run(folder, merged):
    """The module's one run: what a test has made, later ones find."""
    return Run(folder, resolve(merged("config/full.yaml")))


def table(tables: dict[str, Path], name: str):
    return read_csv(tables[name], dtype=str).fillna("")


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_files_of_each_asset_are_a_model_with_a_tokenizer(run, name):
    folder = run.model(name)
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    text = "Zobaczyła żółtą łódź."
    ids = tokenizer(text)["input_ids"]
    assert ids[-1] == tokenizer.eos_token_id == model.config.eos_token_id
    assert ids[:1] == [tokenizer.bos_token_id] or not name.startswith("bart")
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    assert tokenizer.pad_token_id == model.config.pad_token_id


def test_the_write_ups_call_is_declared_argument_by_argument(run):
    """``generate(max_new_tokens=80, do_sample=False)`` takes the rest from the model's file, which the asset's digest names."""
    stated = run.full.artefacts.assets["bart_large_cnn"].settings.files["generation_config.json"]
    text = stand_ins.generation_file().encode()
    assert (len(text), hashlib.sha256(text).hexdigest()) == (stated.size, stated.sha256)
    summaries = run.full.artefacts.samplings["summaries"].settings
    method = summaries.methods["Summarize: before"]
    for key in ("num_beams", "early_stopping", "length_penalty", "no_repeat_ngram_size"):
        assert getattr(method, key) == stand_ins.BART_LARGE_CNN[key]
    # a summary starts from two tokens: the least length counts both, the number of new tokens the second
    assert (method.min_new_tokens, summaries.length) == (stand_ins.BART_LARGE_CNN["min_length"] - 2, 80 - 1)
    assert not method.do_sample and method.template == "Summarize: {source}\n"


def test_the_declared_method_gives_the_text_of_the_write_ups_call(run):
    tables = run.row("B3")
    folder = run.model("bart_large_cnn")
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(f"Summarize: {stand_ins.ARTICLE}\n", return_tensors="pt").input_ids
    outputs = model.generate(inputs, max_new_tokens=80, do_sample=False)
    expected = tokenizer.decode(outputs[0], skip_special_tokens=True)
    texts = table(tables, "texts").set_index("method")
    assert texts.loc["Summarize: before", "text"] == expected
    assert texts.loc["Summarize: before", "cut"] == "no", "the two differ where a text is cut: generate() puts an end there"
    assert texts.loc["greedy, Summarize: before", "text"] != expected
    assert texts.loc["article", "text"] == stand_ins.ARTICLE


def test_how_summaries_were_generated_stands_beside_what_the_model_was_published_with(run):
    shown = table(run.row("B3"), "generation").set_index("method")
    own, method = shown.loc["the model's own"], shown.loc["Summarize: before"]
    assert own["search"] == method["search"] == "beams, 4"
    assert (own["min_length"], method["min_new_tokens"], method["max_new_tokens"]) == ("56", "54", "79")
    assert shown.loc["greedy, Summarize: before"]["search"] == "most probable token"


def test_the_empty_dialogue_is_left_out_and_lines_stay(run, tmp_path):
    counts = run.build("dialogues", "train", tmp_path / "train.parquet")
    assert counts["bad"] == 1
    rows = storage.read(run.dataset("dialogues", "test"))
    dialogues = [(dialogue.replace("\r\n", "\n"), summary) for dialogue, summary in stand_ins.DIALOGUES[22:]]
    assert list(zip(rows["source"], rows["target"], strict=True)) == dialogues


def test_sentences_lie_in_a_struct_and_their_splits_are_drawn(run):
    splits = {split: storage.read(run.dataset("english_polish", split)) for split in ("train", "validation", "test")}
    pairs = [pair for rows in splits.values() for pair in zip(rows["source"], rows["target"], strict=True)]
    assert sorted(pairs) == sorted(stand_ins.SENTENCES)
    assert len(splits["test"]["source"]) == round(0.1 * len(pairs))


def test_translations_are_scored(run):
    systems = table(run.row("B4"), "main")
    assert systems["system"].tolist() == ["FLAN-T5 base, translator", "BART base, full", "the source itself"]
    assert set(systems["pairs"]) == {str(len(storage.read(run.dataset("english_polish", "test"))["source"]))}
    assert float(systems.set_index("system").loc["the source itself", "language_share"]) == 0
    assert not systems["asked"].any(), "the sentence alone"


def test_every_system_summarises_every_dialogue(run):
    tables = run.row("B6")
    systems = table(tables, "main").set_index("system")
    declared = run.full.declared_rows["B6"].settings
    assert systems.index.tolist() == [*declared.systems, "the source itself", "the first 3 sentences"]
    assert set(systems["pairs"]) == {str(len(stand_ins.DIALOGUES) - 22)}
    assert systems.loc["FLAN-T5 small, full, briefly", "asked"] == "{source}\n\nBriefly summarize that dialogue."
    assert systems.loc["BART base, full", "asked"] == ""
    assert "smollm2" not in " ".join(systems.index).lower()
    written = table(tables, "outputs")
    assert set(written["system"]) == {*systems.index} - {"the source itself"}
