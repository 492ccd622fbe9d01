"""The digest of a program's code: what changes it and what does not."""

from __future__ import annotations

import pytest

from relab.digest import _read, closure, code_digest

FILES = {
    "job.py": '"""Do it."""\nfrom relab.errors import run\n\ndef main():\n    from relab.deep import inner\n    inner.f(1)\n',
    "relab/__init__.py": "",
    "relab/errors.py": "def run(f):\n    f()\n",
    "relab/deep/__init__.py": "",
    "relab/deep/inner.py": 'from . import other\n\n\ndef f(x):\n    """Doc."""\n    # why\n    return other.g(x) + 1\n',
    "relab/deep/other.py": "def g(x):\n    return x\n",
    "relab/unused.py": "x = 1\n",
}


@pytest.fixture
def program(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "job.py"


def digest(program):
    _read.cache_clear()
    return code_digest(program)


def edit(program, name, old, new):
    path = program.parent / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_closure_follows_imports_inside_functions_and_relative_ones(program):
    found = {path.relative_to(program.parent).as_posix() for path in closure(program, program.parent)}
    assert found == set(FILES) - {"relab/unused.py"}


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


def test_every_program_of_a_rule_has_its_closure_in_the_package(checkout):
    reached = closure(checkout / "scripts/train_model.py", checkout / "scripts")
    names = {path.relative_to(checkout / "scripts").as_posix() for path in reached}
    assert {"relab/jobs.py", "relab/settings/models.py"} <= names
    assert not {"relab/settings/corpora.py", "relab/settings/chapters.py"} & names, "training must not depend on other settings"
