"""A model's layers, its configuration, and the memory that training it takes."""

from __future__ import annotations

import json

import pytest
import torch
from support.row_program import run_program
from support.row_steps import run_step
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig

from relab.architectures import load_configuration, model_without_weights
from relab.claims.ledger import ledger
from relab.claims.scores import Scores
from relab.claims.verdicts import CONTRADICTED, REPRODUCED
from relab.errors import UserError
from relab.files import read_csv
from relab.rows.job import MAIN
from relab.rows.model_memory.estimate import memory_by_size, memory_scores, memory_table
from relab.rows.model_memory.layers import configuration_table, layers_table
from relab.rows.model_memory.measure import measured_table
from relab.rows.model_memory.memory import Batch, Bytes, next_token_loss, saved_bytes, training_memory
from relab.scores import read_scores, write_summarised
from relab.settings.base import spec
from relab.settings.claims import parse
from relab.settings.config import resolve
from relab.settings.sizes import Size

#: A GPT-2 with three equal blocks.
SMALL = GPT2Config(vocab_size=50, n_positions=16, n_embd=8, n_layer=3, n_head=2)
BLOCK = 12 * 8**2 + 13 * 8


def layers(model, batch=2, tokens=5):
    return layers_table(model, Batch(batch, tokens)).set_index("layer")


# --- layers -----------------------------------------------------------------------------------------------------------


def test_equal_blocks_stand_once_with_their_number():
    table = layers(model_without_weights(SMALL, "small"))
    block = table.loc["transformer.h.0–2"]
    assert (block["kind"], block["output"]) == ("GPT2Block", "2 × 5 × 8")
    assert (block["parameters"], block["number"], block["all"]) == (BLOCK, 3, 3 * BLOCK)
    inner = table.loc["transformer.h.0–2.mlp.c_fc"]
    assert (inner["kind"], inner["output"]) == ("Conv1D", "2 × 5 × 32")
    assert (inner["parameters"], inner["number"], inner["all"]) == (8 * 32 + 32, 3, 3 * (8 * 32 + 32))
    assert not any(place.startswith("transformer.h.1") for place in table.index)


def test_blocks_that_differ_stand_apart():
    model = model_without_weights(SMALL, "small")
    model.transformer.h[0].mlp.dropout = nn.Identity()
    places = set(layers(model).index)
    assert {"transformer.h.0", "transformer.h.1–2"} <= places


def test_layers_of_different_names_are_not_merged():
    config = LlamaConfig(
        vocab_size=50, hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1
    )
    table = layers(model_without_weights(config, "llama"))
    for name in ("k_proj", "v_proj"):
        assert table.loc[f"model.layers.0–1.self_attn.{name}", "output"] == "2 × 5 × 4"


@pytest.mark.parametrize("tied", [True, False])
def test_the_parameters_of_the_innermost_layers_add_up_to_the_total(tied):
    config = GPT2Config(**{**SMALL.to_dict(), "tie_word_embeddings": tied})
    table = layers(model_without_weights(config, "small"))
    places = list(table.index)
    innermost = [place for place in places if not any(other.startswith(f"{place}.") for other in places)]
    total = sum(parameter.numel() for parameter in GPT2LMHeadModel(config).parameters())
    assert table.loc["total", "all"] == total
    assert table.loc[[place for place in innermost if place not in ("input", "total")], "all"].sum() == total
    head = table.loc["lm_head"]
    assert (head["parameters"], head["note"]) == ((0, "weights of transformer.wte") if tied else (50 * 8, ""))


def test_the_input_is_the_first_row_and_shapes_follow_it():
    table = layers(model_without_weights(SMALL, "small"), batch=3, tokens=16)
    assert table.index[0] == "input"
    assert table.loc["input", "output"] == "3 × 16"
    assert table.loc["lm_head", "output"] == "3 × 16 × 50"


def test_more_tokens_than_the_context_are_refused():
    with pytest.raises(UserError, match="tokens is 17, expected at most the model's context of 16"):
        layers(model_without_weights(SMALL, "small"), tokens=17)
    with pytest.raises(UserError, match="tokens is 17"):
        training_memory(SMALL, "small", Batch(1, 17))


# --- configuration ----------------------------------------------------------------------------------------------------


def test_a_key_of_the_configuration_a_row():
    table = configuration_table(SMALL).set_index("key")
    assert table.loc["n_layer"].to_list() == ["3", "Transformer blocks"]
    assert table.loc["tie_word_embeddings", "value"] == "yes"
    assert table.loc["n_inner", "value"] == ""
    assert "transformers_version" not in table.index
    rotary = configuration_table(LlamaConfig(num_hidden_layers=1)).set_index("key")
    assert rotary.loc["rope_parameters.rope_type", "value"] == "default"


def test_a_trace_leaves_the_configuration_as_it_is():
    config = GPT2Config(**{**SMALL.to_dict(), "dtype": "bfloat16"})
    before = config.to_dict()
    layers(model_without_weights(config, "small"))
    assert config.to_dict() == before
    assert configuration_table(config).set_index("key").loc["dtype", "value"] == "bfloat16"


def test_a_directory_without_a_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="no config.json in it, expected a model directory"):
        load_configuration(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "unheard of"}')
    with pytest.raises(UserError, match="config.json: cannot be opened as a model's configuration"):
        load_configuration(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="config.json: cannot be opened as a model's configuration"):
        load_configuration(tmp_path)


def test_code_in_a_model_directory_does_not_run(tmp_path):
    mark = tmp_path / "ran"
    (tmp_path / "modelling.py").write_text(f"open({str(mark)!r}, 'w')\nclass Config: pass\n")
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "unheard of", "auto_map": {"AutoConfig": "modelling.Config"}, "architectures": ["Model"]})
    )
    with pytest.raises(UserError, match="config.json: cannot be opened as a model's configuration"):
        load_configuration(tmp_path)
    assert not mark.exists()


# --- memory -----------------------------------------------------------------------------------------------------------


def test_what_is_kept_for_the_backward_pass_is_counted_once():
    layer = nn.Linear(4, 3, bias=False)
    given = torch.zeros(2, 4)
    assert saved_bytes(layer, lambda: layer(given).relu().sum()) == 4 * (2 * 4 + 2 * 3)  # the input; the output of ReLU
    assert saved_bytes(layer, lambda: (layer(given) + layer(given)).sum()) == 4 * 2 * 4  # the input of both
    with torch.no_grad():
        assert saved_bytes(layer, lambda: layer(given).sum()) == 0


def test_shapes_alone_count_as_real_tensors_do():
    """Activations on the meta device are those of a model with weights, dropout included."""
    memory = training_memory(SMALL, "small", Batch(2, 5))
    model = GPT2LMHeadModel(SMALL)
    model.set_attn_implementation("eager")
    real = saved_bytes(model, lambda: next_token_loss(model, torch.ones(2, 5, dtype=torch.long)))
    assert memory.activations == real > 0


def test_weights_gradients_and_moments_are_those_of_a_training():
    memory = training_memory(SMALL, "small", Batch(2, 5))
    model = GPT2LMHeadModel(SMALL)
    optimizer = torch.optim.AdamW(model.parameters())
    next_token_loss(model, torch.ones(2, 5, dtype=torch.long)).backward()
    optimizer.step()
    moments = [tensor for state in optimizer.state.values() for tensor in state.values() if tensor.numel() > 1]
    assert memory.weights == sum(parameter.nbytes for parameter in model.parameters())
    assert memory.gradients == sum(parameter.grad.nbytes for parameter in model.parameters())
    assert memory.optimizer == sum(tensor.nbytes for tensor in moments)
    assert memory.total == memory.weights + memory.gradients + memory.optimizer + memory.activations


def test_the_loss_is_that_of_the_next_token():
    model = GPT2LMHeadModel(GPT2Config(**{**SMALL.to_dict(), "resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0}))
    token_ids = torch.tensor([[3, 1, 4, 1], [5, 9, 2, 6]])
    with torch.no_grad():
        theirs = model(input_ids=token_ids, labels=token_ids).loss
        assert next_token_loss(model, token_ids).item() == pytest.approx(theirs.item(), abs=1e-6)


SIZES = [
    Size(name="small", vocabulary=50, context=16, width=8, layers=3, heads=2),
    Size(name="wide", vocabulary=50, context=16, width=16, layers=3, heads=2),
]


def test_the_table_of_memory_is_in_gigabytes_of_ten_to_the_ninth():
    memory = {size.name: Bytes(7, 10**9, 10**9, 2 * 10**9, 5 * 10**8) for size in SIZES}
    small, wide = memory_table(memory, Batch(2, 5), {"small": 1.5}).to_dict("records")
    assert (small["weights"], small["optimizer"], small["states"]) == ("1.000", "2.000", "4.000")
    assert (small["activations"], small["total"], small["reported"]) == ("0.500", "4.500", "1.5")
    assert (small["batch"], small["tokens"], small["parameters"], wide["reported"]) == (2, 5, 7, "")


def test_the_sizes_are_estimated_in_their_order():
    (first, small), (second, wide) = memory_by_size(SIZES, Batch(2, 5)).items()
    assert (first, second) == ("small", "wide")
    assert small == training_memory(SMALL, "small", Batch(2, 5))
    assert wide.activations > small.activations


def verdict(scores, claimed: float) -> str:
    measure = {"experiment": "memory/small", "metric": "states", "split": "training"}
    near = {"kind": "near", "value": claimed, "tolerance": 0.2, "measures": [measure]}
    claim = {"row": "C2", "writeup": "gpt2_lab", "says": "its memory", "source": "the sheet", "comparison": near}
    return ledger(parse({"C2": claim}), {}, {"gpt2_lab": Scores(scores)})["verdict"][0]


def test_scores_decide_a_claim(tmp_path):
    memory = Bytes(1, 5 * 10**8, 5 * 10**8, 10**9, 10**9)
    write_summarised(tmp_path / "s.parquet", memory_scores({"small": memory}))
    scores = read_scores(tmp_path / "s.parquet")
    assert verdict(scores, 2) == REPRODUCED
    assert scores["low"].tolist() == scores["high"].tolist() == scores["value"].tolist()  # counted, not estimated
    assert verdict(scores.assign(**{name: scores[name] + 1 for name in ("value", "low", "high")}), 2) == CONTRADICTED


def test_the_measured_table_shows_both():
    batch = Batch(2, 5)
    row = measured_table("small", "cpu", Bytes(1, 10**9, 10**9, 2 * 10**9, 10**9), 6 * 10**9, batch).iloc[0]
    assert (row["name"], row["total"], row["measured"], row["device"]) == ("small", "5.000", "6.000", "cpu")


# --- the row ----------------------------------------------------------------------------------------------------------


def test_the_steps_write_their_tables(tmp_path, monkeypatch):
    SMALL.save_pretrained(tmp_path / "model")
    tables, record = {name: tmp_path / f"{name}.csv" for name in ("layers", "configuration")}, tmp_path / "p.json"
    inputs = {"config": tmp_path / "model" / "config.json"}
    run_program(monkeypatch, "model_memory.layers.tabulate", inputs, tables, {"batch": 2, "tokens": 5}, record)
    assert "transformer.h.0–2.attn" in read_csv(tables["layers"])["layer"].to_list()
    assert "n_embd" in read_csv(tables["configuration"])["key"].to_list()
    settings = {"sizes": [spec(size) for size in SIZES], "batch": 2, "tokens": 5, "reported": {"small": 1.5}}
    outputs = {MAIN: tmp_path / "m.csv", "scores": tmp_path / "m.parquet"}
    run_program(monkeypatch, "model_memory.estimate.estimate", {}, outputs, settings, record)
    assert read_csv(outputs[MAIN])["name"].to_list() == ["small", "wide"]
    assert set(read_scores(outputs["scores"])["metric"]) == {"states", "activations", "total"}


def test_a_training_is_measured(tmp_path):
    """In a process of its own, whose peak is that of the training: at least what it holds, and not many times that."""
    config = GPT2Config(vocab_size=20_000, n_positions=32, n_embd=512, n_layer=1, n_head=2)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "model")
    inputs = {name: tmp_path / "model" / file for name, file in (("config", "config.json"), ("weights", "model.safetensors"))}
    outputs = {"measured_memory": tmp_path / "measured.csv"}
    settings = {"batch": 2, "tokens": 16, "threads": 1}
    done = run_step("model_memory.measure.measure", inputs, outputs, settings, tmp_path / "p.json")
    assert done.returncode == 0, done.stderr
    row = read_csv(outputs["measured_memory"]).iloc[0]
    assert (row["name"], row["batch"], row["tokens"]) == ("model", 2, 16)
    # a machine that is short of memory takes pages of libraries away meanwhile, which count when they are read again
    assert 0.8 * row["states"] < row["measured"] < 5 * row["total"]
    assert json.loads((tmp_path / "p.json").read_text())["device"] == row["device"]


def test_each_step_has_its_batch_and_what_is_reported_of_its_sizes(merged):
    resolved = resolve(merged("tests/config/tiny.yaml"))
    row = resolved.declared_rows["C2"]
    specs = {step.name: row.settings.spec(step.name, row.paths, resolved.artefacts) for step in row.settings.steps}
    assert specs["tabulate"] == {"batch": 8, "tokens": 16}
    assert specs["measure"] == {"batch": 1, "tokens": 16, "threads": 1}
    assert specs["estimate"]["reported"] == {"GPT-2": 2}  # GPT-2 XL is none of these sizes


def test_a_model_without_weights_of_its_own_is_refused(merged):
    raw = merged()
    raw["rows"]["C2"]["model"] = "quotes_lora"
    with pytest.raises(UserError, match="rows.C2.model: 'quotes_lora' is an adapter, expected a model with weights of its own"):
        resolve(raw)
