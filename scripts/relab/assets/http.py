"""The one downloader: everything that comes over HTTP comes through here."""

from __future__ import annotations

from pathlib import Path

import httpx2

from relab.assets.diagnose import problems
from relab.assets.retry import PATIENCE, Patience, Transient, Unavailable, Unreachable, persist
from relab.assets.talk import progress
from relab.settings.assets import AssetFile, UrlSource

#: How a web page begins; what stands before it are spaces or a byte-order mark.
PAGE = (b"<!doctype html", b"<html", b"<head", b"<script")


class Url:
    """An address as a source."""

    resumes = True

    def __init__(self, source: UrlSource, patience: Patience):
        self.source, self.patience = source, patience
        self.label = f"url {source.url}"

    def get(self, name: str, wanted: AssetFile, path: Path) -> tuple[str, str]:
        """Load one file to ``path``; return its address and what it was checked against."""
        url = self.source.url
        url += self.source.member(name) if url.endswith("/") else ""
        download(url, path, size=wanted.size, page=is_page(url), patience=self.patience)
        return url, "nothing"


def download(
    url: str,
    path: Path,
    *,
    size: int | None = None,
    headers: dict[str, str] | None = None,
    page: bool = False,
    patience: Patience = PATIENCE,
) -> None:
    """Load ``url`` into the file ``path``, going on where an earlier try or job stopped if the server still has the same.

    ``size`` are the bytes expected, where they are known; ``page`` says that a web page is expected.

    Raises:
        Unavailable: with the reason, after as many tries as it deserves.
    """
    headers = {"user-agent": "relab", **(headers or {}), "accept-encoding": "identity"}
    begun = _size(path)
    with httpx2.Client(follow_redirects=True, headers=headers) as client:

        def attempt(tries: int) -> None:
            client.timeout = timeouts(patience, tries)
            try:
                _attempt(client, url, path, size, page)
            except Unreachable as problem:
                if _size(path) <= begun:
                    raise
                raise Transient(str(problem)) from None  # who answered a moment ago will be back

        try:
            persist(attempt, url, patience, reached=lambda: _size(path))
        except BaseException:
            if not _validator(path).exists():  # a later job could not go on with it
                path.unlink(missing_ok=True)
            raise
    _validator(path).unlink(missing_ok=True)


def is_page(path: str) -> bool:
    """Whether a path names a web page, so that one may come."""
    return path.lower().endswith((".html", ".htm"))


def timeouts(patience: Patience, tries: int) -> httpx2.Timeout:
    """Time-outs of a request: a server that let us wait for too long gets more time at the next try."""
    return httpx2.Timeout(patience.read * (tries + 1), connect=patience.connect)


def _attempt(client: httpx2.Client, url: str, path: Path, size: int | None, page: bool) -> None:
    version = _version(path, url)
    begun = _size(path) if version else 0
    ask = {"range": f"bytes={begun}-", "if-range": version} if begun else {}
    with problems(url), client.stream("GET", url, headers=ask) as response:
        if response.status_code == 416 or (response.status_code == 206 and _offset(response) != begun):
            _forget(path)
            raise Transient(f"{url} could not go on at byte {begun}")
        response.raise_for_status()
        if not page and response.headers.get("content-type", "").lower().startswith(("text/html", "application/xhtml")):
            raise Unavailable(f"{url} answered with a web page instead of the file")
        if response.status_code != 206:
            _forget(path)
            _remember(path, url, response)
            begun = 0
        total = size or _total(response, begun)
        _write(response, path, begun, total)
    _check(url, path, total, size, page)


def _write(response: httpx2.Response, path: Path, begun: int, total: int | None) -> None:
    """Append the body to the file as it comes, so that what came before a break is kept; stop at more than expected."""
    seen = begun
    with open(path, "ab" if begun else "wb") as file, progress(path.name.strip("."), begun, total) as advance:
        for chunk in response.iter_bytes():
            file.write(chunk)
            advance(len(chunk))
            seen += len(chunk)
            if total is not None and seen > total:
                return


def _check(url: str, path: Path, total: int | None, size: int | None, page: bool) -> None:
    """Refuse what is a web page or too long, whatever the server says of it; what is too short may be whole next time."""
    with open(path, "rb") as file:
        start = file.read(1000).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not page and start.startswith(PAGE):
        _forget(path)
        raise Unavailable(f"{url} answered with a web page instead of the file")
    if size is not None and _size(path) > size:
        _forget(path)
        raise Unavailable(f"{url} is longer than the {size} bytes expected")
    if total is not None and _size(path) < total:
        raise Transient(f"{url} gave {_size(path)} of {total} bytes")


def _total(response: httpx2.Response, begun: int) -> int | None:
    """The size in bytes that the server announces for the whole file."""
    length = response.headers.get("content-length", "")
    encoded = response.headers.get("content-encoding", "identity") != "identity"
    return begun + int(length) if length.isdigit() and not encoded else None


def _offset(response: httpx2.Response) -> int | None:
    start = response.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    return int(start) if start.isdigit() else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _validator(path: Path) -> Path:
    """Beside a file that is on its way: what the server calls this version of it."""
    return path.with_name(path.name + ".version")


def _version(path: Path, url: str) -> str | None:
    """What the server called this version when the file was begun, if it was begun from the same address."""
    try:
        begun_from, version = _validator(path).read_text("utf-8").splitlines()
    except (FileNotFoundError, ValueError):
        return None
    return version if begun_from == url else None


def _remember(path: Path, url: str, response: httpx2.Response) -> None:
    version = response.headers.get("etag") or response.headers.get("last-modified")
    if version and not version.startswith("W/") and "content-encoding" not in response.headers:
        _validator(path).write_text(f"{url}\n{version}\n", encoding="utf-8")


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)
    _validator(path).unlink(missing_ok=True)
