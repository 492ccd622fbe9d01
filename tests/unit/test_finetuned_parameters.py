"""Trained parameters by module: of files of weights, and of architectures without any."""

from __future__ import annotations

import math

import pytest
import torch
from safetensors.torch import save_file
from support.finetuned_rows import job, summaries

from relab.errors import UserError
from relab.rows.finetuned import parameters
from relab.rows.finetuned.names import AdapterSize
from relab.weight_files import tensor_shapes


def size(**more):
    fields = {"vocabulary": 50272, "context": 2048, "width": 768, "feed_forward": 3072, "layers": 12, "heads": 12}
    adaptation = {"kind": "lora", "rank": 16, "alpha": 32, "dropout": 0.05, "targets": ["q_proj", "v_proj"]}
    return {"name": "OPT-125M", "adaptation": adaptation, **fields, **more}


def test_the_write_ups_adapter_has_589824_parameters():
    tensors, total = parameters.counted_without_weights(AdapterSize(**size()))
    assert sum(map(math.prod, tensors.values())) == 589_824
    assert 589_824 / total == pytest.approx(0.00469, abs=5e-6)
    table = parameters.parameters_table({"OPT-125M": (tensors, total)}).set_index("module")
    module = "model.decoder.layers.*.self_attn.q_proj.lora_A"
    assert table.loc[module, ["shape", "number", "parameters"]].tolist() == ["16 × 768", 12, 147_456]
    assert table.loc[parameters.ALL, ["parameters", "share"]].tolist() == [589_824, "0.00469"]


def test_a_layer_that_the_architecture_lacks_is_named():
    lora = {"kind": "lora", "targets": ["c_attn"]}
    small = size(layers=1, width=12, heads=2, feed_forward=4, vocabulary=9, context=8, adaptation=lora)
    with pytest.raises(UserError, match="OPT-125M: .*c_attn"):
        parameters.counted_without_weights(AdapterSize(**small))


def test_parameters_of_files_are_counted_by_module_and_beside_the_base(tmp_path):
    adapter = {f"base_model.model.h.{block}.w.lora_A.weight": torch.zeros(1, 4) for block in (0, 1)}
    base = {"h.0.w.weight": torch.zeros(3, 4), "h.1.w.weight": torch.zeros(3, 4), "b": torch.zeros(6)}
    paths = {"old": tmp_path / "old/model.safetensors", "thin": tmp_path / "thin/adapter_model.safetensors"}
    for name, tensors in (("old", base), ("thin", adapter)):
        paths[name].parent.mkdir()
        save_file(tensors, paths[name])
    models = {"thin": {"experiment": "thin", "seed": 0}}
    spec = {"name": "adapters", "base": "old", "base_kind": "published", "models": models, "order": ["thin"]}
    results = parameters.count(job({"weights": list(paths.values())}, spec))
    rows = [["h.*.w.lora_A", "1 × 4", 2], [parameters.ALL, "", 2]]
    assert results["parameters"].values.tolist() == [["thin", *row, 8, "0.21053"] for row in rows]  # of 30 + 8
    scores = summaries(results["parameters_scores"])
    assert scores.value("parameters/thin", parameters.TRAINED, parameters.SPLIT) == 8
    (tmp_path / "no.safetensors").write_text("no")
    with pytest.raises(UserError, match="expected weights in safetensors"):
        tensor_shapes(tmp_path / "no.safetensors")
