"""Names of artefacts as people say them: titles of sweeps, and tables in which they stand for names."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from relab.artefacts.kind import Artefacts, Member
from relab.artefacts.titles import titles
from relab.rows.titles import with_titles
from relab.settings.base import Titled, expand
from relab.settings.config import resolve

CONFIG = Path(__file__).resolve().parents[2] / "config"


def artefacts(**declarations: dict) -> Artefacts:
    members = {
        name: Member(Titled(title=raw.get("title", "")), varied, declaration)
        for name, (raw, varied, declaration) in expand("models", declarations).items()
    }
    return Artefacts({"models": members, "encoders": {}, "tokenizers": {}}, 1)


def called(**declarations: dict) -> dict[str, str]:
    declared = artefacts(**declarations)
    return titles(declared, {kind: list(members) for kind, members in declared.kinds.items()})


SEEDS = {"name": "m-s{seed}", "sweep": {"seed": [0, 1]}}


def test_members_of_one_title_are_told_apart_by_what_varies():
    assert called(m={**SEEDS, "title": "GPT"}) == {"m-s0": "GPT, seed 0", "m-s1": "GPT, seed 1", "m": "GPT"}
    assert called(m={**SEEDS, "sweep": {"seed": [0]}, "title": "GPT"}) == {"m-s0": "GPT", "m": "GPT"}


def test_a_title_may_hold_what_varies():
    swept = {"name": "m-w{width}-s{seed}", "sweep": {"architecture.width": [32, 128], "seed": [0, 1]}}
    assert called(m={**swept, "title": "GPT, width {width}"}) == {
        f"m-w{width}-s{seed}": f"GPT, width {width}, seed {seed}" for width in (32, 128) for seed in (0, 1)
    }


def test_what_has_no_title_or_is_not_needed_keeps_its_name():
    assert called(m=SEEDS, n={}) == {}
    assert titles(artefacts(n={"title": "GPT"}), {"models": [], "encoders": [], "tokenizers": []}) == {}


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("m-s0", "GPT, seed 0"),
        ("m mean linear", "GPT mean linear"),
        ("m (LoRA, rank 16), m", "GPT (LoRA, rank 16), GPT"),
        ("m-s01, m.m, am, m_, m-", "m-s01, m.m, am, m_, m-"),
        ("", ""),
        (1.5, 1.5),
    ],
)
def test_titles_stand_for_whole_names_alone(cell, shown):
    table = pd.DataFrame({"model": pd.Series(["m", cell], dtype=object), "text": ["m", "m"]})
    found = with_titles(table, {"m": "GPT", "m-s0": "GPT, seed 0"}, ["model", "source"])
    assert list(found) == ["model", "model_name", "text"]  # a text is what it is
    assert found["model"].to_list() == ["GPT", shown] and found["model_name"].to_list() == ["m", cell]
    assert list(table) == ["model", "text"] and table["model"][0] == "m"


def test_a_table_without_names_is_left_alone():
    table = pd.DataFrame({"model": ["people"]})
    assert list(with_titles(table, {"m": "GPT"}, ["model"])) == ["model"]
    assert with_titles(table, {}, ["model"]) is table


def test_the_jobs_that_write_tables_get_the_titles_of_what_their_row_needs():
    layers = [yaml.safe_load((CONFIG / name).read_text(encoding="utf-8")) for name in ("assets.yaml", "config.yaml")]
    resolved = resolve({key: value for layer in layers for key, value in layer.items()})
    of_row = {(row.paths.key, step.name): resolved.titled(row, step) for row, step in resolved.steps}
    assert of_row["rows.A9", "score"] == of_row["rows.A9", "draw"] == {}  # what has no table names nothing
    assert of_row["rows.A9", "tabulate"]["titles"] == {"minilm": "MiniLM"}
    assert of_row["rows.A1", "tabulate"]["titles"]["width 32"] == "GPT, width 32"
    assert {"stories-s0", "smollm2"} <= set(of_row["rows.D4", "tabulate"]["titles"])
