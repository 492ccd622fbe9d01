"""The contract of a row of the report: its settings, its steps, and the inputs and settings of their jobs.

A kind of row is a folder of :mod:`relab.rows`. Its ``__init__.py`` holds a class ``Row``, a :class:`RowSettings`, that declares
the steps; the modules beside it hold what the steps do; ``show.yaml`` says how the report shows the tables and figures.
Importing a kind stays cheap: Snakemake reads it on every start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field, field_validator

from relab.artefacts.kind import Artefacts, Files
from relab.rows.job import MAIN
from relab.settings import references
from relab.settings.base import Name, Settings, documentation

__all__ = ["MAIN", "REPORT", "TRAIN", "DeclaredRow", "RowPaths", "RowSettings", "Step"]

#: The environments (``envs/{name}.yaml``) that steps run in.
REPORT, TRAIN = "report", "train"


@dataclass(frozen=True)
class Step:
    """One job of a row: what it does, and what it makes.

    ``function`` is a function of a module in the kind's folder, as ``scores.score``. It gets a :class:`relab.rows.job.Job` and
    returns what each output holds, by name.
    """

    name: str  #: first part of the job's name; the row's name is the second
    does: str  #: a sentence for the menu of rules
    function: str
    scores: bool = False  #: whether it makes the row's file of scores, the output ``scores``
    tables: tuple[str, ...] = ()  #: its tables (CSV), by name
    figures: tuple[str, ...] = ()  #: its figures (SVG), by name
    files: Mapping[str, str] = field(default_factory=dict)  #: other outputs: a path with {chapter} and {name} in it, by name
    environment: str = REPORT
    network: bool = False  #: whether a network runs: then it may use a card, and has the compute threads of the settings
    memory: int = 1000  #: MB
    memory_with_card: int | None = None  #: MB on a machine with a card, whose libraries take some; by default ``memory``
    minutes: int = 30  #: limit on a cluster
    seconds: float = 1.0  #: what it takes at the default scale, roughly: for the plan, until it has been measured


class RowSettings(Settings):
    """The settings of every row. A kind adds its settings, its steps, and methods for their inputs and settings."""

    STEPS: ClassVar[tuple[Step, ...]] = ()
    #: Columns of its tables in which the titles of models, encoders and tokenizers stand for their names.
    TITLED: ClassVar[tuple[str, ...]] = ("model", "source", "network", "tokenizer", "features", "system", "other")

    kind: str = Field(description="Kind of row.")
    name: Name | None = documentation("Name of its jobs, scores and main table; by default its key.", default=None)
    files: str = documentation(
        "Names of its other tables and figures, with {name} and {table} in braces: `{table}` alone where no other row of the "
        "chapter has such ones.",
        default="{name}_{table}",
    )
    chapter: Name | None = documentation(
        "The chapter that shows it; by default the write-up of its key's letter.", default=None
    )
    title: str = documentation("Title, where no write-up's file gives it one.", default="")
    text: str = documentation("What it shows (Markdown), where no write-up's file says it.", default="")

    @field_validator("files")
    @classmethod
    def _names_tables_apart(cls, pattern: str) -> str:
        if "{table}" not in pattern or "{" in pattern.replace("{table}", "").replace("{name}", ""):
            raise ValueError(f"expected a pattern with {{table}}, and {{name}} where names would clash, found {pattern!r}")
        return pattern

    @property
    def steps(self) -> tuple[Step, ...]:
        """Its jobs, in the order in which data flows; a kind may leave some out by its settings."""
        return self.STEPS

    def inputs(self, step: str, paths: RowPaths, artefacts: Artefacts) -> Files:
        """The files that a step reads, by name; none by default."""
        return {}

    def spec(self, step: str, paths: RowPaths, artefacts: Artefacts) -> dict[str, Any]:
        """The settings that a step needs, as plain JSON, and nothing else."""
        return {}

    def check(self, paths: RowPaths, artefacts: Artefacts) -> None:
        """Refuse what does not go together; references are checked already.

        Raises:
            UserError: naming the key, what was found and what was expected.
        """

    def titles(self, artefacts: Artefacts) -> dict[str, str]:
        """What its tables call groups of artefacts, by what else stands there; none by default."""
        return {}

    def references(self, paths: RowPaths, artefacts: Artefacts) -> Iterator[references.Named]:
        """The references to the artefacts that it needs."""
        yield from references.references(self, paths.key)


@dataclass(frozen=True)
class RowPaths:
    """What a row's files are called, by its chapter and its names; and what its write-up reports."""

    key: str  #: in the configuration, ``rows.A9``
    chapter: str
    name: str
    files: str
    reported: Mapping[str, Mapping[str, Any]]
    """The figures that the write-up reports, as values by id by table (``reported_figures`` in its file)."""

    @property
    def scores(self) -> str:
        """Its file of scores."""
        return f"results/scores/{self.chapter}/{self.name}.parquet"

    def table(self, table: str = "") -> str:
        """The file of a table; of the main table by default."""
        return f"results/tables/{self.chapter}/{self._stem(table)}.csv"

    def figure(self, figure: str) -> str:
        """The file of a figure."""
        return f"results/figures/{self.chapter}/{self._stem(figure)}.svg"

    def _stem(self, table: str) -> str:
        return self.files.format(name=self.name, table=table) if table else self.name


@dataclass(frozen=True)
class DeclaredRow:
    """A declared row: its paths and its settings."""

    paths: RowPaths
    settings: RowSettings

    def job(self, step: Step) -> str:
        """The name of a step's job and of its rule."""
        return f"{step.name}_{self.paths.name}"

    def outputs(self, step: Step) -> dict[str, str]:
        """The files that a step makes, by name."""
        return {
            **{name: path.format(chapter=self.paths.chapter, name=self.paths.name) for name, path in step.files.items()},
            **({"scores": self.paths.scores} if step.scores else {}),
            **{name: self.paths.table("" if name == MAIN else name) for name in step.tables},
            **{name: self.paths.figure(name) for name in step.figures},
        }

    def record(self, step: Step) -> str:
        """The record of a step's job: beside its first output."""
        return f"{next(iter(self.outputs(step).values()))}.provenance.json"

    def records(self) -> list[str]:
        """The records of its jobs."""
        return [self.record(step) for step in self.settings.steps]

    @property
    def files(self) -> list[str]:
        """All files that its jobs make."""
        return [path for step in self.settings.steps for path in self.outputs(step).values()]

    @property
    def scores(self) -> list[str]:
        """The files of its scores."""
        return [path for path in self.files if path.startswith("results/scores/")]

    @property
    def tables(self) -> dict[str, str]:
        """The files of its tables, by name."""
        return {name: path for step in self.settings.steps for name, path in self.outputs(step).items() if name in step.tables}

    @property
    def figures(self) -> dict[str, str]:
        """The files of its figures, by name."""
        return {name: path for step in self.settings.steps for name, path in self.outputs(step).items() if name in step.figures}
