"""Data sets made from small files: their settings, the files, the rows that come out."""

from __future__ import annotations

import csv
import json

import pytest
from pydantic import TypeAdapter

from relab.datasets.build import build
from relab.datasets.storage import read
from relab.errors import UserError
from relab.settings.datasets import SPLITS, AnyDataset

TEXTS = {"kind": "classification", "title": "", "asset": "one", "text": "text", "label": "label"}
TEXTS |= {"labels": {"0": "bad", "1": "good"}}
QUESTIONS = {"kind": "choice", "title": "", "asset": "one", "question": "stem", "choices": "choices", "answer": "answer"}


def dataset(base=TEXTS, **more):
    tables = {name: {"file": table} if isinstance(table, str) else table for name, table in more.pop("tables").items()}
    return TypeAdapter(AnyDataset).validate_python({**base, "tables": tables, **more})


def csv_file(path, rows, header=("text", "label")):
    with open(path, "w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([header, *rows])
    return path


def jsonl_file(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def made(files, settings, part, tmp_path):
    """The rows of a part, and what was counted."""
    path = tmp_path / "made" / f"{part}.parquet"
    counts = build(files, settings, part, path)
    columns = read(path)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)], counts


def all_parts(files, settings, tmp_path):
    return {part: made(files, settings, part, tmp_path) for part in SPLITS}


def refused(files, settings, part, tmp_path, match):
    with pytest.raises(UserError, match=match) as error:
        made(files, settings, part, tmp_path)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "made" / f"{part}.parquet").exists()
    return str(error.value)
