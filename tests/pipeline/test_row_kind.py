"""A kind of row is a folder, a user's row an entry: both are in the report, and nothing else is touched or computed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from support.runs import TINY, copy_checkout, job_counts, run_snakemake

from relab.files import read_csv

TOY = Path(__file__).parents[1] / "support/toy"
OVERLAY = {
    "chapters": {"mine": {"title": "My own rows"}},
    "rows": {
        "my_words": {
            **{"kind": "toy", "chapter": "mine", "title": "Words of Ruth", "text": "A sentence about *words*."},
            **{"corpus": "italian", "words": 4},
        }
    },
    "report": {"rows": ["my_words"]},
    "claims": {
        "mine-long": {
            **{"row": "my_words", "writeup": "mine", "says": "It has more than a thousand words", "source": "me"},
            "comparison": {
                **{"kind": "above", "value": 1000},
                "measure": {"experiment": "words", "metric": "number", "split": "train"},
            },
        }
    },
}
WORDS = (*TINY, "mine.yaml")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of the checkout with one folder and one overlay more, and the finished run of that row in it."""
    copy = tmp_path_factory.mktemp("with a toy")
    copy_checkout(copy)
    shutil.copytree(TOY, copy / "scripts/relab/rows/toy")
    (copy / "mine.yaml").write_text(yaml.safe_dump(OVERLAY), encoding="utf-8")
    done = run_snakemake(copy, "--cores", "2", *WORDS, checkout=copy, forked=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return copy


def plan(checkout: Path, *words: str) -> dict[str, int]:
    return job_counts(run_snakemake(checkout, "-n", "--quiet", "rules", *(words or WORDS), checkout=checkout))


def test_the_page_has_its_chapter_title_sentence_table_figure_and_claim(checkout):
    page = (checkout / "results/report.html").read_text(encoding="utf-8")
    assert re.search(r'<section class="chapter" id="mine".*?My own rows</h2>', page, re.S)
    assert re.findall(r'<section class="row" id="([^"]+)"', page) == ["my_words"]
    row = page[page.index('<section class="row" id="my_words"') :]
    assert "Words of Ruth</h3>" in row and "A sentence about <em>words</em>." in row
    assert "The most frequent words</h4>" in row and "<desc" in row and "A bar for each word of the table." in row
    table = read_csv(checkout / "results/tables/mine/my_words.csv")
    assert len(table) == 4 and all(f">{word}<" in row for word in table["word"])
    ledger = read_csv(checkout / "results/tables/overview/ledger.csv")
    assert ledger[["claim", "verdict"]].to_dict("records") == [{"claim": "mine-long", "verdict": "reproduced"}]


def test_nothing_else_was_computed_or_fetched(checkout):
    made = {path.relative_to(checkout / "results").as_posix() for path in (checkout / "results").glob("*/*")}
    assert {path for path in made if not path.startswith(("logs/", "benchmarks/"))} == {
        *("assets/tiny_italian", "corpora/italian", "scores/mine", "tables/mine", "tables/overview", "figures/mine"),
    }
    tables = {path.name for path in (checkout / "results/tables/overview").glob("*.csv")}
    assert tables == {"assets.csv", "corpora.csv", "ledger.csv"}


def test_the_menu_names_its_target_and_its_jobs(checkout):
    menu = run_snakemake(checkout, "--list", *WORDS, checkout=checkout).stdout
    for name, told in {
        **{"mine": "My own rows", "my_words": "Words of Ruth"},
        "tabulate_my_words": r"Write the table of the most frequent words \(my_words\)",
    }.items():
        assert re.search(rf"^{name} \(.*{told}", menu, re.M), name
    assert not re.search(r"^(A1|char_gpt|score_retrieval) ", menu, re.M)


def test_a_finished_run_has_nothing_to_do(checkout):
    assert plan(checkout) == {}


@pytest.mark.parametrize(
    ("edits", "jobs"),
    [
        ({"tables.py": ('"word", "count"', '"word", "number"')}, ["tabulate_my_words", "draw_my_words"]),
        ({"figures.py": ("(4, 2)", "(4, 3)")}, ["draw_my_words"]),
        ({"scores.py": ("len(text.split())", "len(text)")}, ["score_my_words", "score_claims"]),
        ({"show.yaml": ("How often they occur", "Their frequency")}, []),
        ({"tables.py": ("The step", "What it does: the step"), "__init__.py": ("Count all words.", "Count them.")}, None),
    ],
)
def test_an_edited_module_reruns_its_step_and_what_reads_its_files(checkout, edits, jobs):
    kind = checkout / "scripts/relab/rows/toy"
    before = {kind / file: (kind / file).read_text(encoding="utf-8") for file in edits}
    for path, text in before.items():
        old, new = edits[path.name]
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
    try:
        assert plan(checkout) == ({} if jobs is None else dict.fromkeys([*jobs, "build_report"], 1))
    finally:
        for path, text in before.items():
            path.write_text(text, encoding="utf-8")


def test_a_changed_setting_reruns_the_step_that_gets_it(checkout):
    overlay = {"rows": {"my_words": {"words": 5}}}
    (checkout / "more.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    planned = plan(checkout, *WORDS, "more.yaml")
    assert planned == {"tabulate_my_words": 1, "draw_my_words": 1, "build_report": 1}
