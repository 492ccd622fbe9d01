"""What a row is: its kind, its names, its files, its place among the chapters; and what is refused, in which words."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from support import made_kinds

from relab.errors import UserError
from relab.rows import registry
from relab.rows.contract import MAIN, DeclaredRow, RowPaths, Step
from relab.rows.declared import UserChapter, declared_rows
from relab.settings.config import resolve
from relab.settings.writeups import Chapter, Report, Writeups

ROWS = registry.FOLDER
KIND = """
from typing import ClassVar, Literal

from relab.rows.contract import MAIN, RowSettings, Step


class Row(RowSettings):
    kind: Literal["{kind}"]
    corpus: str = "italian"
    STEPS: ClassVar = (
        Step("score", "Score.", "scores.score", scores=True, files={{"texts": "results/samples/{{chapter}}/{{name}}.jsonl"}}),
        Step("tabulate", "Tabulate.", "tables.tabulate", tables=(MAIN, "recall")),
        Step("draw", "Draw.", "figures.draw", figures=("recall",)),
    )
"""
SECTIONS = [
    {"id": "A1", "title": "T", "reported": "R", "reported_figures": {"losses": {"last": {"loss": 1.5}}}, "tables": ["verses"]},
    {"id": "A2", "title": "T", "reported": "R", "reported_figures": {"steps": {"last": {"step": 9}}}, "figures": ["recall"]},
    {"id": "A3", "title": "T", "reported": "R", "reported_figures": {"losses": {"last": {"loss": 2.5}}}, "tables": ["others"]},
]
WRITEUPS = Writeups(
    report=Report(title="T", opening="O"),
    chapters=[Chapter(id="A", key="char_gpt", title="T", source="S", rows=SECTIONS)],
)
CHAPTERS = {"mine": UserChapter(title="Mine")}


@pytest.fixture
def kinds(monkeypatch, tmp_path):
    for kind in ("ranking", "drawing"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "show.yaml").write_text("tables: {main: {title: Main}, recall: {title: Recall}}\n")
        (tmp_path / kind / "__init__.py").write_text(KIND.format(kind=kind))
    made_kinds.use(monkeypatch, tmp_path)


def declared(**rows: dict) -> dict[str, DeclaredRow]:
    return declared_rows(rows, WRITEUPS, CHAPTERS)


MINE = {"kind": "ranking", "chapter": "mine"}


# --- names and files --------------------------------------------------------------------------------------------------


def test_a_row_names_its_files_after_its_key_in_the_folder_of_its_chapter(kinds):
    row = declared(verses=MINE)["verses"]
    score, tabulate, draw = row.settings.steps
    assert row.paths.key == "rows.verses"
    assert row.outputs(score) == {
        "texts": "results/samples/mine/verses.jsonl",
        "scores": "results/scores/mine/verses.parquet",
    }
    assert row.outputs(tabulate) == {MAIN: "results/tables/mine/verses.csv", "recall": "results/tables/mine/verses_recall.csv"}
    assert row.outputs(draw) == {"recall": "results/figures/mine/verses_recall.svg"}
    assert (row.tables, row.figures) == (row.outputs(tabulate), row.outputs(draw))
    assert row.scores == ["results/scores/mine/verses.parquet"]
    assert row.records() == [
        "results/samples/mine/verses.jsonl.provenance.json",
        "results/tables/mine/verses.csv.provenance.json",
        "results/figures/mine/verses_recall.svg.provenance.json",
    ]


@pytest.mark.parametrize(
    ("files", "table"), [("{name}_{table}", "found_recall"), ("{table}", "recall"), ("{table}_of_{name}", "recall_of_found")]
)
def test_a_name_and_a_pattern_of_its_own(kinds, files, table):
    row = declared(verses={**MINE, "name": "found", "files": files})["verses"]
    assert row.paths.scores == "results/scores/mine/found.parquet"
    assert row.tables == {MAIN: "results/tables/mine/found.csv", "recall": f"results/tables/mine/{table}.csv"}


def test_the_chapter_is_by_default_the_write_up_of_the_letter_of_the_key(kinds):
    assert {key: row.paths.chapter for key, row in declared(A7={"kind": "ranking"}, mine=MINE).items()} == {
        "A7": "char_gpt",
        "mine": "mine",
    }


def test_a_row_gets_what_the_sections_report_that_show_something_of_it(kinds):
    rows = declared(A1={"kind": "ranking", "name": "verses", "files": "{table}"}, mine=MINE)
    assert rows["A1"].paths.reported == {"losses": {"last": {"loss": 1.5}}, "steps": {"last": {"step": 9}}}
    assert rows["mine"].paths.reported == {}


def test_a_step_may_make_nothing_but_scores():
    paths = RowPaths("rows.mine", "mine", "verses", "{name}_{table}", {})
    assert DeclaredRow(paths, None).record(Step("score", "", "", scores=True)) == f"{paths.scores}.provenance.json"


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ({"mine": {**MINE, "kind": "rankings"}}, "rows.mine.kind: 'rankings' is no kind of row; did you mean ranking?"),
        ({"mine": {**MINE, "kind": "x"}}, "rows.mine.kind: 'x' is no kind of row; expected one of drawing, ranking"),
        ({"mine": {**MINE, "kind": ["ranking"]}}, "rows.mine.kind: ['ranking'] is no kind of row; did you mean ranking?"),
        ({"mine": {"chapter": "mine"}}, "rows.mine.kind: this key is required"),
        ({"mine": ["ranking"]}, "rows.mine: expected a group of keys, found ['ranking']"),
        ({"mine": {**MINE, "corpse": "x"}}, "rows.mine.corpse: unknown key; did you mean corpus?"),
        ({"mine": {**MINE, "name": "my row"}}, "rows.mine.name: string should match pattern"),
        ({"mine": {**MINE, "files": "{tabel}"}}, "rows.mine.files: expected a pattern with {table}, and {name} where names"),
        ({"mine": {**MINE, "files": "{name}"}}, "rows.mine.files: expected a pattern with {table}, and {name} where names"),
        ({"mine": {**MINE, "chapter": "mien"}}, "rows.mine.chapter: 'mien' is not among the chapters; did you mean 'mine'?"),
        (
            {"verses": {"kind": "ranking"}},
            "rows.verses.chapter: this key is required; expected one of char_gpt, mine, or declare your own",
        ),
        ({"Z1": {"kind": "ranking"}}, "rows.Z1.chapter: this key is required"),
        (
            {"a": {**MINE, "name": "verses"}, "b": {**MINE, "kind": "drawing", "name": "verses"}},
            "rows.b.name: rows.a has the name 'verses' already; expected one of its own",
        ),
        (
            {"a": {**MINE, "files": "{table}"}, "b": {**MINE, "files": "{table}"}},
            "rows.b.files: rows.a makes results/tables/mine/recall.csv already; expected other names, such as with {name}",
        ),
        ({"claims": MINE}, "rows.claims.name: the report itself has jobs of the name 'claims'; expected another one"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_key(kinds, rows, sentence):
    with pytest.raises(UserError) as error:
        declared(**rows)
    assert str(error.value).startswith(sentence) and "\n" not in str(error.value)


TEXTS = {"kind": "texts", "chapter": "my_chapter", "title": "Texts", "text": "Mine.", "samplings": ["arguments"]}


@pytest.mark.parametrize(
    ("overlay", "sentence"),
    [
        ({"samplings": ["argument"]}, "rows.mine.samplings: 'argument' is not among the samplings; did you mean 'arguments'?"),
        ({"samplings": []}, "rows.mine.samplings: list should have at least 1 item"),
        ({"samplings": None}, "rows.mine.samplings: this key is required"),
        (
            {"kind": "retrieval", "probes": ["balanced"], "samplings": None},
            "rows.mine.probes: 'balanced' is of the kind classifier, expected a probe of the kind retriever",
        ),
        ({"title": None}, "rows.mine.title: this key is required, since no write-up's file says it"),
        ({"text": ""}, "rows.mine.text: this key is required, since no write-up's file says it"),
        ({"name": "arguments"}, "rows.mine.name: rows.A5 has the name 'arguments' already; expected one of its own"),
    ],
)
def test_a_mistake_in_a_users_row_of_the_configuration(merged, overlay, sentence):
    raw = merged() | {"chapters": {"my_chapter": {"title": "Mine"}}}
    raw["rows"] = {"A5": raw["rows"]["A5"], "mine": {**TEXTS, **overlay}}
    with pytest.raises(UserError) as error:
        resolve(raw)
    assert str(error.value).startswith(sentence) and "\n" not in str(error.value)


# --- the kinds there are ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", registry.kinds())
def test_a_kind_says_what_it_is_and_its_steps_are_functions_beside_it(kind, merged):
    row = registry.row_kind(kind, "rows.x")
    assert row.__doc__ and row.model_fields["kind"].annotation.__args__ == (kind,)
    steps = [
        step for placed in resolve(merged()).rows.values() if placed.settings.kind == kind for step in placed.settings.steps
    ]
    assert steps
    for step in steps:
        module, _, function = step.function.partition(".")
        tree = ast.parse((ROWS / kind / f"{module}.py").read_text(encoding="utf-8"))
        public = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert ast.get_docstring(public[function]), step.function
        assert step.does.endswith(".") and step.environment in ("report", "train")
        assert step.environment == "train" or not step.network


def imported(path: Path) -> list[list[str]]:
    """The parts of the names below the folder of rows that a module imports, at the top or inside a function."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    parts = [name.split(".")[2:] for name in names if name.startswith("relab.rows.")]
    return [below for below in parts if (ROWS / below[0]).is_dir()]


@pytest.mark.parametrize("path", sorted(ROWS.glob("*/**/*.py")), ids=lambda path: path.relative_to(ROWS).as_posix())
def test_no_kind_imports_from_another_nor_a_step_from_its_declarations(path):
    """The declarations are no part of a step's code: what they share with it must stand in a module of its own."""
    kind = path.relative_to(ROWS).parts[0]
    for folder, *names in imported(path):
        assert folder in (kind, "shared")
        if folder == kind != "shared":
            assert names and (ROWS / kind / f"{names[0]}.py").is_file(), f"{names} stand in the declarations of the kind"


def test_nothing_else_in_the_library_imports_from_a_kind():
    library = [path for path in ROWS.parent.rglob("*.py") if ROWS not in path.parents or path.parent == ROWS]
    assert len(library) > 100
    assert not [path for path in library if imported(path)]
