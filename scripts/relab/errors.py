"""Errors a user can cause, and how a command-line program ends on one."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Callable

from relab.garbage_collection import collect_seldom


class UserError(Exception):
    """A mistake of a user or an obstacle outside the program, described in one sentence.

    The message names the location (file and line, or key), what was found and what was expected. Programs print it without a
    traceback and end with status 1.
    """


def run(main: Callable[[], None]) -> None:
    """Run a program's ``main``; end errors that a user can cause with one sentence on stderr and status 1.

    A letter that a terminal or a log cannot show is a question mark there, and no error.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    collect_seldom()
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; nothing half-written was kept")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            where = f" while writing {error.filename}" if error.filename else ""
            sys.exit(f"error: the disk is full{where}; free some space and start again, finished files are kept")
        if error.errno in (errno.ENOENT, errno.EACCES, errno.EROFS) and error.filename:
            sys.exit(f"error: {error.filename}: {error.strerror.lower()}")
        raise
