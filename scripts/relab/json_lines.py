"""Files of JSON lines: an object a line, checked as it is read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from relab.errors import UserError
from relab.files import write_text
from relab.settings.base import check

EntryType = TypeVar("EntryType", bound=BaseModel)


class Entry(BaseModel):
    """An object of a file: with no other keys than its fields, and no number that is not finite."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="forbid")


def write(path: str | os.PathLike, entries: Iterable[BaseModel]) -> None:
    """Write entries, whole or not at all."""
    lines = (json.dumps(entry.model_dump(mode="json"), ensure_ascii=False, allow_nan=False) + "\n" for entry in entries)
    write_text(path, "".join(lines))


def read(path: str | os.PathLike, model: type[EntryType]) -> Iterator[tuple[str, EntryType]]:
    """Each entry of a file, with its position as messages name it; empty lines are passed over.

    Raises:
        UserError: naming the line that is no such entry.
    """
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").split("\n"), start=1):
        position = f"{path}, line {number}"
        try:
            if line:
                yield position, check(model, json.loads(line), "")
        except json.JSONDecodeError as error:
            raise UserError(f"{position}: not JSON ({error})") from None
        except UserError as error:
            raise UserError(f"{position}: {str(error).removeprefix(': ')}") from None
