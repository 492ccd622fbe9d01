"""Rehearsals: what stands in for the downloads, how a configuration is cut, and what the server answers."""

from __future__ import annotations

import pandas as pd
import pytest
from huggingface_hub import get_hf_file_metadata, hf_hub_url
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from relab.assets.http import download
from relab.commands import workflow
from relab.commands.rehearse import prepare
from relab.errors import UserError
from relab.files import CHECKOUT, sha256
from relab.rehearsal import models
from relab.rehearsal.cuts import cuts
from relab.rehearsal.files import content, layout, rows
from relab.rehearsal.hub import StandInHub
from relab.rehearsal.stand_ins import make
from relab.settings.assets import Asset
from relab.settings.config import resolve
from relab.settings.stand_ins import FileStandIn, StandIn

FULL = CHECKOUT / "config/full.yaml"


@pytest.fixture(scope="module")
def full():
    return workflow.load([FULL])


@pytest.fixture(scope="module")
def assets(full) -> dict[str, Asset]:
    return {name: member.settings for name, member in full.artefacts.assets.items()}


def test_every_asset_has_a_stand_in_with_all_of_its_files(assets, tmp_path):
    """A new asset comes with the layout of what it publishes."""
    for name, asset in assets.items():
        if make(tmp_path / name, name, asset):
            assert {path.name for path in (tmp_path / name).iterdir()} >= set(asset.files), name
        else:
            assert all(source.kind in ("local", "stdlib") for source in asset.sources), name


def test_an_asset_without_a_layout_is_named(assets, tmp_path):
    asset = assets["ag_news"]
    with pytest.raises(UserError, match=r"^assets\.news: expected stand_in, which says what its files look like, found none$"):
        make(tmp_path / "a", "news", asset.model_copy(update={"stand_in": None}))
    table = FileStandIn(columns={"text": "{sentence}"})
    lacking = asset.model_copy(update={"stand_in": StandIn(files={"train.parquet": table})})
    with pytest.raises(UserError, match=r"^assets\.news\.stand_in: expected the layout of test\.parquet among its files"):
        make(tmp_path / "b", "news", lacking)


def test_a_stand_in_has_the_columns_and_formats_of_what_is_published(assets, tmp_path):
    make(tmp_path / "news", "ag_news", assets["ag_news"])
    news = pd.read_parquet(tmp_path / "news/train.parquet")
    assert set(news["label"]) == {0, 1, 2, 3} and news["text"].str.len().min() > 20
    make(tmp_path / "choices", "openbookqa", assets["openbookqa"])
    question = pd.read_parquet(tmp_path / "choices/test.parquet").iloc[0]
    assert len(question["choices"]["text"]) == len(question["choices"]["label"]) == 4
    assert question["answerKey"] in question["choices"]["label"]


@pytest.mark.parametrize(
    ("asset", "kind", "auto"),
    [
        ("gpt2_xl", "gpt2", AutoModelForCausalLM),
        ("starling", "mistral", AutoModelForCausalLM),
        ("opt_125m", "opt", AutoModelForCausalLM),
        ("qwen25_05b", "qwen2", AutoModelForCausalLM),
        ("bart_base", "bart", AutoModelForSeq2SeqLM),
        ("translator_en_pl", "t5", AutoModelForSeq2SeqLM),
    ],
)
def test_a_model_that_stands_in_has_its_architecture_and_few_weights(assets, tmp_path, asset, kind, auto):
    make(tmp_path / asset, asset, assets[asset])
    model, tokenizer = auto.from_pretrained(tmp_path / asset), AutoTokenizer.from_pretrained(tmp_path / asset)
    assert model.config.model_type == kind
    assert model.num_parameters() < 200_000 < models.parameters(assets[asset].stand_in.config)
    assert len(tokenizer) <= model.get_input_embeddings().num_embeddings
    for role in ("eos", "bos", "pad"):
        token = getattr(model.config, f"{role}_token_id", None)
        assert token is None or token < len(tokenizer)
    if kind == "mistral":
        assert len(list((tmp_path / asset).glob("model-*-of-00003.safetensors"))) == 3
        assert model.config.eos_token_id == tokenizer.convert_tokens_to_ids("<|end_of_turn|>")


def test_published_models_have_the_weights_that_are_told_of_them(assets):
    """By the configuration beside the asset: 124 M, 1.56 B, 7.24 B."""
    sizes = {name: models.parameters(assets[name].stand_in.config) for name in ("gpt2", "gpt2_xl", "starling", "t5_small")}
    assert sizes == {"gpt2": 124_439_808, "gpt2_xl": 1_557_611_200, "starling": 7_241_748_480, "t5_small": 60_506_624}


def test_the_cut_configuration_is_valid_small_and_lacks_nothing(full):
    layer = cuts(full.config)
    cut = resolve(workflow.merge([FULL], layer))
    declared = [{run.artefacts.models[name].declaration for name in run.needed["models"]} for run in (cut, full)]
    assert declared[0] == declared[1]
    for name in cut.needed["models"]:
        training = getattr(cut.artefacts.models[name].settings, "training", None)
        if training:
            assert training.steps <= 4 and training.batch <= 4, name
    for name in cut.needed["samplings"]:
        sampling = cut.artefacts.samplings[name].settings
        methods = full.artefacts.samplings[name].settings.methods
        assert sampling.length <= 8 and list(sampling.methods) == list(methods), name
    assert [row for row in cut.rows] == [row for row in full.rows]
    assert cuts(cut.config) == {}, "what is cut needs no cut"


def test_a_sweep_that_is_cut_keeps_its_members_apart():
    sweep = {"size": [{"training.batch": 32}, {"training.batch": 256}], "seed": [0, 1, 2, 3], "architecture.width": [32, 128]}
    assert cuts({"models": {"m": {"sweep": sweep}}}) == {
        "models": {"m": {"sweep": {"size": [{"training.batch": 2}, {"training.batch": 3}], "seed": [0, 1]}}}
    }


def test_a_sweep_over_members_loses_those_whose_seeds_are_cut():
    models = {"m": {"name": "m-{price}-s{seed}", "sweep": {"price": [0.3, 2], "seed": [0, 1, 2, 12]}}}
    texts = {"t": {"sweep": {"model": ["m-0.3-s0", "m-0.3-s1", "m-0.3-s2", "m-2-s12"]}}, "u": {"sweep": {"model": ["m-2-s1"]}}}
    assert cuts({"models": models, "samplings": texts})["samplings"] == {"t": {"sweep": {"model": ["m-0.3-s0", "m-0.3-s1"]}}}


def test_blanks_of_a_template_are_filled():
    table = FileStandIn(
        rows=4, columns={"id": "{number}", "label": "{number:2}", "key": "{choice:A|B}", "in": {"a": ["q{quotient:2}"]}}
    )
    assert rows("t.jsonl", table) == [
        {"id": 0, "label": 0, "key": "A", "in": {"a": ["q0"]}},
        {"id": 1, "label": 1, "key": "B", "in": {"a": ["q0"]}},
        {"id": 2, "label": 0, "key": "A", "in": {"a": ["q1"]}},
        {"id": 3, "label": 1, "key": "B", "in": {"a": ["q1"]}},
    ]
    assert content("a.txt", FileStandIn(head="<", foot=">", rows=3, text="{number} ")) == b"<0 1 2 >"
    assert layout({"b.csv": table, "*.csv": FileStandIn(text="x")}, "b.csv") is table
    assert layout({"*.csv": table}, "b.tsv") is None


def test_the_server_answers_as_the_hub_does(assets, tmp_path):
    """Small files directly with Git's hash, large ones by a redirect with their SHA-256, both with the commit."""
    asset, hub = assets["opt_125m"], StandInHub()
    make(tmp_path / "opt", "opt_125m", asset)
    hub.give("opt_125m", asset, tmp_path / "opt")
    (source,) = asset.sources
    with hub.serving():
        for name, length in (("special_tokens_map.json", 40), ("pytorch_model.bin", 64)):
            url = hf_hub_url(source.repo, name, revision=source.revision, endpoint=hub.url)
            told = get_hf_file_metadata(url, endpoint=hub.url)
            assert (told.commit_hash, len(told.etag), told.size) == (
                source.revision,
                length,
                (tmp_path / "opt" / name).stat().st_size,
            )
            download(url, tmp_path / name)
            assert sha256(tmp_path / name) == sha256(tmp_path / "opt" / name)


def test_a_rehearsal_empties_no_folder_but_that_of_another_one(tmp_path):
    prepare(tmp_path / "new")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").touch()
    with pytest.raises(UserError, match="mine: expected a new folder or that of an earlier rehearsal, found one without reh"):
        prepare(tmp_path / "mine")
    assert (tmp_path / "mine/thesis.tex").exists()
    (tmp_path / "mine/rehearsal.yaml").touch()
    prepare(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["rehearsal.yaml"]
