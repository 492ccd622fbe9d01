"""The table of the sampling command's options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from relab.rows.job import MAIN, Job


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    return {MAIN: command_table(**job.spec)}


def command_table(
    options: Sequence[Mapping[str, str]], values: Mapping[str, str], reported: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    """An option a row, those with a counterpart in the write-up first.

    Columns: ``writeup`` its options, empty where it has none; ``option``; ``meaning``; ``default``; ``value`` in the command
    that is shown, empty where the option is left out.

    Args:
        options: ``option``, ``meaning`` and ``default`` of each.
        values: in the command that is shown, by option.
        reported: options of the write-up, each with the one that does the same.
    """
    counterparts: dict[str, list[str]] = {}
    for name, counterpart in reported:
        counterparts.setdefault(counterpart, []).append(name)
    described = {option["option"]: option for option in options}
    return pd.DataFrame(
        [
            {"writeup": ", ".join(counterparts.get(name, [])), **described[name], "value": values.get(name, "")}
            for name in dict.fromkeys([*counterparts, *described])
        ],
        columns=["writeup", "option", "meaning", "default", "value"],
    )
