"""The page and the CSV of a comparison, made by the command itself."""

from __future__ import annotations

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.made_runs import FIGURE, SVG, TABLE, job, make_run, rows, without_report
from support.runs import run_relab

from relab.commands import compare as command
from relab.comparison.compare import compare
from relab.comparison.page import build_page, format_number, format_percent, format_signed
from relab.errors import UserError
from relab.files import read_csv

LATER = "2026-02-02T03:04:05+00:00"
HOSTILE = "</td><script>document.title='taken'</script><b>&amp;\u202e"


class Page(HTMLParser):
    """The tags, ids, references to ids and text of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.ids, self.links, self.words = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [text for key, text in attrs if key == "id"]
        self.links += [text for key, text in attrs if key in ("href", "src")]

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page(a: Path, b: Path) -> Page:
    return Page(build_page(compare(a, b), "scores.csv"))


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("two runs")
    a = make_run(folder / "a", scores=rows(loss=[2.0, 2.2], share=[0.5, 0.7], same=[1.0], gone=[1.0]))
    b = make_run(
        folder / "runs/b",
        scale="full",
        width=64,
        scores=rows(loss=[1.0, 1.2], share=[0.5, 0.6], same=[1.0], come=[3.0]),
        table="width,text\n64,Per una selva oscura\n",
        bar=7,
        started=LATER,
    )
    return a, b


@pytest.fixture(scope="module")
def made(two_runs) -> subprocess.CompletedProcess:
    return run_relab("compare", "a", "runs/b", cwd=two_runs[0].parent)


def test_the_program_says_what_it_found_and_where_it_is(made, two_runs):
    assert made.returncode == 0 and made.stderr == ""
    assert made.stdout.splitlines() == [
        "1 setting differs.",
        "2 of 3 comparable scores changed, 1 of them beyond chance; 1 only in A; 1 only in B.",
        "4 of 4 shared artefacts recomputed, 3 of them changed; 1 only in A; 1 only in B.",
        "page:   comparisons/a--runs-b.html",
        "scores: comparisons/a--runs-b.csv",
    ]
    assert sorted(path.name for path in (two_runs[0].parent / "comparisons").iterdir()) == ["a--runs-b.csv", "a--runs-b.html"]


def test_the_csv_holds_all_scores_joined(made, two_runs):
    table = read_csv(two_runs[0].parent / "comparisons/a--runs-b.csv", dtype={"seed": str})
    assert ",".join(table.columns) == (
        "writeup,experiment,seed,split,metric,counterpart,old,old_low,old_high,new,new_low,new_high,"
        "difference,relative_difference,difference_low,difference_high,seeds_old,seeds_new,n_old,n_new,unit,verdict"
    )
    assert len(table) == 3 + 3 + 2 + 2 + 2
    row = table[(table["metric"] == "loss") & (table["seed"] == "all")].iloc[0]
    assert (row["old"], row["new"], row["n_old"], row["n_new"]) == (2.1, 1.1, 2, 2)
    assert row["difference"] == pytest.approx(-1.0) and row["relative_difference"] == pytest.approx(-1 / 2.1)
    assert (row["seeds_old"], row["seeds_new"], row["unit"], row["verdict"]) == (2, 2, "seed", "beyond chance")
    assert set(table["writeup"]) == {"char_gpt"}


def test_the_page_is_one_file_whose_ids_are_distinct(made, two_runs):
    text = (two_runs[0].parent / "comparisons/a--runs-b.html").read_text(encoding="utf-8")
    shown = Page(text)
    assert shown.tags.count("script") == 1 and "@import" not in text and "url(http" not in text
    assert [link for link in shown.links if not link.startswith(("#", "data:"))] == ["a--runs-b.csv"]
    assert len(set(shown.ids)) == len(shown.ids)
    assert {link[1:] for link in shown.links if link.startswith("#")} <= set(shown.ids)


def test_the_page_says_what_differs(two_runs):
    shown = page(*two_runs).text
    assert "a (small) and runs/b (full) compared" in shown
    assert "The runs are of different scales" in shown
    assert "models.gpt.width 32 64" in shown
    assert "loss 2.1 [0.8, 3.4] 1.1 [−0.2, 2.4] −1 [−1, −1] −47.62 % 2, 2 2, 2 seeds beyond chance" in shown
    assert shown.index(" loss 2.1") < shown.index(" share 0.6") < shown.index("unchanged: 1")
    assert "only in A: 1" in shown and "only in B: 1" in shown
    assert "results/scores/char_gpt/losses.parquet recomputed, changed input results/models/italian-w32" in shown
    assert "Nel mezzo" in shown and "Per una selva oscura" in shown


def test_the_page_of_a_run_of_single_targets(two_runs, tmp_path):
    shown = page(two_runs[0], without_report(make_run(tmp_path / "b", started=LATER))).text
    assert (
        "/a (small) and" in shown and "/b (without a report) compared" in shown and "none: the targets that were made" in shown
    )
    assert "different scales" not in shown and "the same configuration" not in shown


def test_the_page_begins_with_the_summary(two_runs):
    shown = page(*two_runs)
    assert shown.ids[:2] == ["content", "summary"]
    assert shown.text.index("1 setting differs.") < shown.text.index("Settings that differ")


def test_both_figures_stand_in_the_page_with_ids_of_their_own(two_runs):
    shown = page(*two_runs)
    assert shown.tags.count("svg") == 2
    assert {"A-figures-1-box", "B-figures-1-box"} <= set(shown.ids) and "#B-figures-1-box" in shown.links


def test_what_is_the_same_is_counted_and_not_shown(two_runs, tmp_path):
    shown = page(two_runs[0], make_run(tmp_path / "copy", scores=rows(loss=[2.0, 2.2]), started=LATER))
    assert "0 differ, 1 has the same bytes in both runs" in shown.text and "Nel mezzo" not in shown.text
    assert "svg" not in shown.tags and "None: both runs have the same configuration." in shown.text


def test_a_table_and_a_figure_that_one_run_lacks(two_runs, tmp_path):
    b = make_run(tmp_path / "b", started=LATER)
    table, figure = TABLE.replace("losses", "more"), FIGURE.replace("losses", "more")
    job(b, "tabulate", {table: b"width,loss\n32,1.5\n"})
    job(b, "plot", {figure: SVG.format(3).encode()}, [table])
    job(b, "build_report", {"results/report.html": b""}, [TABLE, FIGURE, table, figure], {"scale": "small", "config": {}})
    shown = page(two_runs[0], b)
    assert shown.text.count("This run has none.") == 2 and "1.5" in shown.text and shown.tags.count("svg") == 1


def test_a_long_table_is_folded(two_runs, tmp_path):
    long = "step,loss\n" + "".join(f"{step},{1 / (1 + step)}\n" for step in range(41))
    shown = page(two_runs[0], make_run(tmp_path / "b", table=long, started=LATER))
    assert "Show all 41 lines" in shown.text and "Nel mezzo" in shown.text and "Show all" not in page(*two_runs).text


def test_an_interval_stands_in_the_cell_of_its_value(two_runs, tmp_path):
    b = make_run(tmp_path / "b", table="width,loss,loss_low,loss_high\n32,1.5,1.25,1.75\n", started=LATER)
    shown = page(two_runs[0], b).text
    assert "1.50 [1.25, 1.75]" in shown and "loss low" not in shown


def test_both_sides_show_a_column_in_one_way(two_runs, tmp_path):
    long = make_run(tmp_path / "b", table=f"width,text\n32,{'parola ' * 20}\n", started=LATER)
    for a, b in ((two_runs[0], long), (long, two_runs[0])):
        assert build_page(compare(a, b), "s.csv").count('class="generated"') == 2


def test_texts_of_a_run_are_no_markup(two_runs, tmp_path):
    b = make_run(
        tmp_path / "<b>b</b>",
        scale=HOSTILE,
        config={HOSTILE: HOSTILE},
        scores=rows(**{HOSTILE: [1.0]}),
        table=f'width,{HOSTILE}\n1,"{HOSTILE}"\n',
        versions={HOSTILE: HOSTILE},
        started=LATER,
    )
    shown = page(two_runs[0], b)
    assert shown.tags.count("script") == 1 and "b" not in shown.tags
    assert shown.text.count("<script>document.title='taken'</script><b>&amp; U+202E") >= 6


def test_many_reasons_are_folded_and_none_is_lost(tmp_path):
    a, b = (
        make_run(tmp_path / version, versions={f"package{number}": version for number in range(9)}, started=started)
        for version, started in (("1", "2026-01-02T03:04:05+00:00"), ("2", LATER))
    )
    shown = page(a, b)
    assert all(f"version of package{number}: 1 → 2" in shown.text for number in range(9))
    assert shown.tags.count("details") >= 4


def test_a_width_that_took_anothers_place(two_runs, tmp_path):
    runs = [
        make_run(
            tmp_path / name,
            width=width,
            scores=rows(loss=[1 / width, 1.2 / width]).assign(experiment=f"italian/width {width}"),
            config={"models": {"gpt": {"sweep": {"architecture.width": [width]}}}},
        )
        for name, width in (("a", 8), ("b", 16))
    ]
    shown = page(*runs).text
    assert "models.gpt.sweep.architecture.width [8] [16]" in shown
    start = shown.index("italian/width 8 → italian/width 16 char_gpt validation loss ")
    assert re.search(r"loss 0\.\d+ \[.+?\] 0\.\d+ \[.+?\] −0\.\d+ \[−.+?\] −50 % ", shown[start : start + 200])


def test_the_same_runs_give_the_same_page(two_runs):
    assert build_page(compare(*two_runs), "s.csv") == build_page(compare(*two_runs), "s.csv")


def test_an_output_of_ones_own(two_runs, tmp_path):
    command.main([*map(str, two_runs), "--output", str(tmp_path / "new folder" / "what.html")])
    assert sorted(path.name for path in (tmp_path / "new folder").iterdir()) == ["what.csv", "what.html"]


def test_a_mistake_is_one_sentence(two_runs):
    done = run_relab("compare", "a", "c", "--output", "never.html", cwd=two_runs[0].parent)
    assert done.returncode == 1 and done.stdout == "" and not Path(two_runs[0].parent, "never.html").exists()
    assert done.stderr.startswith("error: c: no such folder") and done.stderr.count("\n") == 1


def test_an_output_that_is_no_page(two_runs):
    done = run_relab("compare", "a", "runs/b", "--output", "scores.csv", cwd=two_runs[0].parent)
    assert done.returncode == 1 and "expected a file name that ends in .html, found scores.csv" in done.stderr


def test_nothing_is_left_of_a_page_that_cannot_be_made(two_runs, tmp_path):
    b = make_run(tmp_path / "b", table="width,width\n1,2\n", started=LATER)
    with pytest.raises(UserError, match=r"losses\.csv, line 1"):
        command.main([str(two_runs[0]), str(b), "--output", str(tmp_path / "out/page.html")])
    assert list((tmp_path / "out").iterdir()) == []


def test_numbers_as_the_page_shows_them():
    nothing = float("nan")
    assert [format_number(one) for one in (2.123456, -1.0, 3, nothing)] == ["2.123", "−1", "3", "–"]
    assert [format_signed(one) for one in (0.5, -0.5, 0.0, nothing)] == ["+0.5", "−0.5", "0", "–"]
    assert [format_percent(one) for one in (0.12345, -1.0, nothing)] == ["+12.35\u00a0%", "−100\u00a0%", "–"]
