"""The probes that a row shows, as the jobs that score them and write their tables have them."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import Field, model_validator

from relab.settings.base import Name, Settings

#: Settings of a probe, with its ``dataset``.
Probe = TypeVar("Probe", bound=Settings)


class ShownProbes(Settings, Generic[Probe]):
    """Probes by name, one a data set, in the order of tables; what tables call their data sets, where the job writes some."""

    probes: dict[Name, Probe]
    order: list[Name] = Field(min_length=1)
    titles: dict[Name, str] = {}

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
