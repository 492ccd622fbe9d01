"""The probes that a row shows, as the jobs that score them and write their tables have them."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import Field, model_validator

from relab.settings.base import Name, Settings

#: Settings of a probe, with its ``dataset``.
Probe = TypeVar("Probe", bound=Settings)


class ShownProbes(Settings, Generic[Probe]):
    """Settings of a job that scores probes, one a data set."""

    probes: dict[Name, Probe] = Field(description="The probes by name.")
    order: list[Name] = Field(description="Their names in the order of tables.", min_length=1)

    @model_validator(mode="after")
    def _one_a_dataset(self):
        if sorted(self.order) != sorted(self.probes):
            raise ValueError(f"order: expected the names of the probes, found {', '.join(self.order)}")
        datasets = [probe.dataset for probe in self.shown]
        if len(set(datasets)) < len(datasets):
            raise ValueError(f"probes: expected one a data set, found the data sets {', '.join(datasets)}")
        return self

    @property
    def shown(self) -> list[Probe]:
        """The probes in the order of tables."""
        return [self.probes[name] for name in self.order]


class TitledProbes(ShownProbes[Probe], Generic[Probe]):
    """Settings of a job that writes their tables."""

    titles: dict[Name, str] = Field(description="What tables call each data set.")
