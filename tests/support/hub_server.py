"""A small HTTP server in a thread that answers like the Hub, like any file server, and as badly as a test wants."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """One answer. ``cut`` sends only so many bytes of the body and hangs up; ``wait`` are seconds before the first byte."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    wait: float = 0.0


class HubServer:
    """A server on a free port of 127.0.0.1; use it as a context manager.

    Unknown paths are 404. ``seen`` are the requests so far as ``(method, path, headers)``, header names in lower case.
    """

    def __init__(self):
        self._answers: dict[tuple[str, str], list[Answer]] = {}
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> HubServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()

    def give(self, path: str, *answers: Answer | bytes, method: str = "GET") -> str:
        """Answer ``path`` with these answers in turn, the last one for ever (bytes: a plain success); returns the address.

        HEAD is answered as GET would be, unless it is given answers of its own.
        """
        self._answers[method, path] = [answer if isinstance(answer, Answer) else Answer(answer) for answer in answers]
        return self.url + path

    def repository(
        self, repo: str, revision: str, files: dict[str, bytes], *, dataset: bool = False, storage: HubServer | None = None
    ) -> None:
        """Answer for a repository as the Hub does: small files directly, or by a redirect to ``storage`` as large ones."""
        for path, body in files.items():
            address = f"/{'datasets/' if dataset else ''}{repo}/resolve/{revision}/{path}"
            headers = {"X-Repo-Commit": revision}
            if storage is None:
                blob = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
                self.give(address, Answer(body, headers={**headers, "ETag": f'"{blob}"'}))
            else:
                digest = hashlib.sha256(body).hexdigest()
                target = storage.give(f"/{digest}", Answer(body, headers={"ETag": f'"{digest[:32]}"'}))
                headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(body)), "Location": target}
                self.give(address, Answer(b"", 302, headers))

    def count(self, method: str, path: str) -> int:
        """How often a path was asked for."""
        return sum((method, path) == (one, other) for one, other, _ in self.seen)

    def take(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        """Note a request and choose its answer."""
        with self._lock:
            self.seen.append((method, path, headers))
            answers = self._answers.get((method, path))
            if answers is None:
                return self._answers.get(("GET", path), [Answer(b"no such file", 404)])[0]
            return answers.pop(0) if len(answers) > 1 else answers[0]


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        asked = {name.lower(): value for name, value in self.headers.items()}
        answer = self.hub.take(self.command, self.path, asked)
        time.sleep(answer.wait)
        self.close_connection = True
        sent, status, headers = answer.body, answer.status, dict(answer.headers)
        start = self._start(asked, answer)
        if start is not None:
            if start >= len(sent):
                sent, status = b"", 416
            else:
                headers["Content-Range"] = f"bytes {start}-{len(sent) - 1}/{len(sent)}"
                sent, status = sent[start:], 206
        self.send_response(status)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(sent)),
            **headers,
            "Connection": "close",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            with contextlib.suppress(ConnectionError):  # the client has gone
                self.wfile.write(sent if answer.cut is None else sent[: answer.cut])

    @staticmethod
    def _start(asked: dict[str, str], answer: Answer) -> int | None:
        """Where a range begins that the client may have: only of the same version, and only where there are versions."""
        etag = answer.headers.get("ETag")
        if answer.status != 200 or etag is None or asked.get("if-range") != etag or "range" not in asked:
            return None
        return int(asked["range"].removeprefix("bytes=").partition("-")[0])

    def log_message(self, *_) -> None:
        pass
