"""The page as the program writes it: whole, self-contained, the same for the same files, and clear about what is missing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support import report_run
from support.report_run import CURVES, TABLES


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    report_run.make_run(folder)
    return folder


@pytest.fixture
def run(made, tmp_path) -> Path:
    shutil.copytree(made, tmp_path / "a run")
    return tmp_path / "a run"


class Elements(HTMLParser):
    """Tags with their attributes, in order; elements left open are an error."""

    VOID = {"meta", "link", "br", "path", "use", "rect", "input"}

    def __init__(self, page: str):
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_holds_all_it_needs(run):
    built = report_run.build(run)
    assert (built.returncode, built.stdout, built.stderr) == (0, "", "")
    page = (run / "results/report.html").read_text(encoding="utf-8")
    elements = Elements(page)
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(set(ids)) == len(ids) and {"A1", "A2", "ledger"} <= set(ids)
    addresses = [value for _, attributes in elements.found for key, value in attributes.items() if key in ("href", "src")]
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert not re.search(r"url\((?!#)|@import", page)
    assert [tag for tag, _ in elements.found].count("script") == 1
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:;" in page
    assert "Scale: made up." in page and "Nothing here was computed." in page and "config/config.yaml" in page
    assert "      steps: 500\n" in page and "    note: &lt;/pre&gt;&lt;script&gt;\n" in page
    assert {"3 of 4 claims", "Here to test the page."} <= set(re.findall(r">([^<>]+)<", page.replace("</strong> ", ">")))


def test_a_job_with_a_network_tells_its_number_format(run):
    assert report_run.build(run).returncode == 0
    told = re.findall(r"on cpu( in \w+)?, at most", (run / "results/report.html").read_text(encoding="utf-8"))
    assert set(told) == {"", " in bfloat16"}


def test_the_same_files_give_the_same_page(run):
    pages = set()
    for _ in range(2):
        assert report_run.build(run).returncode == 0
        pages.add((run / "results/report.html").read_bytes())
    assert len(pages) == 1


def test_the_record_of_the_report_names_its_inputs(run):
    assert report_run.build(run).returncode == 0
    record = json.loads((run / "results/report.html.provenance.json").read_text())
    assert record["job"] == "build_report" and list(record["outputs"]) == ["results/report.html"]
    assert {CURVES, report_run.LEDGER, "results/figures/char_gpt/loss.svg"} <= set(record["inputs"])


def test_a_chapter_without_claims_and_a_table_without_rows_are_no_error(run):
    for path in (report_run.LEDGER, f"{TABLES}/char_gpt/final_losses.csv"):
        header = (run / path).read_text(encoding="utf-8").splitlines()[0]
        (run / path).write_text(header + "\n", encoding="utf-8")
    built = report_run.build(run)
    assert built.returncode == 0, built.stderr
    page = (run / "results/report.html").read_text(encoding="utf-8")
    assert "This table has no rows." in page and 'class="claim' not in page


def test_a_method_has_its_arguments_its_text_and_its_measures_with_their_spread(run):
    built = report_run.build(run)
    assert built.returncode == 0, built.stderr
    section = (run / "results/report.html").read_text(encoding="utf-8").partition('id="A5"')[2]
    rows = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in section.split("<tr>")[2:5]]
    assert rows[0].startswith("greedy do_sample=False The main goal in life is due spazi")
    shares = "repeated 4-grams 31.2% [31.2%, 31.2%] distinct bigrams 80.1% [80.1%, 80.1%]"
    assert f"{shares} log-probability (nats a token) −1.23 [−1.23, −1.23]" in rows[0]
    assert "texts 6 after 6 prompts, 40.0 tokens on average ended by themselves 25%" in rows[0]
    # no interval, no spread: nothing is invented; one prompt: the spread over texts stands in for the interval
    assert "repeated 4-grams 31.2% distinct" in rows[1] and "without effect" not in rows[1]
    assert "repeated 4-grams 31.2% ± 31.2% distinct" in rows[2] and "6 after 1 prompt, " in rows[2]
    assert "without effect: temperature the same texts as: greedy" in rows[2] and "too short for a 4-gram 2" in rows[2]


def test_a_template_of_a_kind_of_row_is_a_file_in_its_folder(run):
    kind = run / "scripts/relab/rows/made"
    (kind / "list.html.j2").write_text("<ul>{% for one in view.data.records %}<li>{{ one['loss'] }}</li>{% endfor %}</ul>")
    shown = (kind / "show.yaml").read_text(encoding="utf-8")
    (kind / "show.yaml").write_text(shown.replace("template: grid", "template: list"), encoding="utf-8")
    built = report_run.build(run)
    assert built.returncode == 0, built.stderr
    assert "<ul><li>2.703</li><li>" in (run / "results/report.html").read_text(encoding="utf-8")


def test_a_report_of_some_rows_needs_their_files_alone(run):
    spec = {**report_run.SPEC, "config": {**report_run.CONFIG, "report": {"rows": ["A5"]}}, "overview": []}
    built = report_run.build(run, spec=spec, tables=[f"{TABLES}/char_gpt/arguments.csv"], figures=[], data=[])
    assert built.returncode == 0, built.stderr
    ids = {attributes.get("id") for _, attributes in Elements((run / "results/report.html").read_text(encoding="utf-8")).found}
    assert "A5" in ids and not {"A1", "A2", "overview"} & ids


def failure(run: Path, **changes) -> str:
    built = report_run.build(run, **changes)
    assert built.returncode == 1 and not (run / "results/report.html").exists()
    assert built.stderr.count("\n") == 1 and built.stderr.startswith("error: ")
    return built.stderr.removeprefix("error: ").strip()


def test_a_table_that_was_not_given_or_is_not_there(run):
    needs = "A1, final_losses: the report needs results/tables/char_gpt/final_losses.csv"
    given = [f"{TABLES}/overview/corpora.csv"]
    assert failure(run, tables=given) == f"{needs}, which is not among the --tables files"
    assert "A1, loss: the report needs results/figures/char_gpt/loss.svg" in failure(run, figures=[])
    assert "A1, loss.data: the report needs results/tables/char_gpt/loss_curves.csv" in failure(run, data=[])
    (run / TABLES / "char_gpt/progression_italian.csv").unlink()
    names = ("overview/corpora", *(f"char_gpt/{name}" for name in ("final_losses", "changes", "progression_italian")))
    tables = [f"{TABLES}/{name}.csv" for name in names]
    assert failure(run, tables=tables).endswith(
        "progression_italian.csv: no such file; the report shows it under A2, progression_italian"
    )


def test_a_lacking_column_and_a_lacking_record(run):
    path = run / TABLES / "char_gpt/progression_italian.csv"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"validation_loss_low", b"lowest"))
    assert failure(run).startswith(f"{TABLES}/char_gpt/progression_italian.csv: no column 'validation_loss_low'")
    path.write_bytes(content)
    assert failure(run, records=[]) == f"{TABLES}/overview/corpora.csv: none of the --records files has it among its outputs"


def test_settings_that_the_job_does_not_know(run):
    assert failure(run, spec={"scale": "x", "abuot": "y"}) == "--spec.abuot: unknown key; did you mean about?"
