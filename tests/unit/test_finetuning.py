"""Training that starts from a model directory: what it writes, what it promises, what it says of mistakes."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import signal

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.finetuning import FULL, LORA, PREFIX, make_base, make_corpus, spec
from support.training import TrainingRun

from relab.checkpoints import load_model, load_tokenizer
from relab.errors import UserError
from relab.files import read_csv, sha256

CPU = torch.device("cpu")
KINDS = {"full": FULL, "lora": LORA, "prefix": PREFIX}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("finetuning") / "base")


@pytest.fixture(scope="module")
def corpus(base, tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("play") / "corpus", base)


def beside(base, folder):
    """A copy of the base in a folder of models, beside which adapters can be opened."""
    shutil.copytree(base, folder / "models" / "base")
    return folder / "models" / "base"


def start(job: TrainingRun, *more: str) -> None:
    threads = torch.get_num_threads()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", [str(job.program), *job.words(*more)])
            runpy.run_path(str(job.program))["main"]()
    finally:
        torch.set_num_threads(threads)


def trained(base, corpus, folder, settings) -> TrainingRun:
    job = TrainingRun(folder, corpus, settings, base=beside(base, folder))
    start(job)
    return job


@pytest.fixture(scope="module")
def jobs(base, corpus, tmp_path_factory):
    """A finished job of each kind."""
    return {name: trained(base, corpus, tmp_path_factory.mktemp(name), spec(adaptation)) for name, adaptation in KINDS.items()}


@pytest.fixture(params=KINDS)
def job(jobs, request):
    return jobs[request.param]


@pytest.fixture(params=["lora", "prefix"])
def adapter(jobs, request):
    return jobs[request.param]


def validation_blocks(corpus, block=16, number=8):
    from relab.tokens.store import Tokens

    tokens = Tokens(corpus / "validation.arrow")
    starts = [(tokens.size - block - 1) * index // (number - 1) for index in range(number)]
    return torch.stack([torch.tensor(tokens.slice(first, first + block + 1).astype("int64")) for first in starts])


def test_the_loss_falls_and_the_model_opens_with_the_best_one(job, corpus, base):
    history = read_csv(job.output / "history.csv")
    assert history.step.tolist() == [0, 6, 12, 18, 24]
    assert history.validation_loss.min() < history.validation_loss[0] - (0.01 if "prefix" in str(job.folder) else 0.1)
    blocks = validation_blocks(corpus)
    with torch.no_grad():
        logits = load_model(job.output, CPU)(blocks[:, :-1]).logits
        before = load_model(base, CPU)(blocks[:, :-1]).logits
    loss = torch.nn.functional.cross_entropy
    assert float(loss(logits.flatten(0, 1), blocks[:, 1:].flatten())) == pytest.approx(history.validation_loss.min(), abs=1e-5)
    start = float(loss(before.flatten(0, 1), blocks[:, 1:].flatten()))
    assert history.validation_loss[0] == pytest.approx(start, abs=0.5 if "prefix" in str(job.folder) else 1e-5)


def test_the_files_and_the_record(job, base):
    whole = job.program.stem == "finetune_model"
    own = {"model.safetensors", "config.json", "generation_config.json"} if whole else {"adapter_model.safetensors",
           "adapter_config.json"}  # fmt: skip
    more = {"tokenizer.json", "tokenizer_config.json", "history.csv", "losses.parquet", "samples.jsonl"}
    assert set(job.files()) == own | {f"last/{name}" for name in own} | more
    told = job.provenance()
    assert told["base"] == "base" and told["seed"] == 3
    assert str(job.base / "model.safetensors") in told["inputs"]
    stored = sum(one.numel() for one in load_file(job.output / next(name for name in own if "safetensors" in name)).values())
    assert told["trained_parameters"] == stored
    assert (told["trained_parameters"] == told["parameters"]) == whole
    assert load_tokenizer(job.output)("The play").input_ids == load_tokenizer(base)("The play").input_ids


def test_an_adapter_names_its_base_as_the_pipeline_does(adapter):
    told = json.loads((adapter.output / "adapter_config.json").read_bytes())
    assert told["base_model_name_or_path"] == "base"
    assert told["revision"] == sha256(adapter.base / "model.safetensors")
    assert load_model(adapter.output / "last", CPU)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.* is deprecated")
def test_peft_opens_an_adapter_as_we_do(adapter, corpus):
    from peft import PeftModel

    ids = validation_blocks(corpus)[:, :-1]
    theirs = PeftModel.from_pretrained(load_model(adapter.base, CPU), str(adapter.output)).eval()
    with torch.no_grad():
        assert torch.allclose(theirs(ids).logits, load_model(adapter.output, CPU)(ids).logits, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.* is deprecated")
def test_a_merged_lora_gives_the_same_logits(jobs, corpus):
    from peft import PeftModel

    job = jobs["lora"]
    ids = validation_blocks(corpus)[:, :-1]
    merged = PeftModel.from_pretrained(load_model(job.base, CPU), str(job.output)).merge_and_unload().eval()
    with torch.no_grad():
        ours, base = load_model(job.output, CPU)(ids).logits, load_model(job.base, CPU)(ids).logits
        assert (merged(ids).logits - ours).abs().max() < 1e-5
        assert (base - ours).abs().max() > 0.1, "the adapter does something"


def test_the_base_stays_as_it_is(adapter, base):
    assert (adapter.base / "model.safetensors").read_bytes() == (base / "model.safetensors").read_bytes()


# --- the loop ---------------------------------------------------------------------------------------------------------


def history_of(base, corpus, folder, **settings):
    return read_csv(trained(base, corpus, folder, spec(**settings)).output / "history.csv")


@pytest.mark.parametrize("adaptation", [FULL, LORA], ids=["full", "lora"])
def test_accumulated_batches_are_one_larger_batch(base, corpus, tmp_path, adaptation):
    """Without dropout, whose masks depend on how a step is shared out."""
    calm = without_dropout(base, tmp_path / "calm")
    adaptation = {**adaptation, **({"dropout": 0} if adaptation is LORA else {})}
    apart = history_of(calm, corpus, tmp_path / "apart", adaptation=adaptation, training={"batch": 2, "accumulation": 4})
    whole = history_of(calm, corpus, tmp_path / "whole", adaptation=adaptation, training={"batch": 8, "accumulation": 1})
    for column in ("train_loss", "validation_loss"):
        assert apart[column].dropna().tolist() == pytest.approx(whole[column].dropna().tolist(), abs=1e-4)


def without_dropout(base, folder):
    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_bytes())
    config |= dict.fromkeys(("attn_pdrop", "embd_pdrop", "resid_pdrop"), 0.0)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("adaptation", [FULL, LORA], ids=["full", "lora"])
def test_gradient_checkpointing_changes_no_loss(jobs, base, corpus, tmp_path, adaptation):
    found = history_of(base, corpus, tmp_path, adaptation=adaptation, training={"gradient_checkpointing": True})
    expected = read_csv(jobs[adaptation["kind"]].output / "history.csv")
    for column in ("train_loss", "validation_loss"):
        assert found[column].dropna().tolist() == pytest.approx(expected[column].dropna().tolist(), abs=1e-5)


def test_gradient_checkpointing_is_used(base, monkeypatch):
    import torch.utils.checkpoint as checkpoint

    from relab.checkpoints import load_for_training
    from relab.settings.models import Training
    from relab.training.batches import Batch
    from relab.training.loop import Trainer
    from relab.training.objectives.next_token import NextToken, TrainingData

    called = []
    original = checkpoint.checkpoint
    monkeypatch.setattr("transformers.modeling_utils.checkpoint", lambda *a, **k: called.append(1) or original(*a, **k))
    more = {"steps": 1, "batch": 1, "learning_rate": 0.1, "evaluation": {"every": 1, "blocks": 1}}
    model, settings = load_for_training(base, CPU, torch.float32), Training(**more, gradient_checkpointing=True)
    trainer = Trainer(model, NextToken(TrainingData(None, [])), settings, device=CPU)
    ids = torch.arange(8)[None]
    trainer.objective.loss(trainer.model, Batch(ids, ids)).mean.backward()
    assert called


@pytest.mark.parametrize("adaptation", KINDS.values(), ids=KINDS)
def test_documents_are_read_too(base, corpus, tmp_path, adaptation):
    history = history_of(base, corpus, tmp_path, adaptation=adaptation, training={"reading": "documents"})
    assert history.validation_loss.min() < history.validation_loss[0]


def test_a_finetuned_model_is_a_base_again(jobs, corpus, tmp_path):
    job = TrainingRun(tmp_path, corpus, spec(LORA, base="ruth"), base=beside(jobs["full"].output, tmp_path))
    start(job)
    assert load_model(job.output, CPU)


def test_dropout_is_as_the_base_says(base):
    from relab.training.finetuning import Job, from_pretrained, with_adapter

    for settings, make in ((FULL, from_pretrained), (LORA, with_adapter)):
        model = make(Job(**spec(settings)), base, CPU).model
        ids = torch.arange(12)[None]
        with torch.no_grad():
            assert not torch.equal(model(ids).logits, model(ids).logits), "in training mode, as the job trains it"


# --- mistakes ---------------------------------------------------------------------------------------------------------


def refuse(base, corpus, folder, settings) -> str:
    job = TrainingRun(folder, corpus, settings, base=beside(base, folder))
    with pytest.raises(UserError) as caught:
        start(job)
    assert not job.output.exists(), "nothing half-written"
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(job.base), "BASE")


def test_a_layer_that_the_base_lacks(base, corpus, tmp_path):
    told = refuse(base, corpus, tmp_path, spec({**LORA, "targets": ["c_attn", "q_proj"]}))
    assert told == (
        "models.ruth.adaptation.targets: no layer of BASE is called 'q_proj'; there are c_attn, c_fc, c_proj, lm_head, wpe, wte"
    )


def test_without_targets_those_of_peft_are_taken(base, corpus, tmp_path):
    job = trained(base, corpus, tmp_path, spec({"kind": "lora"}, {"steps": 1, "samples": None}))
    assert json.loads((job.output / "adapter_config.json").read_bytes())["target_modules"] == ["c_attn"]


@pytest.mark.parametrize("adaptation", [FULL, LORA], ids=["full", "lora"])
def test_a_block_longer_than_the_context(base, corpus, tmp_path, adaptation):
    told = refuse(base, corpus, tmp_path, spec(adaptation, block=65))
    assert told == "models.ruth.block: expected at most the context of BASE, 64 tokens, found 65"


def test_a_block_longer_than_the_context_behind_a_prefix(base, corpus, tmp_path):
    told = refuse(base, corpus, tmp_path, spec(PREFIX, block=60))
    assert told == "models.ruth.block: expected at most the context of BASE, 59 tokens behind the prefix, found 60"


def test_a_text_shorter_than_a_block(base, corpus, tmp_path):
    from relab.corpora.storage import Writer
    from relab.tokens.tokenize import tokenize

    short = tmp_path / "short"
    shutil.copytree(corpus, short)
    with Writer(short / "validation.parquet") as writer:
        writer.add("Short.")
    tokenize(short / "validation.parquet", base, "\n\n", short / "validation.arrow")
    told = refuse(base, short, tmp_path, spec(LORA))
    assert re.search(r"\.block: expected fewer than the \d+ tokens of the validation text of the corpus short, found 16$", told)


@pytest.mark.parametrize("width", ["8bit", "4bit"])
def test_an_adapter_learns_beside_a_quantised_base_on_a_cpu(base, corpus, tmp_path, width):
    job = trained(base, corpus, tmp_path, spec(LORA, quantisation=width))
    history = read_csv(job.output / "history.csv")
    assert history.validation_loss.min() < history.validation_loss[0] - 0.05
    blocks = validation_blocks(corpus)
    logits = {asked: load_model(job.output, CPU, asked)(blocks[:, :-1]).logits for asked in (width, "float32")}
    losses = {
        asked: float(torch.nn.functional.cross_entropy(values.flatten(0, 1), blocks[:, 1:].flatten()))
        for asked, values in logits.items()
    }
    assert losses[width] == pytest.approx(history.validation_loss.min(), abs=1e-3)  # as it was trained
    assert losses["float32"] != losses[width]  # the adapter is a model of full precision's, too


def test_quantisation_wants_its_package(base, monkeypatch):
    from relab.training.finetuning import Job, with_adapter

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="4bit needs the package bitsandbytes, which is not installed here"):
        with_adapter(Job(**spec(LORA, quantisation="4bit")), base, torch.device("cuda"))


def other_checkpoint(job, change):
    """Replace the checkpoint of a killed job by one whose tensors are changed."""
    import hashlib

    path = job.checkpoints()[-1]
    tensors = change(load_file(path))
    for old in job.checkpoints():
        old.unlink()
    save_file(tensors, path)
    path.rename(
        path.with_name(f"{path.stem.rpartition('-')[0]}-{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}.safetensors")
    )


def wider(tensors):
    return {name: torch.cat([one, one]) if "exp_avg" in name else one for name, one in tensors.items()}


def fewer(tensors):
    dropped = next(name for name in tensors if name.startswith("model."))
    return {name: one for name, one in tensors.items() if name != dropped}


@pytest.mark.parametrize(
    ("change", "sentence"), [(wider, "the optimizer's state does not fit: expected moments of the shape"), (fewer,
     "the checkpoint is of other trained weights: expected 4 tensors, found 3, which differ in")],
)  # fmt: skip
def test_a_checkpoint_of_another_trainable_set(base, corpus, tmp_path, change, sentence):
    job = TrainingRun(tmp_path, corpus, spec(LORA), base=beside(base, tmp_path))
    with job.attempt() as attempt:
        attempt.until_step(9)
        attempt.send(signal.SIGKILL)
    other_checkpoint(job, change)
    with job.attempt() as attempt:
        assert attempt.wait() == 1
    (told,) = [line for line in attempt.errors().splitlines() if line.startswith("error: ")]
    assert sentence in told and told.endswith("; delete the folder to start anew")
    assert "Traceback" not in attempt.errors()
    assert not job.output.exists()


def test_an_adapter_of_another_base_is_refused(adapter, tmp_path):
    shutil.copytree(adapter.output.parent, tmp_path / "models")
    weights = load_file(tmp_path / "models/base/model.safetensors")
    save_file({name: one + 1 for name, one in weights.items()}, tmp_path / "models/base/model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="an adapter for another base: expected weights of SHA-256 .*…, found .*… in ") as told:
        load_model(tmp_path / "models/ruth", CPU)
    assert sha256(adapter.base / "model.safetensors")[:16] in str(told.value)


def test_an_adapter_without_its_base_is_refused(adapter, tmp_path):
    shutil.copytree(adapter.output, tmp_path / "alone")
    with pytest.raises(UserError, match=r"its base base was not found beside it, expected .*base/model\.safetensors"):
        load_model(tmp_path / "alone", CPU)


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])
def test_a_damaged_adapter_is_told_in_a_sentence(adapter, tmp_path, name):
    shutil.copytree(adapter.output.parent, tmp_path / "models")
    (tmp_path / "models/ruth" / name).write_bytes(b"{}")
    with pytest.raises(UserError, match="cannot be opened as an adapter|expected an adapter's configuration") as told:
        load_model(tmp_path / "models/ruth", CPU)
    assert "\n" not in str(told.value)
