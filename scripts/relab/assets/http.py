"""The one downloader: every HTTP download goes through here."""

from __future__ import annotations

from pathlib import Path

import httpx2

from relab.assets.http_errors import translate_http_errors
from relab.assets.log import download_progress
from relab.assets.retry import RETRY_POLICY, RetryPolicy, TransientError, Unavailable, Unreachable, retry
from relab.settings.assets import AssetFile, UrlSource

#: How a web page begins, behind spaces or a byte-order mark.
WEB_PAGE_STARTS = (b"<!doctype html", b"<html", b"<head", b"<script")


class UrlFetcher:
    """Fetches files of an asset from web addresses."""

    resumable = True

    def __init__(self, source: UrlSource, policy: RetryPolicy):
        self.source, self.policy = source, policy
        self.label = f"url {source.url}"

    def fetch(self, name: str, expected: AssetFile, path: Path) -> tuple[str, str]:
        """Download one file to ``path``; return its address and what it was checked against."""
        url = self.source.url
        url += self.source.member(name) if url.endswith("/") else ""
        download(url, path, size=expected.size, web_page_allowed=names_web_page(url), policy=self.policy)
        return url, "nothing"


def download(
    url: str,
    path: Path,
    *,
    size: int | None = None,
    headers: dict[str, str] | None = None,
    web_page_allowed: bool = False,
    policy: RetryPolicy = RETRY_POLICY,
) -> None:
    """Download ``url`` to ``path``, resuming an earlier attempt or job if the server still has the same version.

    ``size``: expected bytes, if known; ``web_page_allowed``: whether the file may be a web page.

    Raises:
        Unavailable: with the reason, after the attempts of ``policy`` where more than one may help.
    """
    headers = {"user-agent": "relab", **(headers or {}), "accept-encoding": "identity"}
    offset = _file_size(path)
    with translate_http_errors(url):
        client = httpx2.Client(follow_redirects=True, headers=headers)
    with client:

        def attempt(number: int) -> None:
            client.timeout = timeouts(policy, number)
            try:
                _download_once(client, url, path, size, web_page_allowed)
            except Unreachable as problem:
                if _file_size(path) <= offset:
                    raise
                raise TransientError(str(problem)) from None  # who answered a moment ago will be back

        try:
            retry(attempt, url, policy, received=lambda: _file_size(path))
        except BaseException:
            if not _version_path(path).exists():  # a later job could not go on with it
                path.unlink(missing_ok=True)
            raise
    _version_path(path).unlink(missing_ok=True)


def names_web_page(path: str) -> bool:
    """Whether a path has the ending of a web page."""
    return path.lower().endswith((".html", ".htm"))


def timeouts(policy: RetryPolicy, number: int) -> httpx2.Timeout:
    """Time-outs of attempt ``number`` (from 0): each attempt waits longer for the next bytes than the one before."""
    return httpx2.Timeout(policy.read_timeout * (number + 1), connect=policy.connect_timeout)


def _download_once(client: httpx2.Client, url: str, path: Path, size: int | None, web_page_allowed: bool) -> None:
    version = _begun_version(path, url)
    offset = _file_size(path) if version else 0
    range_headers = {"range": f"bytes={offset}-", "if-range": version} if offset else {}
    with translate_http_errors(url), client.stream("GET", url, headers=range_headers) as response:
        if response.status_code == 416 or (response.status_code == 206 and _range_start(response) != offset):
            _discard(path)
            raise TransientError(f"{url} could not go on at byte {offset}")
        response.raise_for_status()
        if not web_page_allowed and response.headers.get("content-type", "").lower().startswith(
            ("text/html", "application/xhtml")
        ):
            raise Unavailable(f"{url} answered with a web page instead of the file")
        if response.status_code != 206:
            _discard(path)
            _store_version(path, url, response)
            offset = 0
        total = size or _announced_size(response, offset)
        _write_body(response, path, offset, total)
    _check_body(url, path, total, size, web_page_allowed)


def _write_body(response: httpx2.Response, path: Path, offset: int, total: int | None) -> None:
    """Append the body to the file as it comes, so that an interruption keeps what came before; stop at more than expected."""
    received = offset
    with open(path, "ab" if offset else "wb") as file, download_progress(path.name.strip("."), offset, total) as advance:
        for chunk in response.iter_bytes():
            file.write(chunk)
            advance(len(chunk))
            received += len(chunk)
            if total is not None and received > total:
                return


def _check_body(url: str, path: Path, total: int | None, size: int | None, web_page_allowed: bool) -> None:
    """Refuse a web page or a file that is too long, whatever the server calls it; too short a file is worth another attempt."""
    with open(path, "rb") as file:
        start = file.read(1000).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not web_page_allowed and start.startswith(WEB_PAGE_STARTS):
        _discard(path)
        raise Unavailable(f"{url} answered with a web page instead of the file")
    if size is not None and _file_size(path) > size:
        _discard(path)
        raise Unavailable(f"{url} is longer than the {size} bytes expected")
    if total is not None and _file_size(path) < total:
        raise TransientError(f"{url} gave {_file_size(path)} of {total} bytes")


def _announced_size(response: httpx2.Response, offset: int) -> int | None:
    """The size in bytes that the server announces for the whole file."""
    length = response.headers.get("content-length", "")
    encoded = response.headers.get("content-encoding", "identity") != "identity"
    return offset + int(length) if length.isdigit() and not encoded else None


def _range_start(response: httpx2.Response) -> int | None:
    start = response.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    return int(start) if start.isdigit() else None


def _file_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _version_path(path: Path) -> Path:
    """The file beside a partial download that holds its address and the server's name for its version (ETag or date)."""
    return path.with_name(path.name + ".version")


def _begun_version(path: Path, url: str) -> str | None:
    """The version of a partial download, where it was begun from the same address."""
    try:
        begun_from, version = _version_path(path).read_text("utf-8").splitlines()
    except (FileNotFoundError, ValueError):
        return None
    return version if begun_from == url else None


def _store_version(path: Path, url: str, response: httpx2.Response) -> None:
    version = response.headers.get("etag") or response.headers.get("last-modified")
    if version and not version.startswith("W/") and "content-encoding" not in response.headers:
        _version_path(path).write_text(f"{url}\n{version}\n", encoding="utf-8")


def _discard(path: Path) -> None:
    path.unlink(missing_ok=True)
    _version_path(path).unlink(missing_ok=True)
