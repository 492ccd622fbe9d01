"""The digest of a program's code: what changes it and what does not."""

from __future__ import annotations

import re

import pytest
from support.runs import CHECKOUT

from relab.digest import _imported_files_and_code, code_digest, import_closure
from relab.rows import registry
from relab.settings.config import resolve

FILES = {
    "job.py": '"""Do it."""\nfrom relab.errors import run\n\ndef main():\n    from relab.deep import inner\n    inner.f(1)\n',
    "relab/__init__.py": "",
    "relab/errors.py": "def run(f):\n    f()\n",
    "relab/deep/__init__.py": "",
    "relab/deep/inner.py": 'from . import other\n\n\ndef f(x):\n    """Doc."""\n    # why\n    return other.g(x) + 1\n',
    "relab/deep/other.py": "def g(x):\n    return x\n",
    "relab/unused.py": "x = 1\n",
    # a kind of row: its declarations, a step that is loaded by name, what several kinds share
    "relab/rows/__init__.py": "",
    "relab/rows/ranking/__init__.py": "STEPS = 1\n",
    "relab/rows/ranking/scores.py": "from relab.rows.ranking.names import A\nfrom relab.rows.shared import losses\n",
    "relab/rows/ranking/names.py": "A = 1\n",
    "relab/rows/ranking/tables.py": "B = 1\n",
    "relab/rows/shared/__init__.py": "",
    "relab/rows/shared/losses.py": "C = 1\n",
}
STEP = "relab.rows.ranking.scores"


@pytest.fixture
def program(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "job.py"


def digest(program, *modules):
    _imported_files_and_code.cache_clear()
    return code_digest(program, *modules)


def edit(program, name, old, new):
    path = program.parent / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_closure_follows_imports_inside_functions_and_relative_ones(program):
    found = {path.relative_to(program.parent).as_posix() for path in import_closure(program, program.parent)}
    assert found == {name for name in FILES if "rows" not in name} - {"relab/unused.py"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("job.py", '"""Do it."""', '"""Do it well."""'),
        ("relab/deep/inner.py", "# why", "# why indeed"),
        ("relab/deep/inner.py", '"""Doc."""', '"""Better."""'),
        ("relab/deep/inner.py", "other.g(x) + 1", "other.g( x )+1"),
        ("relab/unused.py", "1", "2"),
    ],
)
def test_comments_docstrings_layout_and_other_modules_change_nothing(program, name, old, new):
    before = digest(program)
    edit(program, name, old, new)
    assert digest(program) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("job.py", "f(1)", "f(2)"),
        ("relab/deep/inner.py", "+ 1", "+ 2"),
        ("relab/deep/other.py", "return x", "return -x"),
        ("relab/errors.py", "f()", "return f()"),
        ("relab/deep/__init__.py", "", "import math"),
    ],
)
def test_an_edited_line_of_any_imported_module_changes_it(program, name, old, new):
    before = digest(program)
    edit(program, name, old, new)
    assert digest(program) != before


def test_describing_a_setting_or_an_option_changes_nothing(program):
    path = program.parent / "relab/deep/other.py"
    path.write_text('def g(x):\n    return Field(x, description="one", ge=0)\n')
    before = digest(program)
    edit(program, "relab/deep/other.py", "one", "two")
    assert digest(program) == before
    edit(program, "relab/deep/other.py", "ge=0", "ge=1")
    assert digest(program) != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("job.py", "f(1)", "f(2)"),
        ("relab/rows/__init__.py", "", "import math"),
        ("relab/rows/ranking/scores.py", "from relab.rows.shared", "X = 2\nfrom relab.rows.shared"),
        ("relab/rows/ranking/names.py", "1", "2"),
        ("relab/rows/shared/losses.py", "1", "2"),
    ],
)
def test_what_a_module_that_is_loaded_by_name_imports_counts_too(program, name, old, new):
    before, alone = digest(program, STEP), digest(program)
    edit(program, name, old, new)
    assert digest(program, STEP) != before
    assert (digest(program) == alone) == (name != "job.py"), "the program alone imports none of it"


@pytest.mark.parametrize("name", ["relab/rows/ranking/__init__.py", "relab/rows/ranking/tables.py"])
def test_neither_the_declarations_of_a_kind_nor_its_other_steps_are_code_of_a_step(program, name):
    """The declarations say which files and settings a job gets, and Snakemake compares these."""
    before = digest(program, STEP)
    edit(program, name, "1", "2")
    assert digest(program, STEP) == before


def test_training_depends_on_the_settings_of_models_alone(checkout):
    reached = import_closure(checkout / "scripts/train_model.py", checkout / "scripts")
    names = {path.relative_to(checkout / "scripts").as_posix() for path in reached}
    assert {"relab/jobs.py", "relab/settings/models.py"} <= names
    assert not {"relab/settings/corpora.py", "relab/settings/config.py"} & names
    assert not any(name.startswith("relab/rows/") for name in names)


def programs() -> list[str]:
    """The programs of the rules apart from those that make the report."""
    rules = [path.read_text(encoding="utf-8") for path in (CHECKOUT / "rules").glob("*.smk") if path.name != "report.smk"]
    return sorted({name for text in rules for name in re.findall(r'program\("(\w+)"\)', text)})


@pytest.mark.parametrize("program", programs())
def test_no_job_but_the_reports_depends_on_all_settings_or_on_the_contract_of_rows(checkout, program):
    reached = import_closure(checkout / f"scripts/{program}.py", checkout / "scripts")
    names = {path.relative_to(checkout / "scripts").as_posix() for path in reached}
    handed = {"relab/rows/__init__.py", "relab/rows/job.py"} if program == "row" else set()
    assert {name for name in names if name.startswith("relab/rows/")} == handed
    assert not {"relab/settings/config.py", "relab/settings/writeups.py"} & names


@pytest.mark.parametrize("kind", registry.kinds())
def test_a_step_of_a_kind_has_none_of_the_code_of_another(checkout, merged, kind):
    rows = [row for row in resolve(merged()).rows.values() if row.settings.kind == kind]
    modules = {step.function.partition(".")[0] for row in rows for step in row.settings.steps}
    folder = checkout / "scripts/relab/rows" / kind
    for module in modules:
        reached = import_closure(folder / f"{module}.py", checkout / "scripts")
        assert not {other for other in modules - {module} if folder / f"{other}.py" in reached}, f"{module}.py imports them"
