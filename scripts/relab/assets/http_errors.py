"""Why a request failed, from what the HTTP client raised."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from relab.assets.retry import Denied, TransientError, Unavailable, Unreachable


@contextmanager
def translate_http_errors(url: str) -> Iterator[None]:
    """Turn what httpx raises into the errors of :mod:`relab.assets.retry`, which say whether another attempt may help."""
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise _translated(error, url) from None


def _translated(error: Exception, url: str) -> Exception:
    response = getattr(error, "response", None)
    if response is not None:
        return _from_status(response, url)
    if isinstance(error, httpx2.ConnectTimeout):
        return Unreachable(f"no connection to {_host(url)} in time")
    if isinstance(error, (httpx2.ConnectError, httpx2.ProxyError)):
        return _from_connection_error(error, url)
    if isinstance(error, httpx2.TimeoutException):
        return TransientError(f"{url} kept us waiting for too long")
    if isinstance(error, (httpx2.NetworkError, httpx2.RemoteProtocolError)):
        return TransientError(f"the connection to {_host(url)} broke ({error})")
    return Unavailable(f"{url}: {error}")


def _from_status(response: httpx2.Response, url: str) -> Exception:
    status = f"{url} answered {response.status_code} {response.reason_phrase}".rstrip()
    if response.status_code in (401, 403):
        return Denied(status)
    if response.status_code in (408, 425, 429) or response.status_code >= 500:
        wait = response.headers.get("retry-after", "")
        return TransientError(status, wait=float(wait) if wait.isdigit() else 0.0)
    return Unavailable(status)


def _from_connection_error(error: Exception, url: str) -> Exception:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, socket.gaierror):
        return Unreachable(f"unknown host {_host(url)} ({cause.strerror})")
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Unreachable(f"the certificate of {_host(url)} is not trusted ({cause.verify_message})")
    if isinstance(cause, OSError) and cause.errno in (errno.ECONNRESET, errno.EPIPE):
        return TransientError(f"the connection to {_host(url)} broke ({cause.strerror})")
    reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error)
    return Unreachable(f"no connection to {_host(url)} ({reason})")


def _host(url: str) -> str:
    return httpx2.URL(url).netloc.decode("ascii", "replace").rpartition("@")[2]
