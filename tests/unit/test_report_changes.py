"""What changed since the last report of a run: told once and told again, and nothing of a first report."""

import json

import pytest
from support import report_run

from relab.report.changes import Changes, History, history_file, report_summary


def report(steps: int = 500, **verdicts: str) -> dict:
    claims = [{"claim": name, "verdict": verdict, "says": "…"} for name, verdict in verdicts.items()]
    return report_summary(claims, {"models": {"gpt": {"training": {"steps": steps}, 1: "a key that JSON makes a text"}}})


def test_verdicts_and_settings_that_differ_are_told():
    old = report(a="reproduced", b="undecided", gone="fact")
    changes = Changes.between(old, report(100, a="reproduced", b="contradicted", come="fact"))
    assert changes.verdicts == {"b": ("undecided", "contradicted"), "come": (None, "fact"), "gone": ("fact", None)}
    assert list(map(str, changes.settings)) == ["models.gpt.training.steps: 500 → 100"]
    assert Changes.between(old, old) == Changes({}, [])


def test_a_first_report_tells_no_change_and_a_page_built_again_the_same_ones(tmp_path):
    file = tmp_path / "state/report.json"

    def changes(new: dict) -> Changes | None:
        history = History(file)
        found = history.changes(new)
        history.add(new)
        return found

    first, second = report(a="undecided"), report(a="reproduced")
    assert changes(first) is changes(first) is None
    told = changes(second)
    assert told.verdicts == {"a": ("undecided", "reproduced")} and changes(second) == told
    assert changes(first).verdicts == {"a": ("reproduced", "undecided")}
    assert len(json.loads(file.read_text())) == 2


@pytest.mark.parametrize("content", ["", "[1", "[{}]", '[{"verdicts": {}}]', "{}"])
def test_a_damaged_history_is_none(tmp_path, content):
    file = tmp_path / "report.json"
    file.write_text(content)
    assert History(file).changes(report(a="fact")) is None


def test_runs_that_share_a_folder_of_state_keep_their_own_history(tmp_path, monkeypatch):
    monkeypatch.delenv("RELAB_STATE", raising=False)
    assert str(history_file()) == "state/report.json"
    monkeypatch.setenv("RELAB_STATE", str(tmp_path))
    files = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        files.add(history_file())
    assert len(files) == 2 and {file.parent for file in files} == {tmp_path}


def test_the_page_tells_what_changed_with_links(tmp_path, monkeypatch):
    monkeypatch.delenv("RELAB_STATE", raising=False)
    report_run.make_run(tmp_path)
    page, ledger = tmp_path / "results/report.html", tmp_path / report_run.LEDGER
    assert report_run.build(tmp_path).returncode == 0
    first = page.read_text(encoding="utf-8")
    assert "Since the last report" not in first
    assert report_run.build(tmp_path).returncode == 0 and page.read_text(encoding="utf-8") == first
    ledger.write_text(ledger.read_text(encoding="utf-8").replace("contradicted", "undecided"), encoding="utf-8")
    assert report_run.build(tmp_path).returncode == 0
    second = page.read_text(encoding="utf-8")
    assert "Since the last report of this run: 1 verdict changed, no setting changed" in second
    start = second.index('<details class="notes changes"')
    told = second[start : second.index("</details>", start)]
    assert '<a href="#claim-A2-9">Claim 9 of row A2</a>' in told
    assert told.index("contradicted") < told.index("→") < told.index("undecided")
