"""The sources as a whole: files of one subject, few rules, and stages that know no row (CONTRIBUTING, Layout)."""

import re
from pathlib import Path

import pytest
import yaml
from support.runs import CHECKOUT

SOURCES = {".py", ".smk", ".css", ".js", ".j2"}


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in (CHECKOUT / folder).rglob("*") if path.suffix in SOURCES]


@pytest.mark.parametrize("folder", ["scripts", "rules", "tests", "benchmarks", "envs"])
def test_no_file_has_more_than_400_lines(folder):
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources(folder)}
    assert lines and not {path for path, number in lines.items() if number > 400}


def test_all_rules_together_have_at_most_1100_lines():
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in sources("rules")) <= 1100


def test_rows_and_writeups_are_named_in_no_stage():
    writeups = [path.name.partition(".")[0] for path in (CHECKOUT / "config/writeups").glob("*.claims.yaml")]
    rows = yaml.safe_load((CHECKOUT / "config/config.yaml").read_text(encoding="utf-8"))["rows"]
    words = {*rows, *writeups} - {"stories", "generative"}  # words of the language
    named = re.compile(rf"\b({'|'.join(map(re.escape, sorted(words)))})\b")
    stages = [path for path in sources("scripts/relab", "rules") if "rows" not in path.relative_to(CHECKOUT).parts]
    found = {path: named.findall(path.read_text(encoding="utf-8")) for path in stages}
    assert len(words) > 30 and not {path: names for path, names in found.items() if names}
