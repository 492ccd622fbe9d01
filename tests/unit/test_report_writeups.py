"""The write-ups' files: what they accept, what they refuse and in which words, and that what they show is made."""

from __future__ import annotations

import copy
import re

import pytest
import yaml

from relab.errors import UserError
from relab.rows import registry
from relab.rows.declared import stem
from relab.settings.base import check
from relab.settings.config import resolve
from relab.settings.writeups import Kind, fill_figures, load

ROW = {"id": "A1", "title": "Loss", "reported": "A plot.", "tables": ["final"]}
FILES = {
    "report": {"title": "Report", "opening": "Opening.", "overview": {"tables": [{"name": "corpora", "title": "Corpora"}]}},
    "char_gpt": {
        "id": "A",
        "key": "char_gpt",
        "title": "GPT",
        "source": "Lab",
        "rows": [{**ROW, "figures": ["loss"]}, {**ROW, "id": "A2", "tables": [{"name": "texts", "title": "Texts"}]}],
    },
    "generative": {"id": "B", "key": "generative", "title": "Notebook", "source": "Notebook", "rows": [{**ROW, "id": "B1"}]},
}


@pytest.fixture
def write(tmp_path):
    """A function that writes the files, with one value changed, and returns their folder."""

    def write(path: str = "", value: object = None):
        files = copy.deepcopy(FILES)
        target, *parents = files, *path.split(".")[:-1]
        for parent in parents:
            target = target[int(parent) if parent.isdigit() else parent]
        if path:
            target[path.split(".")[-1]] = value
        for name, content in files.items():
            (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        return tmp_path

    return write


def test_chapters_stand_in_the_order_of_their_letters_whatever_their_files_are_called(write):
    folder = write("char_gpt.id", "C")
    for row, name in enumerate(("C1", "C2")):
        content = yaml.safe_load((folder / "char_gpt.yaml").read_text())
        content["rows"][row]["id"] = name
        (folder / "char_gpt.yaml").write_text(yaml.safe_dump(content))
    (folder / "char_gpt.claims.yaml").write_text("{}")
    assert [chapter.key for chapter in load(folder).chapters] == ["generative", "char_gpt"]


def test_a_table_is_a_name_or_a_name_with_what_is_said_of_it_here(write):
    first, second = load(write()).chapters[0].rows
    assert [(shown.name, shown.title) for shown in (*first.tables, *second.tables)] == [("final", None), ("texts", "Texts")]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("char_gpt.rows.0.titel", "x", "rows.0.titel: unknown key; did you mean title?"),
        ("char_gpt.rows.0.id", "B1", "row B1 stands in chapter A; its id must start with A"),
        ("char_gpt.rows.1.id", "A1", "'A1' stands twice among the row ids"),
        ("char_gpt.rows.1.tables.0.name", "final", "'final' stands twice among the table names"),
        ("char_gpt.rows.1.tables", [], "rows.1: a row needs at least one figure or table"),
        ("char_gpt.rows.1.tables", [{"title": "Texts"}], "rows.1.tables.0.name: this key is required"),
        ("char_gpt.rows.1.tables", ["final losses"], "rows.1.tables.0.name: string should match pattern"),
        ("char_gpt.key", "a b", "key: string should match pattern"),
        ("char_gpt.rows", [], "rows: list should have at least 1 item"),
        (
            "char_gpt.rows.1.tables.0.columns",
            {"loss": {"format": ".3q"}},
            "rows.1.tables.0.columns.loss.format: expected a for",
        ),
        ("char_gpt.rows.0.reported", "{A1.losses.w32.loss}", "{A1.losses.w32.loss} is not among the reported figures"),
        ("char_gpt.rows.0.reported_figures", {"losses": {"w32": 2.9}}, "rows.0.reported_figures.losses.w32: input should be a"),
        ("report.opening", None, "opening: input should be a valid string"),
        ("report.overview.tables.0.title", [3], "overview.tables.0.title: input should be a valid string"),
    ],
)
def test_mistakes_name_file_and_key(write, path, value, message):
    folder = write(path, value)
    with pytest.raises(UserError) as error:
        load(folder)
    assert str(error.value).startswith(f"{folder / path.partition('.')[0]}.yaml: {message}") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("generative.key", "overview", "'overview' stands twice among the chapter keys"),
        ("generative.key", "char_gpt", "'char_gpt' stands twice among the chapter keys"),
    ],
)
def test_two_chapters_of_one_key_are_refused(write, path, value, message):
    folder = write(path, value)
    with pytest.raises(UserError) as error:
        load(folder)
    assert str(error.value) == f"{folder}: {message}"


@pytest.mark.parametrize(
    ("text", "message"), [("- a\n", "found ['a']"), ("", "found None"), ("title: [\n", "line 2: not YAML"), ("\xff", "UTF-8")]
)
def test_what_is_no_mapping_is_refused(write, text, message):
    path = write() / "report.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match="report.yaml") as error:
        load(path.parent)
    assert message in str(error.value)


# --- reported figures -------------------------------------------------------------------------------------------------

FIGURES = {"losses": {"w32-100": {"step": 100, "loss": 2.9188}, "w128-100": {"step": 100, "loss": 2.3669}}}


@pytest.mark.parametrize("key", ["reported", "added", "text", "notes"])
def test_reported_figures_are_filled_into_all_prose_of_the_chapter(write, key):
    prose = (
        "At step {A1.losses.w32-100.step} it was {A1.losses.w32-100.loss}, rounded {A1.losses.w128-100.loss:.1f}; {not one}."
    )
    folder = write("char_gpt.rows.0.reported_figures", FIGURES)
    content = yaml.safe_load((folder / "char_gpt.yaml").read_text())
    content["rows"][1][key] = [prose] if key == "notes" else prose  # another row's
    (folder / "char_gpt.yaml").write_text(yaml.safe_dump(content))
    filled = getattr(load(folder).chapters[0].rows[1], key)
    assert (filled[0] if key == "notes" else filled) == "At step 100 it was 2.9188, rounded 2.4; {not one}."


@pytest.mark.parametrize("figure", ["{A1.loses.a.loss}", "{A1.losses.b.loss}", "{A1.losses.a.lost}", "{A9.losses.a.loss}"])
def test_a_figure_that_is_not_reported_is_refused(figure):
    with pytest.raises(ValueError, match="is not among the reported figures") as error:
        fill_figures(f"as {figure}", {"A1.losses": {"a": {"loss": 1}}})
    assert str(error.value).startswith(figure)


# --- the project's own ------------------------------------------------------------------------------------------------


def test_rows_stand_in_order(checkout):
    rows = [row.id for chapter in load(checkout / "config/writeups").chapters for row in chapter.rows]
    assert rows[:3] == ["A1", "A2", "A3"] and rows == sorted(rows, key=lambda row: (row[0], int(row[1:])))
    assert len(rows) >= 30


@pytest.mark.parametrize("overlays", [(), ("config/full.yaml",), ("tests/config/tiny.yaml",)])
def test_every_table_and_figure_that_a_file_names_is_made_by_a_row_of_its_chapter(checkout, merged, overlays):
    """What no declared row makes would be left out without a word, since a run may leave rows out."""
    resolved = resolve(merged(*overlays))
    for group in ("tables", "figures"):
        made = {(row.paths.chapter, stem(path)) for row in resolved.rows.values() for path in getattr(row, group).values()}
        for chapter in load(checkout / "config/writeups").chapters:
            for section in chapter.rows:
                lacking = [shown.name for shown in getattr(section, group) if (chapter.key, shown.name) not in made]
                assert not lacking, f"{section.id}.{group}"


def test_every_row_is_shown_by_a_section_of_its_write_up(checkout, merged):
    sections = {section.id for chapter in load(checkout / "config/writeups").chapters for section in chapter.rows}
    shown = {section.id for chapter in resolve(merged()).contents.chapters for section in chapter.rows}
    assert shown == sections


@pytest.mark.parametrize("kind", registry.kinds())
def test_a_kind_shows_what_the_steps_of_its_rows_make_with_templates_that_there_are(checkout, merged, kind):
    folder = checkout / "scripts/relab/rows" / kind
    shown = check(Kind, dict(registry.display_settings(kind)), kind)
    rows = [row for row in resolve(merged()).rows.values() if row.settings.kind == kind]
    assert rows, "no row of the default is of this kind"
    for group in ("tables", "figures"):
        made = {name for row in rows for name in getattr(row, group)}
        assert set(getattr(shown, group)) <= made
    for figure in shown.figures.values():
        assert set(figure.data) <= {name for row in rows for name in row.tables}
    for table in shown.tables.values():
        template = f"{table.template}.html.j2"
        assert (folder / template).is_file() or (checkout / "scripts/relab/report/templates/tables" / template).is_file()
    assert not re.findall(r"\b[A-E]\d\b", (folder / "show.yaml").read_text(encoding="utf-8")), "a row of a write-up"
    used = {table.template for table in shown.tables.values()}
    assert {path.name.removesuffix(".html.j2") for path in folder.glob("*.html.j2")} <= used


def test_every_shared_template_is_used(checkout):
    used = {
        table.get("template", "table")
        for kind in registry.kinds()
        for table in registry.display_settings(kind)["tables"].values()
    }
    found = {path.name.removesuffix(".html.j2") for path in (checkout / "scripts/relab/report/templates/tables").iterdir()}
    assert found <= used
