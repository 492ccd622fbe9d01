"""Why a request failed, from what the HTTP client raised: the server, the proxy before it, or certificates of this machine."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import getproxies, proxy_bypass

import httpx2

from relab.assets.retry import Denied, TransientError, Unavailable, Unreachable


@contextmanager
def translate_http_errors(url: str) -> Iterator[None]:
    """Turn what httpx raises into the errors of :mod:`relab.assets.retry`, which say whether another attempt may help.

    A client is made inside the block, too: it reads proxies and certificates from the environment.
    """
    check_certificates("SSL_CERT_FILE", "SSL_CERT_DIR")
    try:
        yield
    except (ImportError, ValueError) as error:
        proxies = {_address(value) for value in getproxies().values()}
        if not proxies:
            raise
        socks = "SOCKS needs the package socksio: install it beside relab, or name an HTTP proxy"
        reason = socks if isinstance(error, ImportError) else error
        raise Unreachable(f"the environment sets the proxy {', '.join(sorted(proxies))}: {reason}") from None
    except ssl.SSLError as error:
        raise Unreachable(f"the certificates of SSL_CERT_FILE cannot be read ({error.reason or error})") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise _translated(error, url) from None


def check_certificates(*variables: str) -> None:
    """Refuse variables of the environment that name certificates which are not there.

    Raises:
        Unreachable: the variable and the path.
    """
    for variable in variables:
        path = os.environ.get(variable)
        if path and not Path(path).exists():
            raise Unreachable(f"{variable} names certificates that are not there: {path}")


def proxy(url: str) -> str | None:
    """Host and port of the proxy that the environment sets for an address; None where there is none."""
    address, proxies = httpx2.URL(url), getproxies()
    set_for_it = proxies.get(address.scheme) or proxies.get("all")
    if not set_for_it or proxy_bypass(address.host):
        return None
    return _address(set_for_it)


def _address(proxy_url: str) -> str:
    """Host and port of a proxy, without what it is asked with."""
    return proxy_url.rpartition("://")[2].rpartition("@")[2].rstrip("/")


def _translated(error: Exception, url: str) -> Exception:
    response = getattr(error, "response", None)
    if response is not None:
        return _from_status(response, url)
    if isinstance(error, httpx2.ConnectTimeout):
        return Unreachable(f"no connection to {_peer(url)} in time")
    if isinstance(error, httpx2.ProxyError):
        return Unreachable(f"{_peer(url)} gave no connection to {_host(url)} ({error})")
    if isinstance(error, httpx2.ConnectError):
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
        return Unreachable(f"unknown host {proxy(url) or _host(url)} ({cause.strerror})")
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Unreachable(f"the certificate of {_host(url)} is not trusted ({cause.verify_message})")
    if isinstance(cause, OSError) and cause.errno in (errno.ECONNRESET, errno.EPIPE):
        return TransientError(f"the connection to {_host(url)} broke ({cause.strerror})")
    reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error)
    return Unreachable(f"no connection to {_peer(url)} ({reason})")


def _peer(url: str) -> str:
    """What a connection goes to: the server, or the proxy before it."""
    return f"the proxy {proxy(url)}, which the environment sets for {_host(url)}" if proxy(url) else _host(url)


def _host(url: str) -> str:
    return httpx2.URL(url).netloc.decode("ascii", "replace").rpartition("@")[2]
