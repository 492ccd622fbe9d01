"""A headless Chromium, and visits to pages that may ask for nothing and complain about nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import report_run


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium on the path (Debian: apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser):
    """A function from a file to a function that opens it in a fresh context, as wide as asked, its details unfolded or not.

    Afterwards nothing may have been requested or complained about.
    """
    contexts, seen = [], []

    def visitor(file: Path):
        address = file.as_uri()

        def visit(width: int = 1400, unfold: bool = False, **options):
            context = browser.new_context(viewport={"width": width, "height": 900}, **options)
            contexts.append(context)
            page = context.new_page()
            page.on("console", lambda message: seen.append(message.text))
            page.on("pageerror", lambda error: seen.append(str(error)))
            page.on(
                "request", lambda request: None if request.url.partition("#")[0] == address else seen.append(request.url[:100])
            )
            page.goto(address)
            if unfold:
                page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            return page

        return visit

    yield visitor
    for context in contexts:
        context.close()
    assert not [one for one in seen if not one.startswith("data:,")], "the page complained or asked for something"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("a run")
    report_run.make_run(folder)
    built = report_run.build(folder)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture
def visit(visitor, run):
    return visitor(run / "results/report.html")
