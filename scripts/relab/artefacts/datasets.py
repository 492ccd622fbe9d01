"""Data sets: their files, and the jobs that make them."""

from __future__ import annotations

from typing import Any

from relab.artefacts import assets
from relab.artefacts.kind import Artefacts, Files, Kind, Maker
from relab.errors import UserError
from relab.settings.base import spec
from relab.settings.datasets import SPLITS, AnyDataset, ClassificationDataset, Dataset, PairsDataset, tables_of
from relab.settings.references import unknown


def file(dataset: str, part: str) -> str:
    """The file of one part of a data set."""
    return f"results/datasets/{dataset}/{part}.parquet"


def text_columns(settings: Dataset) -> list[str]:
    """The columns of a data set that hold texts."""
    columns = {
        "classification": ["text"],
        "retrieval": ["text"],
        "pairs": ["source", "target"],
        "preferences": ["prompt", "chosen", "rejected"],
    }
    return columns.get(settings.kind, ["question", "choices"])


def classes(settings: ClassificationDataset) -> list[str]:
    """The names of the classes, in the order of tables."""
    return list(dict.fromkeys(settings.labels.values()))


def _inputs(artefacts: Artefacts, dataset: str, part: str) -> Files:
    """The files of the asset that a part is made from: those that its settings name, or all where these name none."""
    settings = artefacts.datasets[dataset].settings
    part_settings = _settings(artefacts, dataset, part)["dataset"]
    needed = part_settings.get("tables", part_settings)
    tables = [table for key, table in tables_of(settings).items() if key.rpartition(".")[2] in needed]
    names = {file for table in tables for file in table.files.values()}
    paths = assets.files(artefacts, settings.asset)
    return {"files": [path for path in paths if not names or path.rpartition("/")[2] in names]}


def _settings(artefacts: Artefacts, dataset: str, part: str) -> dict[str, Any]:
    """The settings of a part of a data set; what concerns other parts alone is left out, so that it reruns no other job."""
    settings = artefacts.datasets[dataset].settings
    whole = spec(settings)
    if settings.parts == SPLITS:
        whole["limit"] = {name: number for name, number in whole["limit"].items() if name == part}
        if part == "test" and "all" not in whole.get("tables", {}):
            del whole["duplicates"]  # nothing is left out of it
        if "all" not in whole.get("tables", {"all"}):
            _leave_out_other_splits(whole, part)
    return {"dataset": whole, "part": part}


def _leave_out_other_splits(whole: dict[str, Any], part: str) -> None:
    if part == "test":
        del whole["draw"]["validation"], whole["tables"]["train"]
        whole["tables"].pop("validation", None)
    del whole["draw"]["test"]
    if "validation" in whole["tables"]:
        whole["draw"].pop("validation", None)
        if part == "validation":
            del whole["tables"]["train"]


def _records(artefacts: Artefacts, dataset: str) -> list[str]:
    return [file(dataset, part) for part in artefacts.datasets[dataset].settings.parts]


def _check(artefacts: Artefacts, dataset: str) -> None:
    """Data sets find their files, in tables that make up all splits."""
    settings, key = artefacts.datasets[dataset].settings, f"datasets.{dataset}"
    names = set(getattr(settings, "tables", {"all"}))
    if names != {"all"} and ("all" in names or not {"train", "test"} <= names):
        raise UserError(f"{key}.tables: expected all alone, or train and test (and validation), found {', '.join(names)}")
    known = artefacts.assets[settings.asset].settings.files
    for name, table in tables_of(settings).items():
        for file_key, file in table.files.items():
            if file not in known:
                raise unknown(file, known, f"files of {settings.asset}", f"{key}.{name}.{file_key}")
    if isinstance(settings, PairsDataset):
        _check_columns(settings, key)


def _check_columns(settings: PairsDataset, key: str) -> None:
    """Columns are named where there is a table that has columns."""
    if any(table.kind == "table" for table in settings.tables.values()):
        return
    for name in ("source", "target", "references"):
        if (column := getattr(settings, name)) != type(settings).model_fields[name].default:
            kinds = " and ".join(dict.fromkeys(table.kind for table in settings.tables.values()))
            raise UserError(f"{key}.{name}: expected a column of a table where there is one, found {column!r} for {kinds}")


KIND = Kind(
    "datasets",
    "dataset",
    AnyDataset,
    "Data sets, in splits or parts,",
    _records,
    (Maker("make_dataset", _inputs, _settings),),
    check=_check,
)
