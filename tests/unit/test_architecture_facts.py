"""Facts about a small GPT: each is found to hold where it does, and not to hold where something else is made of the model."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from support.row_program import run_program
from support.sentences import TRAIN, architecture, corpus, model_of, save_model, tokenizer_of
from torch import nn

from relab.files import read_csv
from relab.rows.architecture_facts import facts
from relab.rows.architecture_facts.facts import FACTS, Subject, check_all, facts_scores, facts_table
from relab.rows.job import MAIN
from relab.sampling import Generation
from relab.scores import read_scores
from relab.settings.config import resolve

#: Statements that do not hold of this project's model, and why.
WRONG = {
    "padded targets": "padded with -100 (-100 counts in no loss)",
    "moved right": "moved to the left in 6 of 6 examples, to the right in 0",
    "classifier head": "GPT2ForSequenceClassification.score: 8 to 2, without bias",
}


@pytest.fixture
def subject() -> Subject:
    tokenizer = tokenizer_of()
    return Subject.of(architecture(initializer_range=0.02, width=48), 0, TRAIN, tokenizer, model_of(tokenizer))


def failing(subject: Subject) -> dict[str, str]:
    return {fact.id: finding.measured for fact, finding in check_all(subject) if not finding.holds}


def without(subject: Subject, **changes) -> set[str]:
    """The statements that do not hold of a subject that was made another, beside those that never do."""
    return set(failing(dataclasses.replace(subject, **changes))) - set(WRONG)


def test_which_statements_hold(subject):
    found = failing(subject)
    assert set(found) == set(WRONG)
    assert all(why in found[fact] for fact, why in WRONG.items())


def test_data_that_is_no_dataset_of_pytorch(subject):
    class Other:
        targets = subject.documents.targets

        def __len__(self):
            return len(subject.documents)

        def __getitem__(self, index):
            return subject.documents[index]

    assert without(subject, documents=Other()) == {"dataset"}


def test_other_padding(subject, monkeypatch):
    def collate(examples):
        inputs, targets = zip(*examples, strict=True)
        pad = torch.nn.utils.rnn.pad_sequence
        return pad(inputs, True, 0), pad(targets, True, 1)

    monkeypatch.setattr(facts, "collate", collate)
    found = failing(subject)
    assert "padded inputs" in found and "padded with 0" in found["padded inputs"]
    assert "padded targets" not in found


def test_targets_that_are_moved_otherwise(subject):
    documents = subject.documents

    class Moved(type(documents)):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return y, x

    sentences = subject.ids.__getitem__, list(map(len, subject.ids))
    moved = Moved(*sentences, 32)
    assert without(subject, documents=moved) == {"moved left", "next token"}
    assert "moved right" not in failing(dataclasses.replace(subject, documents=moved))
    cut = type(documents)(*sentences, 3)  # only the first three tokens are read
    assert without(subject, documents=cut) == {"examples"}


def test_a_default_that_is_not_greedy(subject, monkeypatch):
    def sample(model, prompts, *, length, **rest):
        return [Generation([5] * length, [0.0] * length) for _ in prompts]

    monkeypatch.setattr(facts, "sample", sample)
    assert without(subject) == {"greedy"}


def test_a_language_head_with_a_bias(subject):
    subject.model.lm_head = nn.Linear(8, len(subject.tokenizer), bias=True)
    assert without(subject) == {"language head"}


def test_weights_that_start_otherwise(subject):
    with torch.no_grad():
        subject.fresh.transformer.wte.weight.normal_(0, 0.021)
    assert without(subject) == {"word embeddings"}
    with torch.no_grad():
        subject.fresh.transformer.wte.weight.normal_(0, 0.02)
        subject.fresh.transformer.wpe.weight.uniform_(-0.02 * 3**0.5, 0.02 * 3**0.5)  # the same mean and deviation
    assert without(subject) == {"position embeddings"}
    with torch.no_grad():
        subject.fresh.transformer.wpe.weight.normal_(0.005, 0.02)
    assert without(subject) == {"position embeddings"}


def test_positions_elsewhere(subject):
    transformer = subject.model.transformer
    transformer.wpe, other = nn.Embedding(16, 8), transformer.wpe
    assert "positions" in without(subject)
    transformer.wpe = other
    assert without(subject) == set()


def test_blocks_that_normalise_behind_the_sum(subject):
    def post_norm(block):
        def forward(x, *args, **kwargs):
            x = block.ln_1(x + block.attn(x)[0])
            return block.ln_2(x + block.mlp(x))

        return forward

    subject.model.transformer.h[1].forward = post_norm(subject.model.transformer.h[1])
    assert "skip connections" in without(subject)  # and, since it keeps no cache, it is sampled from wrongly


def test_the_table_and_the_scores_say_the_same(subject):
    findings = check_all(subject)
    table, scores = facts_table(findings), facts_scores("facts", findings)
    assert list(table) == ["question", "statement", "expected", "measured", "holds"]
    assert [row["metric"] for row in scores] == [fact.id for fact in FACTS]
    assert [row["value"] == 1 for row in scores] == [holds == "yes" for holds in table["holds"]]
    assert set(table["question"]) == set(range(1, 11))  # every question of the assignment


def test_the_step_writes_both_and_repeats(tmp_path, monkeypatch):
    folder = save_model(tmp_path / "models" / "small-s0", tokenizer_of())
    inputs = {"weights": folder / "model.safetensors", "train": corpus(tmp_path / "train.parquet")}
    shape = architecture(initializer_range=0.02, width=48).model_dump()
    spec = {"experiment": "facts", "architecture": shape, "seed": 0}
    written = []
    for attempt in ("first", "again"):
        outputs = {MAIN: tmp_path / attempt / "facts.csv", "scores": tmp_path / attempt / "facts.parquet"}
        run_program(monkeypatch, "architecture_facts.facts.check", inputs, outputs, spec, tmp_path / "p.json")
        written.append([path.read_bytes() for path in outputs.values()])
    assert written[0] == written[1]
    assert read_csv(outputs[MAIN])["holds"].to_list().count("no") == len(WRONG)
    scores = read_scores(outputs["scores"])
    assert set(scores["seed"]) == {"0", "all"} and set(scores["experiment"]) == {"facts"}


def test_the_first_model_of_a_declaration_is_checked(merged):
    resolved = resolve(merged())
    row = resolved.declared_rows["E7"]
    inputs = row.settings.inputs("check", row.paths, resolved.artefacts)
    assert inputs["weights"] == "results/models/mingpt-s0/model.safetensors"
    assert inputs["train"] == "results/corpora/sentences/train.parquet"
