"""Direct preference optimisation: its loss and gradient, its reference, what is learnt, read and written, what is refused."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from support.pairs_training import spec
from support.preferences import DPO, DPO_LORA, PreferencesRun, make_preferences
from support.processes import together
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from relab import characters, dropout, gpt
from relab.checkpoints import load_model, load_tokenizer
from relab.datasets import storage
from relab.errors import UserError
from relab.files import read_csv, sha256
from relab.sampling.prompts import LanguageModel
from relab.settings.models import Architecture
from relab.training import preferences
from relab.training.finetuning import PreferenceFinetuning, with_adapter
from relab.training.objectives.dpo import DirectPreference, answer_logprobs
from relab.training.processes import ALONE, Processes

CPU = torch.device("cpu")
OPTIONS = {"batch": 4, "pad": 0, "device": CPU}
TRAININGS = {"all weights": DPO, "LoRA": DPO_LORA, "reference-free": spec(DPO, loss="reference_free")}
BACKWARDS = "Backwards {source}:"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """The splits of the data set; the base is beside their folder."""
    return make_preferences(tmp_path_factory.mktemp("data") / "words")


@pytest.fixture(scope="module")
def base(data) -> Path:
    return data.parent / "base"


@pytest.fixture(scope="module")
def runs(data, base, tmp_path_factory):
    """A function that returns a finished run of a training, with its base beside its model."""
    finished: dict[str, PreferencesRun] = {}

    def run(name: str) -> PreferencesRun:
        if name not in finished:
            folder = tmp_path_factory.mktemp("run")
            shutil.copytree(base, folder / "models" / "base")
            finished[name] = PreferencesRun(folder, data, TRAININGS[name], base=folder / "models" / "base")
            finished[name].run_here()
        return finished[name]

    return run


def comparisons(data: Path, base: Path, settings: dict, split: str = "validation"):
    """The pairs of a split as a training reads them, without a reference."""
    lm = LanguageModel(load_model(base, CPU), load_tokenizer(base))
    return preferences.encoded_comparisons(data / f"{split}.parquet", PreferenceFinetuning(**settings), lm)


def policy(base: Path, noise: float = 0.05):
    """The base, moved a little away from itself."""
    model = load_model(base, CPU)
    torch.manual_seed(4)
    with torch.no_grad():
        for weight in model.parameters():
            weight += noise * torch.randn_like(weight)
    return model


def slow_logprob(model, tokenizer, prompt: str, answer: str) -> torch.Tensor:
    """Of an answer and its end, token by token, each from the logits of the text before it."""
    read, total = tokenizer(prompt)["input_ids"], torch.zeros(())
    for token in [*tokenizer(answer)["input_ids"], tokenizer.eos_token_id]:
        total = total + model(torch.tensor([read])).logits[0, -1].softmax(0)[token].log()
        read = [*read, token]
    return total


@pytest.mark.parametrize("loss", ["sigmoid", "reference_free"])
@pytest.mark.parametrize("beta", [0.1, 0.7])
def test_the_loss_is_that_of_the_paper(data, base, loss, beta):
    pairs, reference, moved = comparisons(data, base, DPO), AutoModelForCausalLM.from_pretrained(base), policy(base)
    if loss == "sigmoid":
        pairs = pairs.with_reference(load_model(base, CPU), **OPTIONS)
    objective = DirectPreference(pairs, pairs, beta=beta, seed=0, **OPTIONS)
    rows, tokenizer = storage.read(data / "validation.parquet"), AutoTokenizer.from_pretrained(base)
    expected = []
    with torch.no_grad():
        for prompt, chosen, rejected in zip(*(rows[side][:6] for side in ("prompt", "chosen", "rejected")), strict=True):
            asked = BACKWARDS.replace("{source}", prompt)
            ratio = (slow_logprob(moved, tokenizer, asked, chosen) - slow_logprob(moved, tokenizer, asked, rejected)).exp()
            if loss == "sigmoid":
                ratio /= (
                    slow_logprob(reference, tokenizer, asked, chosen) - slow_logprob(reference, tokenizer, asked, rejected)
                ).exp()
            expected.append(math.log1p(float(ratio) ** -beta))
    batch = objective.collate(pairs, range(6))
    with torch.no_grad():
        assert float(objective.loss(moved, batch).mean) == pytest.approx(sum(expected) / 6, abs=1e-5)


def test_the_gradient_is_that_of_the_paper_before_the_first_update(data, base):
    """Minus half of β times the difference of the gradients of both log-probabilities."""
    model = load_model(base, CPU)
    pairs = comparisons(data, base, DPO).with_reference(model, **OPTIONS)
    objective = DirectPreference(pairs, pairs, beta=0.3, seed=0, **OPTIONS)
    objective.loss(model, objective.collate(pairs, [1, 5])).mean.backward()
    gradient = model.transformer.wte.weight.grad.clone()
    model.zero_grad()
    rows, tokenizer = storage.read(data / "validation.parquet"), AutoTokenizer.from_pretrained(base)
    for row in (1, 5):
        asked = BACKWARDS.replace("{source}", rows["prompt"][row])
        chosen, rejected = (slow_logprob(model, tokenizer, asked, rows[side][row]) for side in ("chosen", "rejected"))
        (-0.3 / 2 * (chosen - rejected) / 2).backward()
    torch.testing.assert_close(gradient, model.transformer.wte.weight.grad, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("name", ["all weights", "LoRA"])
def test_before_the_first_update_no_answer_is_preferred(name, runs):
    first = read_csv(runs(name).output / "history.csv").iloc[0]
    assert first.validation_loss == math.log(2) and first.validation_margin == 0 and first.validation_accuracy == 0.5


def test_without_a_reference_the_first_margin_is_the_bases_own(runs, data, base):
    run = runs("reference-free")
    first = read_csv(run.output / "history.csv").iloc[0]
    difference = first.validation_chosen_logprob - first.validation_rejected_logprob
    assert first.validation_margin == pytest.approx(0.5 * difference, rel=1e-6) and difference != 0


@pytest.mark.parametrize("name", TRAININGS)
def test_the_preferred_answers_win(name, runs):
    history = read_csv(runs(name).output / "history.csv")
    assert history.step.tolist() == [0, 6, 12, 18, 24] and history.pairs_seen.iloc[-1] == 24 * 8
    first, last = history.iloc[0], history.iloc[-1]
    assert last.validation_margin > first.validation_margin + 0.5 and last.validation_loss < first.validation_loss - 0.1
    assert last.train_margin > history.iloc[1].train_margin and last.validation_accuracy > 0.9


@pytest.mark.parametrize("name", TRAININGS)
def test_the_history_has_the_log_probabilities_of_both_answers(name, runs, data):
    """By the model that is written, read with Transformers; margins follow from them."""
    run = runs(name)
    history = read_csv(run.output / "history.csv")
    model, tokenizer = load_model(run.output / "last", CPU), AutoTokenizer.from_pretrained(run.output)
    rows = storage.read(data / "validation.parquet")
    evaluated = [11 * index // 7 for index in range(8)]
    means = {}
    with torch.no_grad():
        for side in ("chosen", "rejected"):
            asked = [BACKWARDS.replace("{source}", rows["prompt"][row]) for row in evaluated]
            values = [
                slow_logprob(model, tokenizer, *text)
                for text in zip(asked, (rows[side][row] for row in evaluated), strict=True)
            ]
            means[side] = float(torch.stack(values).mean())
            assert history[f"validation_{side}_logprob"].iloc[-1] == pytest.approx(means[side], abs=1e-3)
    before = {
        side: history[f"validation_{side}_logprob"][0] if run.spec.get("loss") != "reference_free" else 0 for side in means
    }
    margin = 0.5 * ((means["chosen"] - before["chosen"]) - (means["rejected"] - before["rejected"]))
    assert history.validation_margin.iloc[-1] == pytest.approx(margin, abs=1e-3)


def test_the_reference_of_lora_is_its_base_bit_for_bit(data, base):
    """With the new adapter, and with a trained one that is off."""
    job = PreferenceFinetuning(**DPO_LORA)
    pairs = comparisons(data, base, DPO_LORA)
    plain = pairs.logprobs(load_model(base, CPU), **OPTIONS)
    adapted = with_adapter(job, base, CPU).model.eval()
    assert torch.equal(pairs.logprobs(adapted, **OPTIONS), plain)
    layers = [module for module in adapted.modules() if isinstance(module, BaseTunerLayer)]
    with torch.no_grad():
        for weight in adapted.parameters():
            if weight.requires_grad:
                weight += 1
    assert not torch.allclose(pairs.logprobs(adapted, **OPTIONS), plain, atol=0.1)
    for layer in layers:
        layer.enable_adapters(False)
    assert torch.equal(pairs.logprobs(adapted, **OPTIONS), plain)


def test_padding_changes_no_log_probability(data, base):
    """Neither its token nor how much of it there is, beside longer pairs or alone."""
    pairs, model = comparisons(data, base, DPO), load_model(base, CPU)
    together = pairs.logprobs(model, **{**OPTIONS, "batch": len(pairs)})
    assert len(set(pairs.lengths)) > 2
    assert torch.equal(pairs.logprobs(model, **{**OPTIONS, "batch": len(pairs), "pad": 7}), together)
    torch.testing.assert_close(pairs.logprobs(model, **{**OPTIONS, "batch": 1}), together, atol=1e-4, rtol=0)


def test_the_output_layer_reads_only_what_answers_have(data, base):
    pairs, model = comparisons(data, base, DPO), load_model(base, CPU)
    rows: list[int] = []
    model.get_output_embeddings().register_forward_hook(lambda *call: rows.append(call[2].shape[:-1].numel()))
    answer_logprobs(model, pairs.collate([0, 3], 0, CPU))
    assert rows == [sum(int(side.targets[row]) for side in (pairs.chosen, pairs.rejected) for row in (0, 3))]


@pytest.mark.parametrize(
    ("changes", "end"),
    [({}, "<|endoftext|>"), ({"template": "{source}"}, "<|endoftext|>"), ({"end": False}, "")],
    ids=str,
)
def test_a_prompt_and_an_answer_make_one_text(data, base, changes, end):
    settings = spec(DPO, **changes)
    pairs, tokenizer = comparisons(data, base, settings), load_tokenizer(base)
    rows = storage.read(data / "validation.parquet")
    for side, examples in (("chosen", pairs.chosen), ("rejected", pairs.rejected)):
        for index, (prompt, answer) in enumerate(zip(rows["prompt"], rows[side], strict=True)):
            inputs, targets = examples[index]
            asked = settings["template"].replace("{source}", prompt)
            assert tokenizer.decode([*inputs.tolist(), targets[-1].item()]) == asked + answer + end
            assert tokenizer.decode(targets[targets >= 0]) == answer + end


def test_long_prompts_lose_their_beginning_and_long_answers_their_end(data, base, caplog):
    whole = comparisons(data, base, DPO)
    with caplog.at_level("INFO"):
        cut = comparisons(data, base, spec(DPO, prompt_tokens=4, answer_tokens=2))
    assert "validation.parquet: of 12 pairs 12 have a side that was cut" in caplog.text
    for index in range(len(cut)):
        for short, long in ((cut.chosen, whole.chosen), (cut.rejected, whole.rejected)):
            (inputs, targets), (all_inputs, all_targets) = short[index], long[index]
            prompt = int((all_targets < 0).sum()) + 1
            assert targets[targets >= 0].tolist() == all_targets[all_targets >= 0][:2].tolist()
            assert inputs[:4].tolist() == all_inputs[prompt - 4 : prompt].tolist()


def test_the_files_and_the_record(runs):
    for name, own in (("all weights", set(gpt.FILES)), ("LoRA", {"adapter_model.safetensors", "adapter_config.json"})):
        run = runs(name)
        more = {"tokenizer.json", "tokenizer_config.json", "history.csv", "losses.parquet"}
        assert set(run.files()) == {*own, *(f"last/{file}" for file in own), *more}
        record = run.provenance()
        assert {Path(path).relative_to(run.output).as_posix() for path in record["outputs"]} == {*run.files(), "speed.csv"}
        assert record["base"] == "base" and record["seed"] == 3
        speed = read_csv(run.output / "speed.csv")
        assert speed.pairs_per_second.dropna().gt(0).all() and len(speed.pairs_per_second.dropna()) == 4
    assert json.loads((runs("LoRA").output / "adapter_config.json").read_bytes())["revision"] == sha256(
        runs("LoRA").base / "model.safetensors"
    )


SIZES = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16}
ARCHITECTURES = {
    "gpt2": {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 16},
    "llama": {**SIZES, "intermediate_size": 16, "attention_dropout": 0.3},
    "opt": {**SIZES, "word_embed_proj_dim": 16, "ffn_dim": 16, "layerdrop": 0.9},
}


@pytest.mark.parametrize(("kind", "fast"), [*((kind, False) for kind in ARCHITECTURES), ("gpt2", True)])
def test_dropout_is_off(kind, fast):
    """In training as in evaluation; the configuration that is saved keeps its rates."""
    config = AutoConfig.for_model(kind, vocab_size=20, **ARCHITECTURES[kind])
    model = AutoModelForCausalLM.from_config(config)
    if fast:
        dropout.install(model)
    before, ids = config.to_dict(), torch.arange(12).view(1, -1)
    with torch.no_grad():
        quiet = model.eval()(ids).logits
        assert not all(torch.equal(model.train()(ids).logits, quiet) for _ in range(8))
        dropout.switch_off(model)
        assert all(torch.equal(model.train()(ids).logits, quiet) for _ in range(8))
    assert model.config.to_dict() == before


def refused(folder: Path, data: Path, base: Path, settings: dict) -> str:
    run = PreferencesRun(folder, data, settings, base=base)
    with pytest.raises(UserError) as error:
        run.run_here()
    assert not run.output.exists() and "\n" not in str(error.value)
    return str(error.value)


def test_a_split_without_a_pair_is_refused(data, base, tmp_path):
    shutil.copytree(data, tmp_path / "words")
    storage.write(tmp_path / "words/validation.parquet", [], storage.PREFERENCES)
    told = refused(tmp_path, tmp_path / "words", base, DPO)
    assert told == f"{tmp_path}/words/validation.parquet: expected pairs of a preferred and another answer, found none"


def test_a_text_longer_than_the_context_is_refused(data, base, tmp_path):
    told = refused(tmp_path, data, base, spec(DPO, prompt_tokens=60))
    assert told == f"prompt_tokens and answer_tokens: expected at most the context of {base}, 64 tokens, found 76"


def test_a_diverging_training_is_stopped(data, base, tmp_path):
    told = refused(tmp_path, data, base, spec(DPO, {"learning_rate": 1e30, "clip": None, "schedule": {"kind": "constant"}}))
    assert "loss is not a finite number at step" in told


def test_a_tokenizer_without_an_end_is_refused_unless_answers_have_none(data, tmp_path):
    plain = characters.build("abcdefgh !:Backwrds\n")
    characters.save(plain, tmp_path / "plain")
    gpt.save(gpt.build(Architecture(width=8, layers=1, heads=2, block=64), len(plain)), None, tmp_path / "plain")
    told = refused(tmp_path / "ended", data, tmp_path / "plain", spec(DPO, base="plain"))
    assert told.startswith("models.ruth.tokenizer: expected one with a token that ends a text (eos_token), found none")
    run = PreferencesRun(tmp_path / "open", data, spec(DPO, base="plain", end=False), base=tmp_path / "plain")
    run.run_here()
    assert read_csv(run.output / "history.csv").validation_loss.iloc[-1] < math.log(2)


def measured(processes: Processes, data: Path, base: Path) -> DirectPreference:
    """The objective of a training of two steps, with its reference."""
    pairs = comparisons(data, base, DPO, "train")
    objective = DirectPreference(pairs, pairs, beta=0.1, seed=0, accumulation=2, processes=processes, **OPTIONS)
    objective.measure_reference(load_model(base, CPU), 2)
    for step in range(2):
        assert all(batch.reference.isfinite().all() for batch in objective.batches(step))
    return objective


def references(processes: Processes, data: Path, base: Path) -> list[list[list[float]]]:
    objective = measured(processes, data, base)
    return [pairs.reference.tolist() for pairs in (objective.train, objective.validation)]


def test_the_reference_is_measured_of_the_pairs_that_are_drawn(data, base):
    """A training that ends before it has read all pairs need not wait for the others."""
    objective = measured(ALONE, data, base)
    assert int(objective.train.reference[:, 0].isfinite().sum()) == 2 * 2 * 4 < len(objective.train)
    assert objective.validation.reference.isfinite().all()


def test_processes_share_the_measuring_of_the_reference(data, base):
    alone = [torch.tensor(values) for values in references(ALONE, data, base)]
    for shared in together(references, data, base):
        for values, expected in zip(shared, alone, strict=True):
            torch.testing.assert_close(torch.tensor(values), expected, equal_nan=True)
