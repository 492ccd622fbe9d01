"""What the page is put together from: text made visible, numbers, tables, figures, records of jobs."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support import report_run

from relab.errors import UserError
from relab.report import figures, tables, text
from relab.report.arrangement import LONG, LONG_OF_TEXTS, arrange, arrange_grid, opening
from relab.report.provenance import Provenance
from relab.settings.writeups import Column


def test_generated_text_is_escaped_and_shown_whole():
    shown = text.visible("<script>&amp;</pre>\n\t '\"")
    assert shown == "&lt;script&gt;&amp;amp;&lt;/pre&gt;\n\t &#39;&#34;"
    assert text.visible("è ␣ 日本 \U0001f600\u200d") == "è ␣ 日本 \U0001f600\u200d"


@pytest.mark.parametrize("character", "\x00\x07\x1b\r\x7f\x85\u00ad\u061c\u200b\u200e\u202e\u2028\u2066\ufeff\ue000\udc80")
def test_what_prints_nothing_or_turns_the_text_is_named(character):
    assert text.visible(f"a{character}b") == f'a<span class="control">U+{ord(character):04X}</span>b'


def test_prose_is_markdown_without_html_or_scripts():
    assert text.prose('A "*b*" <i>') == "<p>A “<em>b</em>” &lt;i&gt;</p>\n"
    assert "href" not in text.prose("[x](javascript:alert(1))")
    assert text.inline("`a` b") == "<code>a</code> b"


@pytest.mark.parametrize(
    ("value", "spec", "shown"),
    [
        ("1.23456", "", "1.235"), ("500", "", "500"), ("-3", "", "−3"), ("4203112", ",d", "4,203,112"), ("500.0", "d", "500"),
        ("-0.5", ".2f", "−0.50"), ("0.0625", ".1%", "6.2%"), ("1e-07", "", "1e-07"),
        ("9007199254740993", "d", "9007199254740993"), ("-0.001", ".2f", "0.00"), ("-0.0004", "+.1%", "+0.0%"),
        ("-inf", "", "−inf"),
    ],
)  # fmt: skip
def test_numbers(value, spec, shown):
    assert text.number(value, spec) == shown


def test_times():
    assert [text.duration(seconds) for seconds in (0.04, 59.94, 60, 3599, 3660)] == [
        "under 0.1 s", "59.9 s", "1 min 0 s", "59 min 59 s", "1 h 1 min"
    ]  # fmt: skip
    assert text.moment("2026-01-02T03:04:05+00:00") == "2026-01-02 03:04 UTC"
    assert text.moment("2026-01-02T03:04:05+02:00") == "2026-01-02 03:04 +02:00"


def table(folder: Path, content: str) -> tables.Data:
    path = folder / "t.csv"
    path.write_bytes(content.encode())
    return tables.read(str(path))


def test_tables_keep_every_field_as_it_is(tmp_path):
    data = table(tmp_path, 'step,text\n1,"a\r\n ""b"" \x00"\n2,NA\n')
    assert data.values("text") == ['a\r\n "b" \x00', "NA"]
    assert data.distinct("step") == ["1", "2"] and data.where(step="2") == [{"step": "2", "text": "NA"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: expected a header"),
        ("a,a\n", "line 1: expected a header of distinct column names, found 'a,a'"),
        ("a,b\n1,2\n3\n", "line 3: expected 2 fields, found 1"),
        ('a\n"x', "not CSV"),
    ],
)
def test_broken_tables_are_refused_by_line(tmp_path, content, message):
    with pytest.raises(UserError, match=re.escape(message)):
        table(tmp_path, content)


def test_a_lacking_column_is_named_with_its_file(tmp_path):
    data = table(tmp_path, "a,b\n1,2\n")
    message = r"t\.csv: no column 'loss', which its columns or its template ask for; it has a, b"
    for ask in (
        lambda: tables.shown_columns(data, {"loss": Column()}),
        lambda: tables.shown_columns(data, {"a": Column(count="loss")}),
        lambda: data.require("a", "loss"),
        lambda: data.records[0]["loss"],
    ):
        with pytest.raises(UserError, match=message):
            ask()


def test_cells_have_interval_and_count(tmp_path):
    data = table(tmp_path, "model,loss,loss_low,loss_high,sd,n,many\nx,1.23456,1.1,1.3,0.1,2,3\ny,2,,,,2,4\nz,,,,,2,5\n")
    settings = {
        "model": Column(),
        "loss": Column(title="validation loss", unit="nats", format=".2f", interval=True, count="n"),
        "sd": Column(count="many"),
    }
    model, loss, sd = tables.shown_columns(data, settings)
    assert cells(model) == ["x", "y", "z"] and model.kind == "short"
    assert cells(loss) == ["1.23 [1.10, 1.30]", "2.00", "–"]
    assert (loss.title, loss.unit, loss.kind) == ("validation loss", "nats, [95\u00a0%], n = 2", "number")
    assert cells(sd) == ["0.1 (n = 3)", "–", "–"] and sd.unit == ""


def cells(column: tables.ShownColumn) -> list[str]:
    return [str(column.cell(record)) for record in column.data.records]


def test_intervals_of_a_metric_are_drawn_on_one_axis_and_differences_beside_0(tmp_path):
    data = table(
        tmp_path, "metric,a,a_low,a_high,b,b_low,b_high\nx,2,1,3,2,1,3\nx,4,3,5,4,3,5\ny,10,0,20,,,\ny,20,10,40,-1,-5,1\n"
    )
    values, differences = tables.shown_columns(data, {"a": Column(interval=True), "b": Column(interval=True, format="+.1f")})
    assert [values.bar(record) for record in data.records] == [
        "--low:0%;--high:50%;--value:25%",
        "--low:50%;--high:100%;--value:75%",
        "--low:0%;--high:50%;--value:25%",
        "--low:25%;--high:100%;--value:50%",
    ]
    assert [differences.bar(record) for record in data.records] == [
        "--low:20%;--high:60%;--value:40%;--zero:0%",
        "--low:60%;--high:100%;--value:80%;--zero:0%",
        "",
        "",  # alone it has nothing to be set against
    ]
    assert [differences.decided(record) for record in data.records] == [True, True, False, False]
    assert not any(values.decided(record) for record in data.records)


def arranged(folder: Path, content: str, **columns: Column) -> tuple[list[str], list[str], bool]:
    data = table(folder, content)
    shown = arrange(data, tables.shown_columns(data, columns))
    return *([column.name for column in columns] for columns in (shown.columns, shown.shared)), shown.upright


def test_what_all_lines_share_is_said_once_and_estimates_stay(tmp_path):
    content = "set,system,loss,loss_low,loss_high,n\nnews,{},1.0,0.9,1.1,20\nnews,y,1.0,0.9,1.1,20\n"
    columns = {"set": Column(), "system": Column(), "loss": Column(interval=True), "n": Column()}
    assert arranged(tmp_path, content.format("x"), **columns) == (["system", "loss"], ["set", "n"], False)
    # where nothing else would tell the lines apart, all stays; and so it does in a table of one line
    assert arranged(tmp_path, content.format("y"), **columns) == (list(columns), [], False)
    assert arranged(tmp_path, "a,b\n1,2\n") == (["a", "b"], [], False)


def test_a_prompt_that_all_texts_share_stands_once_though_some_have_none(tmp_path):
    columns = {"by": Column(), "prompt": Column(text=True), "text": Column(text=True)}
    shared = ["by", "text"], ["prompt"], False
    assert arranged(tmp_path, "by,prompt,text\na,Once,x\nb,,y\n", **columns) == shared
    assert arranged(tmp_path, "by,prompt,text\na,Once,x\nb,Twice,y\n", **columns) == (list(columns), [], False)


def test_a_grid_sets_before_and_after_beside_each_other(tmp_path):
    data = table(tmp_path, "model,no,when,text,parses\nm,0,before,a,no\nm,1,before,b,no\nm,0,after,c,yes\nm,1,after,d,no\n")
    columns = {"model": {}, "no": {}, "when": {"across": True}, "text": {"text": True}, "parses": {}}
    shown = tables.shown_columns(data, {name: Column(**settings) for name, settings in columns.items()})
    grid, shared = arrange_grid(data, shown)
    names = [[column.name for column in group] for group in (shared, grid.keys, grid.values)]
    assert names == [["model"], ["no"], ["text", "parses"]]
    assert [(line["no"], [[record["text"] for record in group] for group in groups]) for line, groups in grid.lines] == [
        ("0", [["a"], ["c"]]),
        ("1", [["b"], ["d"]]),
    ]
    with pytest.raises(UserError, match="t.csv: a grid needs a column that is `across`, and another after it"):
        arrange_grid(data, shown[:3])


def test_a_table_wider_than_the_page_stands_upright_if_its_records_fit_beside_each_other(tmp_path):
    names = [f"measure_{number}" for number in range(14)]
    header = ",".join(["system", *(f"{name}{end}" for name in names for end in ("", "_low", "_high"))])
    columns = {"system": Column()} | {name: Column(interval=True, format=".3f") for name in names}

    def upright(records: int, **shown: Column) -> bool:
        lines = [",".join([f"s{record}", *["0.5,0.25,0.75"] * len(names)]) for record in range(records)]
        return arranged(tmp_path, "\n".join((header, *lines)), **shown)[2]

    assert [upright(records, **columns) for records in (1, 2, 7, 30)] == [True, True, True, False]
    few = dict(list(columns.items())[:4])
    assert [upright(records, **few) for records in (1, 2, 7)] == [True, False, False]


def test_a_long_table_opens_and_one_of_texts_does_so_earlier():
    assert [opening(lines, LONG) for lines in (0, 12, 13)] == [None, None, (13, 6)]
    assert [opening(lines, LONG_OF_TEXTS) for lines in (3, 4)] == [None, (4, 3)]


def test_an_empty_column_and_an_optional_one_that_is_not_there_are_left_out(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n1,,2\n3,,\n")
    columns = {"c": Column(), "b": Column(), "d": Column(optional=True), "a": Column(optional=True)}
    assert [column.name for column in tables.shown_columns(tables.read(str(path)), columns)] == ["c", "a"]


def test_columns_without_settings_are_all_shown_with_even_decimals(tmp_path):
    data = table(tmp_path, "final_loss,step,tiny,text\n1.5,100,0.00001,NA\n2.123456,200,1.5,x\n")
    shown = tables.shown_columns(data, {})
    assert [column.title for column in shown] == ["final loss", "step", "tiny", "text"]
    assert [[str(column.cell(record)) for column in shown] for record in data.records] == [
        ["1.5000", "100", "1e-05", "NA"], ["2.1235", "200", "1.5", "x"]
    ]  # fmt: skip
    assert [column.kind for column in shown] == ["number", "number", "number", "short"]


def test_a_number_that_does_not_fit_its_format_is_refused(tmp_path):
    data = table(tmp_path, "a\n1.5\n")
    with pytest.raises(
        UserError, match=r"t\.csv: column 'a': expected a number for the format 'd' \('1.5' is not a whole number\)"
    ):
        tables.shown_columns(data, {"a": Column(format="d")})[0].cell(data.records[0])


SVG = """<?xml version="1.0"?><!DOCTYPE svg PUBLIC "x" "y">
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
  width="72pt" height="36pt" viewBox="0 0 72 36">
<metadata><a xmlns="urn:other">2026</a></metadata>
<defs><style>* {{stroke: #abc}} #a {{fill: none}}</style><path id="a" d="M0 0"/>
<clipPath id="c"><use xlink:href="#a"/></clipPath></defs>
<g clip-path="url(#c)" style="fill: url('#a')"><use xlink:href="#a"/></g>{more}</svg>"""


def embed(folder: Path, more: str = "", name: str = "A1-figure-loss") -> str:
    path = folder / "loss.svg"
    path.write_text(SVG.format(more=more))
    return figures.embed(str(path), name, "A <title>", "An alternative.")


def test_figures_get_ids_of_their_own_and_a_text(tmp_path):
    svg = embed(tmp_path)
    root = ElementTree.fromstring(svg)
    ids = {element.get("id") for element in root.iter() if element.get("id")}
    names = ("svg", "title", "alternative", "a", "c")
    assert ids == {f"A1-figure-loss-{name}" for name in names}
    assert root.get("role") == "img" and root.get("aria-labelledby") == "A1-figure-loss-title A1-figure-loss-alternative"
    assert [root[0].tag, root[0].text, root[1].tag, root[1].text] == ["title", "A <title>", "desc", "An alternative."]
    assert [use.get("href") for use in root.iter("use")] == ["#A1-figure-loss-a"] * 2
    assert 'clip-path="url(#A1-figure-loss-c)"' in svg and "url(#A1-figure-loss-a)" in svg
    assert "#A1-figure-loss-svg { * {stroke: #abc} #A1-figure-loss-a {fill: none} }" in svg
    assert "metadata" not in svg and "2026" not in svg and "xmlns" not in svg and "xlink" not in svg
    assert "width" not in root.attrib and root.get("style") == "--width: 72pt"
    assert ids.isdisjoint(re.findall(r'id="([^"]+)"', embed(tmp_path, name="A1-figure-speed")))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("<script>1</script>", "holds a <script>"),
        ('<rect onclick="1"/>', "holds a handler onclick"),
        ('<image href="https://example.org/x.png"/>', "refers to 'https://example.org/x.png'"),
        ("<foreignObject/>", "holds a <foreignObject>"),
        ("<g>", "not SVG"),
    ],
)
def test_figures_that_act_or_load_are_refused(tmp_path, more, message):
    with pytest.raises(UserError, match=re.escape(message)) as error:
        embed(tmp_path, more)
    assert "loss.svg" in str(error.value)


def record(folder: Path, job: str, inputs: list[str], outputs: list[str], **more) -> str:
    report_run.write_record(folder, job, inputs, outputs, more.pop("spec", {}), **more)
    return f"{outputs[0]}.provenance.json"


def test_the_chain_of_jobs_is_followed_through_their_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [
        record(tmp_path, "draw", ["results/t.csv"], ["results/f.svg"]),
        record(tmp_path, "tabulate", ["results/b/h.csv", "results/a/h.csv", "unknown"], ["results/t.csv", "results/u.csv"]),
        record(tmp_path, "train", ["results/c"], ["results/a/weights", "results/a/h.csv"], spec={"seed": 3}, wall_seconds=100),
        record(tmp_path, "train", ["results/c"], ["results/b/weights", "results/b/h.csv"], seed=4, dirty=False),
        record(tmp_path, "clean", [], ["results/c"], commit=""),
        record(tmp_path, "other", [], ["results/o"], peak_memory_mib=2000),
    ]
    provenance = Provenance(files)
    draw = provenance.of("./results/f.svg")
    behind = provenance.behind(draw)
    assert [job.output for job in behind] == ["results/t.csv", "results/a/weights", "results/b/weights", "results/c"]
    assert [job.drawn_from for job in behind] == [None, 3, 4, None]
    assert provenance.of("results/u.csv") == behind[0]
    assert behind[1].revision == "commit 0123456789 with uncommitted changes"
    assert (behind[2].revision, behind[3].revision) == ("commit 0123456789", "outside a git checkout")
    assert len({provenance.anchor(job) for job in provenance.jobs}) == 6
    summary = provenance.summary()
    assert (summary["jobs"], summary["memory"], summary["seconds"]) == (6, 2000, 5 * 75.25 + 100)
    assert summary["revisions"] == ["commit 0123456789", "commit 0123456789 with uncommitted changes", "outside a git checkout"]


def test_missing_and_broken_records_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = record(tmp_path, "draw", [], ["results/f.svg"])
    with pytest.raises(UserError, match="results/g.svg: none of the --records files has it among its outputs"):
        Provenance([one]).of("results/g.svg")
    other = record(tmp_path, "draw", [], ["results/x.svg", "results/f.svg"])
    with pytest.raises(UserError, match=r"results/f\.svg was made by the job of .*f\.svg\.provenance\.json too"):
        Provenance([one, other])
    broken = Path("broken.json")
    for content, message in (("{", "something else than JSON"), ("[]", "found list"), ('{"job": "x"}', "this key is required")):
        broken.write_text(content)
        with pytest.raises(UserError, match="broken.json") as error:
            Provenance([broken])
        assert message in str(error.value)


RANKED = "system,a,a_low,a_high,a_highest,b,b_lowest\nx,1,0,2,no,3,\ny,3,2,4,yes,3,\nz,2.5,2,3,perhaps,3,\n"


def test_the_best_systems_of_a_column_are_those_that_the_table_names(tmp_path):
    data = table(tmp_path, RANKED)
    system, a, b = tables.shown_columns(data, {})[0], *tables.shown_columns(data, {"a": Column(), "b": Column()})
    assert (a.better, b.better, system.better) == ("higher", "", "")
    assert [a.rank(record) for record in data.records] == ["", "yes", "perhaps"]
    assert not any(b.rank(record) for record in data.records)
    # where all columns are shown, those that say which are best are not
    assert [column.name for column in tables.shown_columns(data, {})] == ["system", "a", "a_low", "a_high", "b"]


def test_a_title_keeps_the_name_that_it_stands_for(tmp_path):
    data = table(tmp_path, "model,model_name,loss\nGPT,gpt-s0,1\npeople,people,2\n")
    model, loss = tables.shown_columns(data, {})
    assert (model.name, loss.name) == ("model", "loss")
    assert [model.artefact(record) for record in data.records] == ["gpt-s0", ""]
    assert [loss.artefact(record) for record in data.records] == ["", ""]
