"""Pointing at a figure of the report, by mouse, touch or keyboard, shows its values; without scripts curves have a hint."""

from __future__ import annotations

import pytest
from support import report_run


def place(page, width: int, step: int) -> dict[str, float]:
    """Where a curve of the made-up figure has its value at a step, on the screen."""
    index = report_run.STEPS.index(step)
    return page.locator("#A1-figure-loss [data-curve] > path").nth(report_run.WIDTHS.index(width)).evaluate(
        "(path, index) => { const { x, y } = path.getPointAtLength(0), numbers = path.getAttribute('d').match(/[\\d.]+/g);"
        "const at = new DOMPoint(numbers[2 * index], numbers[2 * index + 1]).matrixTransform(path.getScreenCTM());"
        "return { x: at.x, y: at.y }; }",
        index,
    )  # fmt: skip


@pytest.mark.parametrize("touch", [False, True])
def test_pointing_at_a_curve_shows_its_value(visit, touch):
    page = visit(360 if touch else 1400, has_touch=touch)
    drawing, tip = page.locator("#A1-figure-loss .drawing"), page.locator(".tip")
    drawing.scroll_into_view_if_needed()
    assert not tip.count()
    for width, step in ((32, 100), (128, 300)):
        at = place(page, width, step)
        page.touchscreen.tap(at["x"], at["y"]) if touch else page.mouse.move(at["x"] + 3, at["y"] - 3)
        loss = report_run.loss(width, step)
        label, *values = tip.inner_text().split(" \u00b7 ")
        assert label == f"width {width}" and values[0] == f"step: {step}"
        assert float(values[1].removeprefix("loss, nats per character: ")) == pytest.approx(loss, abs=1e-3)
        box = tip.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= page.viewport_size["width"]
    if not touch:
        page.mouse.move(1, 1)
        assert not tip.count()


def test_arrow_keys_show_the_values_of_a_figure(visit):
    page = visit()
    drawing, tip = page.locator("#A1-figure-loss .drawing"), page.locator(".tip")
    drawing.focus()
    shown = []
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
        shown.append(tuple(tip.inner_text().split(" \u00b7 ")[:2]))
    assert shown == [
        ("width 32", "step: 100"), ("width 32", "step: 300"), ("width 128", "step: 300"), ("width 128", "step: 500"),
        ("width 32", "step: 100"), ("width 128", "step: 500"),
    ]  # fmt: skip
    assert page.get_by_role("status").inner_text() == tip.inner_text()
    page.keyboard.press("Escape")
    assert not tip.count() and not page.locator(".ring").count()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    assert not tip.count()


def test_without_scripts_a_curve_has_its_name_as_the_browsers_hint(visit):
    curves = visit(java_script_enabled=False).locator("#A1-figure-loss [data-curve] > title")
    assert curves.all_text_contents() == [f"width {width}" for width in report_run.WIDTHS]
