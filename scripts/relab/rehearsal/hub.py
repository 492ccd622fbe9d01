"""A server on this machine that gives stand-ins away as the Hub does, with its redirects and hashes, and as any web site."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from relab.files import sha256
from relab.settings.assets import Asset, HubSource, UrlSource

#: Files of more bytes are in a storage of their own, to which the Hub redirects.
SMALL = 1000


@dataclass(frozen=True)
class Reply:
    """What is behind an address: a file, and the commit that the Hub says it is of."""

    file: Path
    commit: str | None = None


class StandInHub:
    """A server of files by their addresses, on a free port of 127.0.0.1."""

    def __init__(self):
        self.replies: dict[str, Reply] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"replies": self.replies}))
        port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{port}"
        # its client follows a redirect within one host by itself: the storage of large files is another one
        self.server.RequestHandlerClass.storage = f"http://localhost:{port}/storage"

    def give(self, name: str, asset: Asset, folder: Path) -> dict:
        """Serve an asset's files of a folder; returns the source of theirs, as an asset's settings name it."""
        hub = next((source for source in asset.sources if isinstance(source, HubSource)), None)
        for file in asset.files:
            if hub is None:
                self.replies[f"/files/{name}/{file}"] = Reply(folder / file)
                continue
            kind = "datasets/" if hub.type == "dataset" else ""
            self.replies[f"/{kind}{hub.repo}/resolve/{hub.revision}/{hub.member(file)}"] = Reply(folder / file, hub.revision)
            self.replies[f"/storage/{sha256(folder / file)}"] = Reply(folder / file)
        if hub is not None:
            return hub.model_dump()
        return UrlSource(kind="url", url=f"{self.url}/files/{name}/").model_dump()

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Answer while the block runs."""
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            self.server.shutdown()
            self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    replies: Mapping[str, Reply]
    storage: str

    def do_HEAD(self) -> None:
        self._answer(False)

    def do_GET(self) -> None:
        self._answer(True)

    def _answer(self, with_body: bool) -> None:
        reply = self.replies.get(self.path)
        if reply is None:
            self.send_error(404)
            return
        body, headers = reply.file.read_bytes(), {}
        if reply.commit:
            headers["X-Repo-Commit"] = reply.commit
            if len(body) > SMALL:
                digest = hashlib.sha256(body).hexdigest()
                headers |= {
                    "X-Linked-Etag": f'"{digest}"',
                    "X-Linked-Size": str(len(body)),
                    "Location": f"{self.storage}/{digest}",
                }
                self._send(302, headers, b"")
                return
            headers["ETag"] = f'"{hashlib.sha1(b"blob %d" % len(body) + bytes(1) + body, usedforsecurity=False).hexdigest()}"'
        self._send(200, headers, body, with_body)

    def _send(self, status: int, headers: Mapping[str, str], body: bytes, with_body: bool = True) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/octet-stream", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass
