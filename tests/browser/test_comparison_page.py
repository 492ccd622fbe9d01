"""The comparison of two runs in a real browser: it fits every width, reads in both schemes, keeps texts data."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.contrast import CONTRASTS
from support.made_runs import make_run, rows

from relab.comparison.compare import compare
from relab.comparison.page import build_page

HOSTILE = "</pre></td><script>document.title = 'taken'</script>\u202e"


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """The comparison of two runs in which everything differs, one of them with long names and hostile texts."""
    folder = tmp_path_factory.mktemp("two runs")
    a = make_run(folder / "a", scores=rows(loss=[2.0, 2.2], share=[0.5, 0.7], same=[1.0], gone=[1.0]))
    b = make_run(
        folder / "runs/b",
        scale="full",
        width=64,
        scores=rows(**{"loss": [1.0, 1.2], "share": [0.5, 0.6], "same": [1.0], HOSTILE: [3.0]}),
        table=f'width,text\n64,"{HOSTILE * 9}"\n',
        bar=7,
        config={"models": {"a_very_long_name_of_a_declaration": {"architecture": {"width": 64}, "note": HOSTILE}}},
        versions={"python": "3.12.1"},
        started="2026-02-02T03:04:05+00:00",
    )
    page = folder / "page.html"
    page.write_text(build_page(compare(a, b), "scores.csv"), encoding="utf-8")
    return page


@pytest.fixture
def visit(visitor, file):
    return visitor(file)


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_nothing_is_wider_than_the_page(visit, width):
    assert visit(width, unfold=True).evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width, beside", [(360, False), (1400, True)])
def test_the_runs_stand_beside_each_other_where_there_is_room(visit, width, beside):
    pairs = visit(width).locator(".pair")
    assert pairs.count() == 2
    for pair in pairs.all():
        left, right = (pair.locator("> div").nth(place).bounding_box() for place in (0, 1))
        assert (left["y"] == right["y"] and left["x"] + left["width"] <= right["x"]) == beside
        assert (left["x"] == right["x"] and left["y"] + left["height"] <= right["y"]) != beside


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("media", ["screen", "print"])
def test_text_stands_out_in_both_schemes(visit, scheme, media):
    page = visit(unfold=True, color_scheme=scheme)
    page.emulate_media(media=media, color_scheme=scheme)
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 100 and min(contrasts)[0] >= 4.5, min(contrasts)


def test_texts_of_a_run_are_data(visit):
    page = visit(unfold=True)
    assert page.title() == "a and runs/b compared"
    assert page.locator("script").count() == 1  # the page's own
    assert page.locator("iframe, object, embed, img, link[rel=stylesheet]").count() == 0
    assert page.locator("#tables .generated").last.inner_text() == HOSTILE.replace("\u202e", "U+202E") * 9


def test_tables_are_sorted_by_a_click_and_as_wide_as_they_may_be(visit):
    page = visit()
    settings = page.locator("#settings table")
    assert settings.locator("thead th").all_inner_texts() == ["Setting", "A", "B"]
    keys = settings.locator("tbody th").all_inner_texts()
    settings.get_by_role("button", name="Setting").press("Enter")
    settings.get_by_role("button", name="Setting").press("Enter")
    assert settings.locator("tbody th").all_inner_texts() == sorted(keys, reverse=True) and len(keys) > 2
    pair = page.locator("#tables .pair").bounding_box()
    assert pair["width"] > 0.9 * page.locator("#tables").bounding_box()["width"]


def test_a_score_of_either_run_has_its_interval_in_its_cell_and_drawn_on_one_axis(visit):
    page = visit()
    table = page.locator("#scores .joined").first
    headings = [text.split("\n")[0] for text in table.locator("thead th").all_inner_texts()]
    loss = table.locator("tbody tr", has=page.get_by_role("cell", name="loss", exact=True)).locator("th, td")
    cells = dict(zip(headings, loss.all(), strict=True))
    assert cells["A"].inner_text() == "2.1 [0.8, 3.4]" and cells["B"].inner_text() == "1.1 [−0.2, 2.4]"
    assert cells["Difference"].locator("b").count() == 1 and cells["Difference"].inner_text().startswith("−1")

    def end(name: str, place: str) -> float:
        return float(cells[name].locator(".bar").evaluate("(bar, name) => parseFloat(bar.style.getPropertyValue(name))", place))

    # B from -0.17 to 2.37 and A from 0.83 to 3.37 on one axis, longer by 5 % at each end
    assert [end(*at) for at in (("B", "--low"), ("A", "--low"), ("B", "--high"), ("A", "--high"))] == pytest.approx(
        [4.5, 30.2, 69.8, 95.5], abs=0.6
    )


@pytest.mark.parametrize("scripts", [True, False])
def test_scores_of_one_verdict_are_shown_where_it_is_chosen(visit, scripts):
    page = visit(java_script_enabled=scripts)

    def metrics() -> list[str]:
        return page.locator("#scores tr.score:visible td:nth-child(4)").all_inner_texts()

    verdicts = page.get_by_role("group", name="Scores that are shown")
    assert sorted(metrics()) == ["loss", "share"]
    for verdict, shown in (("1 beyond chance", ["loss"]), ("1 unchanged", ["same"]), ("1 only in A", ["gone"])):
        verdicts.get_by_label(verdict).check()
        assert metrics() == shown
    verdicts.get_by_label("all").check()
    assert sorted(metrics()) == ["loss", "share"]


def test_the_search_finds_scores_settings_and_files(visit):
    page = visit()
    page.get_by_label("1 beyond chance").check()
    search, results = page.get_by_role("searchbox"), page.locator(".results a")

    def find(text: str) -> list[str]:
        search.fill(text)
        return results.all_inner_texts()

    assert len(find("gone italian")) == 1 and results.first.inner_text().startswith("score italian")
    results.first.press("Enter")
    assert page.locator("tr.score", has_text="gone").is_visible()
    assert any(text.startswith("setting models.") for text in find("note"))
    assert any(text.startswith("tables results/tables/") for text in find("results/tables"))


def test_both_figures_are_drawn(visit):
    page = visit()
    figures = page.locator("#figures svg")
    assert figures.count() == 2
    for figure in figures.all():
        assert figure.get_attribute("role") == "img" and figure.locator("rect").bounding_box()["width"] > 0
    widths = [figure.locator("rect").bounding_box()["width"] for figure in figures.all()]
    assert widths[1] == pytest.approx(widths[0] * 7 / 5, rel=0.01)


def test_landmarks_headings_and_table_heads(visit):
    page = visit(unfold=True)
    assert page.get_by_role("main").count() == page.get_by_role("navigation").count() == 1
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map(one => Number(one.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False)), "a heading level is skipped"
    bare = "[...document.querySelectorAll('table')].filter(one => !one.caption || one.querySelector('th:not([scope])')).length"
    assert page.evaluate(bare) == 0
