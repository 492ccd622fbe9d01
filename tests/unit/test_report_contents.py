"""The contents of the report: chapters and sections, the files behind them, the rows that make these; and a part of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import made_kinds
from support.report_run import CONFIG, MADE

from relab.errors import UserError
from relab.rows.contents import Contents, contents
from relab.rows.declared import UserChapter, declared_rows
from relab.settings.base import check
from relab.settings.writeups import OVERVIEW, load

ROWS = CONFIG["rows"]
MINE = {"kind": "made", "chapter": "mine", "title": "My losses", "text": "What I did.", "makes": ["main", "final_losses"]}
CHAPTER = UserChapter(title="Mine", intro="All of it.")
TABLES, FIGURES = "results/tables", "results/figures"


@pytest.fixture(autouse=True)
def kind(monkeypatch):
    made_kinds.use(monkeypatch, MADE)


def shown(rows: dict | None = None, only: list[str] | None = None, folder: Path = MADE / "writeups", **mine: dict) -> Contents:
    """The contents with the made-up rows and some of a user's in a chapter ``mine``."""
    writeups, chapters = load(folder), {"mine": CHAPTER}
    return contents(writeups, chapters, declared_rows({**(ROWS if rows is None else rows), **mine}, writeups, chapters), only)


def edited(folder: Path, old: str, new: str) -> Path:
    """The made-up write-ups with other words in their file."""
    shutil.copytree(MADE / "writeups", folder / "writeups")
    text = (folder / "writeups/char_gpt.yaml").read_text(encoding="utf-8")
    assert old in text
    (folder / "writeups/char_gpt.yaml").write_text(text.replace(old, new), encoding="utf-8")
    return folder / "writeups"


def ids(found: Contents) -> dict[str, list[str]]:
    return {chapter.key: [section.id for section in chapter.rows] for chapter in found.chapters}


# --- files ------------------------------------------------------------------------------------------------------------


def test_targets_are_the_files_of_all_sections_of_a_chapter_or_of_one():
    found = shown(my_losses=MINE)
    assert found.targets() == (
        [
            *(f"{TABLES}/overview/{name}.csv" for name in ("corpora", "datasets")),
            *(
                f"{TABLES}/char_gpt/{name}.csv"
                for name in ("final_losses", "changes", "progression_italian", "reported_italian")
            ),
            f"{TABLES}/char_gpt/arguments.csv",
            f"{TABLES}/mine/my_losses_final_losses.csv",
        ],
        [f"{FIGURES}/char_gpt/{name}.svg" for name in ("loss", "speed")],
    )
    assert found.targets("mine") == ([f"{TABLES}/mine/my_losses_final_losses.csv"], [])
    assert found.targets("char_gpt", "A5") == ([f"{TABLES}/char_gpt/arguments.csv"], [])
    assert found.targets(OVERVIEW) == ([f"{TABLES}/overview/{name}.csv" for name in ("corpora", "datasets")], [])
    assert found.figure_data == [f"{TABLES}/char_gpt/loss_curves.csv"]


def test_a_table_is_shown_as_its_kind_says_but_for_what_its_section_says():
    found = {artefact.name: artefact.entry for artefact in shown().artefacts}
    assert found["reported_italian"].title == "The write-up's losses" and found["reported_italian"].template == "grid"
    said, of_kind = found["progression_italian"], ("progression", "Below each text its loss.")
    assert (said.title, said.language, (said.template, said.caption)) == ("Text by step and width", "it", of_kind)


def test_a_figures_data_are_files_of_its_row(tmp_path):
    two = {"A1": ROWS["A1"], "A2": {**ROWS["A1"], "name": "more", "files": "{table}_2"}}
    folder = edited(tmp_path, "figures: [loss, speed]", "figures: [loss, loss_2]")
    found = {artefact.name: artefact.data for artefact in shown(two, folder=folder).artefacts}
    assert found["loss"] == (f"{TABLES}/char_gpt/loss_curves.csv",)
    assert found["loss_2"] == (f"{TABLES}/char_gpt/loss_curves_2.csv",)


def test_snakemake_s_report_gets_categories_and_captions(tmp_path):
    figure = "figures: [{name: loss, caption: 'See `config/`\n      *here*.'}]"
    found = shown(folder=edited(tmp_path, "figures: [loss, speed]", figure), my_losses=MINE)
    assert found.catalogue[f"{FIGURES}/char_gpt/loss.svg"] == {
        "category": "A · A character-level GPT",
        "subcategory": "A1 · Loss against step",
        "title": "Loss against step",
        "caption": "See ``config/`` *here*.",
    }
    mine = found.catalogue[f"{TABLES}/mine/my_losses_final_losses.csv"]
    assert (mine["category"], mine["subcategory"]) == ("mine · Mine", "my_losses · My losses")
    assert found.catalogue[f"{TABLES}/overview/corpora.csv"]["subcategory"] == ""
    assert list(found.catalogue) == [artefact.path for artefact in found.artefacts]


# --- a user's rows ----------------------------------------------------------------------------------------------------


def test_a_users_chapter_stands_behind_the_write_ups_with_its_rows():
    found = shown(texts={**MINE, "makes": ["arguments"]}, mine_too=MINE)
    assert ids(found) == {"char_gpt": ["A1", "A2", "A5"], "mine": ["texts", "mine_too"]}
    chapter = found.chapters[-1]
    assert (chapter.title, chapter.intro, chapter.source) == ("Mine", "All of it.", "")
    assert [(row.title, row.text, row.reported) for row in chapter.rows] == [("My losses", "What I did.", "")] * 2
    assert [table.name for row in chapter.rows for table in row.tables] == ["texts_arguments", "mine_too_final_losses"]


def test_a_chapter_without_rows_is_not_shown():
    assert ids(shown()) == {"char_gpt": ["A1", "A2", "A5"]}


def test_a_users_row_may_stand_in_a_write_ups_chapter_behind_its_sections():
    found = shown(more={**MINE, "chapter": "char_gpt"})
    assert ids(found) == {"char_gpt": ["A1", "A2", "A5", "more"]}
    assert ids(shown()) == {"char_gpt": ["A1", "A2", "A5"]}, "the files' contents are as they were"


def test_what_no_declared_row_makes_is_left_out():
    rows = {key: row for key, row in ROWS.items() if key != "A2"}
    assert ids(shown(rows)) == {"char_gpt": ["A1", "A5"]}
    few = {**rows, "A1": {**rows["A1"], "draws": []}}
    assert shown(few).chapters[0].rows[0].figures == [] and ids(shown({})) == {}


@pytest.mark.parametrize(
    ("mine", "sentence"),
    [
        ({"mine": {**MINE, "title": ""}}, "rows.mine.title: this key is required, since no write-up's file says it"),
        ({"mine": {**MINE, "text": ""}}, "rows.mine.text: this key is required, since no write-up's file says it"),
        ({"ledger": MINE}, "rows.ledger: the report itself has the name 'ledger' already; expected another one"),
        ({"models": MINE}, "rows.models: the report itself has the name 'models' already; expected another one"),
        ({"char_gpt": MINE}, "rows.char_gpt: a chapter has the name 'char_gpt' already; expected another one"),
        ({"A": MINE}, "rows.A: a chapter has the name 'A' already; expected another one"),
    ],
)
def test_mistakes_in_a_users_rows(mine, sentence):
    with pytest.raises(UserError) as error:
        shown(**mine)
    assert str(error.value) == sentence


def test_a_row_of_the_chapters_own_name_is_refused_but_not_one_that_took_a_sections_place():
    with pytest.raises(UserError, match="rows.mine: a chapter has the name 'mine' already; expected another one"):
        shown(mine=MINE)
    with pytest.raises(UserError, match="rows.A5: a section of a write-up has the name 'A5' already; expected another one"):
        shown({**ROWS, "texts": ROWS["A5"] | {"chapter": "char_gpt"}, "A5": MINE})
    assert ids(shown({**ROWS, "A5": MINE})) == {"char_gpt": ["A1", "A2"], "mine": ["A5"]}


@pytest.mark.parametrize(
    ("chapter", "sentence"),
    [
        ({}, "chapters.mine.title: this key is required"),
        ({"title": ""}, "chapters.mine.title: string should have at least 1 character"),
        ({"title": "Mine", "into": "x"}, "chapters.mine.into: unknown key; did you mean intro?"),
    ],
)
def test_a_chapter_needs_a_title(chapter, sentence):
    with pytest.raises(UserError) as error:
        check(UserChapter, chapter, "chapters.mine")
    assert str(error.value).startswith(sentence)


# --- a part of the report ---------------------------------------------------------------------------------------------


def test_a_part_has_the_rows_that_its_sections_show_and_no_others():
    found = shown(only=["A5", "my_row"], my_row=MINE)
    assert ids(found) == {"char_gpt": ["A5"], "mine": ["my_row"]} and list(found.rows) == ["A5", "my_row"]
    assert ids(shown(only=["my_row"], my_row=MINE)) == {"mine": ["my_row"]}
    assert list(shown().rows) == ["A1", "A2", "A5"]


@pytest.mark.parametrize(("name", "hint"), [("my_rwo", "; did you mean 'my_row'?"), ("A6", ""), ("char_gpt", "")])
def test_an_unknown_name_in_a_part_is_refused(name, hint):
    with pytest.raises(UserError) as error:
        shown(only=["A5", name], my_row=MINE)
    assert str(error.value) == f"report.rows: {name!r} is not among the rows of the report{hint}"


def test_the_overview_has_the_tables_that_are_not_empty():
    assert [table.name for table in shown().with_overview(["corpora"]).report.overview.tables] == ["corpora"]
    assert shown().with_overview([]).targets(OVERVIEW) == ([], [])
