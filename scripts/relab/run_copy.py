"""A run as the beginning of another one: its files, in seconds and without taking their space again."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from relab.errors import UserError

#: Folders of results whose files are written anew in place, which a link would carry over to the other run.
WRITTEN_IN_PLACE = ("logs", "benchmarks")
#: What of Snakemake's folder belongs to the run itself: environments, which hold their own path, and what is at work.
NOT_COPIED = ("conda*", "singularity", "locks", "log", "shadow", "iocache", "storage", "slurm_logs")
#: Why a file cannot be linked, but copied: another disk, a file system or an owner that allows no link, too many links.
NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP)


def copy_run(source: Path, target: Path) -> None:
    """Make a run that starts with all results of another one.

    Results are hard links: a job's outputs are removed before it runs and get their names by a rename, so that what one run
    makes anew the other one keeps. Where no link is possible, as on another disk, they are copied.

    Raises:
        UserError: there is no run, Snakemake is at work in it, or the other one has results already.
    """
    if not (source / "results").is_dir() or not (source / ".snakemake").is_dir():
        raise UserError(f"{source}: expected the folder of a run, with results and .snakemake in it, found none")
    if any((source / ".snakemake/locks").glob("*")):
        raise UserError(f"{source}: Snakemake is at work in this run, or was killed: let it finish, or call it with --unlock")
    for part in ("results", ".snakemake"):
        if (target / part).exists():
            raise UserError(f"{target}: expected a folder without results of a run, found {part}")
    partial = target / ".copy.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        shutil.copytree(source / ".snakemake", partial / ".snakemake", ignore=shutil.ignore_patterns(*NOT_COPIED))
        _copy_results(source / "results", partial / "results", target / "results")
        for part in ("results", ".snakemake"):
            os.rename(partial / part, target / part)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _copy_results(source: Path, partial: Path, target: Path) -> None:
    """Fill ``partial``, which is to become ``target``, with the files of ``source``."""
    for folder, inner, names in os.walk(source):
        below = os.path.relpath(folder, source)
        os.makedirs(partial / below, exist_ok=True)
        for name in [*names, *(name for name in inner if os.path.islink(os.path.join(folder, name)))]:
            file, copy = Path(folder, name), partial / below / name
            if file.is_symlink():
                _copy_symlink(file, copy, target / below)
            elif below.split(os.sep)[0] in WRITTEN_IN_PLACE:
                shutil.copy2(file, copy)
            else:
                _link(file, copy)


def _copy_symlink(file: Path, copy: Path, folder: Path) -> None:
    """A symbolic link to the same file as another one, and as old; relative as that one is, from the folder it will be in."""
    to = os.readlink(file)
    if not os.path.isabs(to):
        to = os.path.relpath(os.path.join(os.path.realpath(file.parent), to), os.path.realpath(folder))
    copy.symlink_to(to)
    status = file.lstat()
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)


def _link(file: Path, copy: Path) -> None:
    try:
        os.link(file, copy)
    except OSError as error:
        if error.errno not in NO_LINK:
            raise
        shutil.copy2(file, copy)
