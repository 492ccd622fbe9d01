"""What is generated from the settings has not drifted from them."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from relab.settings import document


def test_generated_files_are_up_to_date(checkout):
    for path, text in document.generated(checkout / "config").items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} has drifted: run make docs"


def test_comments_do_not_change_the_values(checkout):
    values = yaml.safe_load((checkout / "config/config.yaml").read_text(encoding="utf-8"))
    values["corpora"]["italian"]["separator"] = "\n\n"
    values["corpora"]["italian"]["note"] = "word " * 60 + "end"
    values["about"] = "a: b # c"
    assert yaml.safe_load(document.commented(values)) == values


@pytest.mark.parametrize("overlays", [(), ("config/full.yaml",), ("tests/config/tiny.yaml",)])
def test_the_schema_accepts_every_configuration(merged, overlays):
    from relab.settings.base import without_null

    jsonschema.Draft202012Validator.check_schema(document.schema())
    jsonschema.validate(without_null(merged(*overlays)), document.schema())


def test_the_schema_refuses_an_unknown_key_and_has_no_references(merged):
    raw = merged()
    raw["models"]["char_gpt"]["architecture"]["depth"] = 3
    with pytest.raises(jsonschema.ValidationError, match="depth"):
        jsonschema.validate(raw, document.schema())
    assert "$ref" not in str(document.schema())


def test_every_key_stands_in_the_readme():
    tables = document.tables()
    for key in ("`learning_rate`", "`validation`", "`revision`", "`top_k`", "`progression`"):
        assert key in tables
    assert "| `dropout` | number, ≥ 0, < 1 | `0.0` |" in tables
