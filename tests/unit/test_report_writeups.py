"""The table of contents of the report: what it accepts, what it refuses and in which words, which targets follow from it."""

from __future__ import annotations

import copy

import pytest
import yaml

from relab.errors import UserError
from relab.settings.writeups import OVERVIEW, artefacts, catalogue, figure_data, load, parse, targets

ROW = {"id": "A1", "title": "Loss", "reported": "A plot.", "tables": [{"name": "final", "title": "Losses"}]}
RAW = {
    "title": "Report",
    "opening": "Opening.",
    "overview": {"tables": [{"name": "corpora", "title": "Corpora"}]},
    "writeups": [
        {
            "id": "A",
            "key": "char_gpt",
            "title": "GPT",
            "source": "Lab",
            "rows": [
                {**ROW, "figures": [{"name": "loss", "title": "Loss", "alternative": "Curves.", "data": ["curves"]}]},
                {**ROW, "id": "A2", "tables": [{"name": "texts", "title": "Texts", "template": "progression"}]},
            ],
        },
        {"id": "B", "key": "generative", "title": "Notebook", "source": "Notebook", "rows": [{**ROW, "id": "B1"}]},
    ],
}


def changed(path: str, value: object) -> dict:
    raw = copy.deepcopy(RAW)
    *parents, leaf = [int(part) if part.isdigit() else part for part in path.split(".")]
    target = raw
    for parent in parents:
        target = target[parent]
    target[leaf] = value
    return raw


def test_the_project_s_own_contents_are_valid(checkout):
    writeups = load(checkout / "config/writeups.yaml")
    rows = [row.id for chapter in writeups.writeups for row in chapter.rows]
    assert rows[:3] == ["A1", "A2", "A3"] and rows == sorted(rows, key=lambda row: (row[0], int(row[1:])))
    tables, figures = targets(writeups, "char_gpt")
    assert "results/tables/char_gpt/progression_italian.csv" in tables
    assert figures[:2] == ["results/figures/char_gpt/loss.svg", "results/figures/char_gpt/classification.svg"]
    assert figure_data(writeups, "char_gpt")[0] == "results/tables/char_gpt/loss_curves.csv"


def test_targets_are_the_files_of_all_rows_or_of_one_chapter():
    writeups = parse(RAW, "writeups.yaml")
    tables, figures = targets(writeups)
    assert tables == [
        "results/tables/overview/corpora.csv",
        "results/tables/char_gpt/final.csv",
        "results/tables/char_gpt/texts.csv",
        "results/tables/generative/final.csv",
    ]
    assert figures == ["results/figures/char_gpt/loss.svg"]
    assert targets(writeups, "generative") == (["results/tables/generative/final.csv"], [])
    assert targets(writeups, OVERVIEW) == (["results/tables/overview/corpora.csv"], [])
    assert figure_data(writeups) == ["results/tables/char_gpt/curves.csv"] and figure_data(writeups, "generative") == []


def test_a_later_row_needs_no_more_than_its_entry():
    raw = changed("writeups.1.rows", [{**ROW, "id": "B1"}, {**ROW, "id": "B2", "tables": [{"name": "new", "title": "New"}]}])
    assert "results/tables/generative/new.csv" in targets(parse(raw, "writeups.yaml"))[0]


def test_snakemake_s_report_gets_categories_and_captions():
    raw = changed("writeups.0.rows.0.figures.0.caption", "See `config/`\n*here*.\n")
    entries = catalogue(parse(raw, "writeups.yaml"))
    assert entries["results/figures/char_gpt/loss.svg"] == {
        "category": "A · GPT", "subcategory": "A1 · Loss", "title": "Loss", "caption": "See ``config/`` *here*."
    }  # fmt: skip
    assert entries["results/tables/overview/corpora.csv"]["subcategory"] == ""
    assert list(entries) == [one.path for one in artefacts(parse(raw, "writeups.yaml"))]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("writeups.0.rows.0.titel", "x", "writeups.0.rows.0.titel: unknown key; did you mean title?"),
        ("writeups.0.rows.0.id", "B1", "writeups.0: row B1 stands in chapter A; its id must start with A"),
        ("writeups.0.rows.1.id", "A1", "writeups.0: 'A1' stands twice among the row ids"),
        ("writeups.0.rows.1.tables.0.name", "final", "writeups.0: 'final' stands twice among the table names"),
        ("writeups.0.rows.1.tables", [], "writeups.0.rows.1: a row needs at least one figure or table"),
        ("writeups.1.key", "overview", "writeups: 'overview' stands twice among the chapter keys"),
        ("writeups.1.key", "a b", "writeups.1.key: string should match pattern"),
        (
            "writeups.0.rows.1.tables.0.template",
            "nosuch",
            "writeups.0.rows.1.tables.0.template: unknown template 'nosuch'; expected one of ",
        ),
        (
            "writeups.0.rows.0.tables.0.columns",
            {"loss": {"format": ".3q"}},
            "writeups.0.rows.0.tables.0.columns.loss.format: expected a format of Python's for numbers such as .3f or ,d",
        ),
        ("writeups.0.rows.0.figures.0.data", [], "writeups.0.rows.0.figures.0.data: list should have at least 1 item"),
        ("opening", None, "opening: input should be a valid string"),
    ],
)
def test_mistakes_name_file_and_key(path, value, message):
    with pytest.raises(UserError) as error:
        parse(changed(path, value), "config/writeups.yaml")
    assert str(error.value).startswith(f"config/writeups.yaml: {message}")


def test_what_is_no_mapping_is_refused(tmp_path):
    for text, message in (("- a\n", "found ['a']"), ("", "found None"), ("title: [\n", "not YAML")):
        path = tmp_path / "writeups.yaml"
        path.write_text(text)
        with pytest.raises(UserError, match="writeups.yaml") as error:
            load(path)
        assert message in str(error.value)


def test_reading_keeps_what_yaml_says(tmp_path):
    path = tmp_path / "writeups.yaml"
    path.write_text(yaml.safe_dump(RAW, allow_unicode=True))
    assert load(path) == parse(RAW, "")
