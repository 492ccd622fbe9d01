"""The table of the sampling command's options."""

from __future__ import annotations

import pandas as pd
from pydantic import Field

from relab.rows.job import MAIN, Job
from relab.settings.base import Settings


class DescribedOption(Settings):
    """An option as the help tells it."""

    option: str = Field(description="The option.")
    meaning: str = Field(description="Its help text.")
    default: str = Field(description="Its default; empty where there is none.")


class Spec(Settings):
    """Settings of the job."""

    options: list[DescribedOption] = Field(description="The options of the command.", min_length=1)
    values: dict[str, str] = Field(description="Their values in the command that is shown, by option.")
    reported: list[tuple[str, str]] = Field(
        description="Options that the write-up reports, each with the one that does the same."
    )


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    return {MAIN: command_table(job.settings(Spec))}


def command_table(spec: Spec) -> pd.DataFrame:
    """An option a row, those with a counterpart in the write-up first.

    Columns: ``writeup`` its options, empty where it has none; ``option``; ``meaning``; ``default``; ``value`` in the command
    that is shown, empty where the option is left out.
    """
    reported: dict[str, list[str]] = {}
    for name, counterpart in spec.reported:
        reported.setdefault(counterpart, []).append(name)
    described = {option.option: option for option in spec.options}
    return pd.DataFrame(
        [
            {
                "writeup": ", ".join(reported.get(name, [])),
                "option": name,
                "meaning": described[name].meaning,
                "default": described[name].default,
                "value": spec.values.get(name, ""),
            }
            for name in dict.fromkeys([*reported, *described])
        ]
    )
