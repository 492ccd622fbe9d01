"""A rehearsal as users have it: the full scale from its downloads to its report, and an overlay of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from support.runs import CHECKOUT, run_relab

from relab.commands import workflow

FULL = CHECKOUT / "config/full.yaml"

#: A data set of one's own, published as a Parquet file.
MINE = {
    "report": {"rows": ["A6"]},
    "assets": {
        "mine": {
            "about": "headlines with their topics",
            "licence": "MIT",
            "files": {"train.parquet": {}},
            "sources": [{"kind": "hub", "repo": "me/headlines", "type": "dataset", "revision": "0123456789" * 4}],
            "stand_in": {"files": {"train.parquet": {"columns": {"headline": "{sentence}", "topic": "{number:2}"}}}},
        }
    },
    "datasets": {
        "balanced": {
            "asset": "mine",
            "tables": {"all": {"file": "train.parquet", "where": None}},
            "text": "headline",
            "label": "topic",
            "labels": {"0": "sports", "1": "world"},
        }
    },
}
TRAINING_ROWS = "results/datasets/balanced/train.parquet"


def rehearse(folder: Path, *words: str | Path):
    return run_relab("rehearse", "--directory", folder / "rehearsal", "--cores", "2", *words, cwd=folder)


def test_the_full_scale_goes_through_on_stand_ins(tmp_path):
    """From downloads by the Hub's client to the report: every kind of job, every asset, and no claim scored."""
    done = rehearse(tmp_path, "--configfile", FULL)
    assert done.returncode == 0, done.stdout + done.stderr
    run, full = tmp_path / "rehearsal", workflow.load([FULL])
    records = {path: json.loads(path.read_text(encoding="utf-8")) for path in run.rglob("*.provenance.json")}
    assert all(record["rehearsal"] is True for record in records.values())
    fetched = {path.parent.name for path in records if path.is_relative_to(run / "results/assets")}
    assert fetched == set(full.needed["assets"])
    locks = [json.loads(path.read_text(encoding="utf-8")) for path in run.glob("results/assets/*/*.lock.json")]
    assert sum("hub" in json.dumps(lock) for lock in locks) > 60
    rows = {row.record(step) for row, step in full.steps}
    assert rows == {path.relative_to(run).as_posix() for path in records} & rows, "every step of every row"
    page = (run / "results/report.html").read_text(encoding="utf-8")
    assert "REHEARSAL of full" in page
    assert len((run / "results/tables/overview/ledger.csv").read_text().splitlines()) == 1
    assert "Not rehearsed:" in done.stdout and "to download; the files take" in done.stdout
    assert list(tmp_path.iterdir()) == [run], "nothing is written elsewhere"


def test_an_overlay_of_a_user_is_rehearsed(tmp_path):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(MINE))
    done = rehearse(tmp_path, TRAINING_ROWS, "--configfile", tmp_path / "mine.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((tmp_path / "rehearsal/results/datasets/balanced/train.json").read_text(encoding="utf-8"))
    assert told["rows"] > 20


#: Columns of a stand-in that are not those of the data set's settings, and what is told of them, by the name of an asset.
WRONG = {
    "another_column": ({"title": "{sentence}", "topic": "{number:2}"}, "expected a column 'headline'"),
    "another_label": (
        {"headline": "{sentence}", "topic": "{number:3}"},
        "column 'topic': expected one of '0', '1', found '2'",
    ),
    "a_list": ({"headline": ["{sentence}"], "topic": "{number:2}"}, "column 'headline': expected a text"),
}


def test_a_wrong_asset_is_one_sentence_that_names_its_file(tmp_path):
    """Each is told, whichever comes first."""
    mine, declared = MINE["assets"]["mine"], MINE["datasets"]["balanced"]
    own = {
        name: {
            "sources": [mine["sources"][0] | {"repo": f"me/{name}"}],  # each has an address of its own
            "stand_in": {"files": {"train.parquet": {"columns": columns}}},
        }
        for name, (columns, _) in WRONG.items()
    }
    overlay = {
        "assets": {name: mine | changed for name, changed in own.items()},
        "datasets": {name: {"kind": "classification", **declared, "title": name, "asset": name} for name in WRONG},
        "probes": {name: {"kind": "classifier", "dataset": name} for name in WRONG},
        "rows": {"A6": {"probes": list(WRONG)}},
        "report": {"rows": ["A6"]},
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(overlay))
    targets = [f"results/datasets/{name}/train.parquet" for name in WRONG]
    done = rehearse(tmp_path, *targets, "--configfile", tmp_path / "mine.yaml")
    assert done.returncode == 1
    for name, (_, sentence) in WRONG.items():
        log = tmp_path / f"rehearsal/results/logs/make_dataset/{name}/train.log"
        (told,) = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("error: ")]
        assert f"{name}/train.parquet" in told and sentence in told, told
        assert told.removeprefix("error: ") in done.stdout + done.stderr
