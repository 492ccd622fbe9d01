"""The downloader against a server that succeeds, refuses, hangs up, is late, or lies."""

from __future__ import annotations

import errno

import pytest
from support.asset_tools import QUICK, lonely_environment
from support.hub_server import Answer, HubServer

from relab.assets.http import download
from relab.assets.retry import Denied, TransientError, Unavailable, Unreachable

BODY = bytes(range(256)) * 4000  # 1,024,000 bytes, several chunks


@pytest.fixture(autouse=True)
def _lonely(monkeypatch):
    lonely_environment(monkeypatch)


@pytest.fixture
def server():
    with HubServer() as server:
        yield server


def versioned(**more) -> Answer:
    return Answer(BODY, headers={"ETag": '"one"'}, **more)


def test_a_file_comes_whole_and_leaves_nothing_beside_it(server, tmp_path):
    download(server.give("/file", BODY), tmp_path / "file", size=len(BODY), policy=QUICK)
    assert (tmp_path / "file").read_bytes() == BODY
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_redirects_are_followed_without_carrying_the_token_elsewhere(server, tmp_path):
    with HubServer() as other:
        target = other.give("/file", BODY)
        address = server.give("/moved", Answer(status=302, headers={"Location": target}))
        download(address, tmp_path / "file", headers={"authorization": "Bearer secret"}, policy=QUICK)
        assert (tmp_path / "file").read_bytes() == BODY
        assert "authorization" in server.seen[0][2]
        assert "authorization" not in other.seen[0][2]


@pytest.mark.parametrize(("status", "kind"), [(404, Unavailable), (410, Unavailable), (401, Denied), (403, Denied)])
def test_refusals_are_not_repeated(server, tmp_path, status, kind):
    address = server.give("/file", Answer(b"no", status))
    with pytest.raises(kind, match=str(status)):
        download(address, tmp_path / "file", policy=QUICK)
    assert server.count("GET", "/file") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_that_is_not_well_is_asked_again(server, tmp_path, capsys, status):
    address = server.give("/file", Answer(b"", status), Answer(b"", status), BODY)
    download(address, tmp_path / "file", policy=QUICK)
    assert (tmp_path / "file").read_bytes() == BODY
    log = capsys.readouterr().err
    assert f"answered {status}" in log and "trying again in 0.01 s" in log and "trying again in 0.02 s" in log


def test_the_server_s_wish_to_be_left_alone_lengthens_the_pause(server, tmp_path, capsys):
    address = server.give("/file", Answer(b"", 503, {"Retry-After": "1"}), BODY)
    download(address, tmp_path / "file", policy=QUICK)
    assert "trying again in 1 s" in capsys.readouterr().err


def test_tries_end(server, tmp_path):
    address = server.give("/file", Answer(b"", 503))
    with pytest.raises(Unavailable, match=r"503.*tried 3 times"):
        download(address, tmp_path / "file", policy=QUICK)
    assert server.count("GET", "/file") == 3


def test_a_short_body_is_continued_where_it_stopped(server, tmp_path):
    address = server.give("/file", versioned(cut=700_000), versioned())
    download(address, tmp_path / "file", policy=QUICK)
    assert (tmp_path / "file").read_bytes() == BODY
    assert "range" not in server.seen[0][2]
    assert 0 < int(server.seen[1][2]["range"].removeprefix("bytes=").removesuffix("-")) <= 700_000


def test_a_short_body_is_begun_again_where_the_server_knows_no_ranges(server, tmp_path):
    address = server.give("/file", Answer(BODY, cut=700_000), BODY)
    download(address, tmp_path / "file", policy=QUICK)
    assert (tmp_path / "file").read_bytes() == BODY
    assert "range" not in server.seen[1][2]


def test_a_file_that_changed_meanwhile_is_not_glued_together(server, tmp_path):
    new = bytes(reversed(BODY))
    address = server.give("/file", versioned(cut=700_000), Answer(new, headers={"ETag": '"two"'}))
    download(address, tmp_path / "file", policy=QUICK)
    assert (tmp_path / "file").read_bytes() == new


def test_a_later_job_goes_on_where_an_earlier_one_stopped(server, tmp_path):
    address = server.give("/file", versioned(cut=700_000), Answer(b"", 404))
    with pytest.raises(Unavailable):
        download(address, tmp_path / "file", policy=QUICK)
    assert (tmp_path / "file").stat().st_size > 0
    server.give("/file", versioned())
    download(address, tmp_path / "file", policy=QUICK)
    assert (tmp_path / "file").read_bytes() == BODY
    assert server.seen[-1][2]["range"] != "bytes=0-"


def test_a_body_that_is_always_short_is_never_taken(server, tmp_path):
    address = server.give("/file", Answer(BODY, cut=700_000))
    with pytest.raises(Unavailable, match="tried 3 times"):
        download(address, tmp_path / "file", policy=QUICK)
    assert not list(tmp_path.iterdir())


def test_a_body_shorter_than_declared_is_not_taken_though_the_server_calls_it_whole(server, tmp_path):
    with pytest.raises(Unavailable, match=f"gave 700000 of {len(BODY)} bytes"):
        download(server.give("/file", BODY[:700_000]), tmp_path / "file", size=len(BODY), policy=QUICK)


def test_a_body_longer_than_declared_is_refused(server, tmp_path):
    with pytest.raises(Unavailable, match="longer than the 1000 bytes"):
        download(server.give("/file", BODY), tmp_path / "file", size=1000, policy=QUICK)
    assert server.count("GET", "/file") == 1
    assert not list(tmp_path.iterdir())


def test_tries_begin_anew_while_a_download_comes_forward(server, tmp_path):
    cuts = [versioned(cut=100_000) for _ in range(6)]  # twice as many interruptions as there are tries
    address = server.give("/file", *cuts, versioned())
    download(address, tmp_path / "file", policy=QUICK)
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_late_first_byte_is_waited_for_longer_at_the_next_try(server, tmp_path, capsys):
    address = server.give("/file", Answer(BODY, wait=0.45))  # beyond the first time-out of 0.3 s, within the second
    download(address, tmp_path / "file", policy=QUICK)
    assert (tmp_path / "file").read_bytes() == BODY
    assert "waiting for too long" in capsys.readouterr().err


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<p>Please log in</p>", headers={"Content-Type": "text/html; charset=utf-8"}),
        Answer(b"\xef\xbb\xbf\n <!DOCTYPE html><html>Error</html>"),
        Answer(b"<HTML><body>Not found", headers={"Content-Type": "text/plain"}),
    ],
)
def test_a_web_page_is_never_taken_for_the_file(server, tmp_path, answer):
    with pytest.raises(Unavailable, match="web page"):
        download(server.give("/file.txt", answer), tmp_path / "file", policy=QUICK)
    assert server.count("GET", "/file.txt") == 1
    assert not list(tmp_path.iterdir())


def test_a_web_page_is_taken_where_one_is_expected(server, tmp_path):
    page = Answer(b"<!DOCTYPE html><html></html>", headers={"Content-Type": "text/html"})
    download(server.give("/page.html", page), tmp_path / "file", web_page_allowed=True, policy=QUICK)
    assert (tmp_path / "file").read_bytes() == page.body


@pytest.mark.parametrize(
    ("address", "reason"),
    [("http://127.0.0.1:9/file", "no connection to 127.0.0.1:9 .*refused"), ("http://nosuchhost.invalid/f", "unknown host")],
)
def test_nobody_there_is_not_asked_again(tmp_path, capsys, address, reason):
    with pytest.raises(Unreachable, match=reason):
        download(address, tmp_path / "file", policy=QUICK)
    assert "trying again" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        (
            "http_proxy",
            "http://me:secret@127.0.0.1:9",
            r"no connection to the proxy 127\.0\.0\.1:9, .*for 127\.0\.0\.1:\d+ \(",
        ),
        ("ALL_PROXY", "http://nosuchhost.invalid:9/", r"unknown host nosuchhost\.invalid:9 \("),
        ("all_proxy", "socks5://127.0.0.1:9", r"sets the proxy 127\.0\.0\.1:9: SOCKS needs the package socksio"),
        ("http_proxy", "odd://127.0.0.1:9", r"sets the proxy 127\.0\.0\.1:9: Unknown scheme"),
        ("SSL_CERT_FILE", "/no/such.pem", r"^SSL_CERT_FILE names certificates that are not there: /no/such\.pem$"),
        ("SSL_CERT_FILE", __file__, r"the certificates of SSL_CERT_FILE cannot be read"),
    ],
)
def test_what_the_environment_sets_is_named_and_the_server_is_not_blamed(
    server, tmp_path, monkeypatch, variable, value, reason
):
    url = server.give("/file.txt", b"here")
    monkeypatch.setenv(variable, value)
    with pytest.raises(Unreachable, match=reason) as raised:
        download(url, tmp_path / "file", policy=QUICK)
    assert "secret" not in str(raised.value)


def test_a_host_that_vanishes_in_the_middle_is_waited_for(tmp_path, monkeypatch, capsys):
    steps = iter([(b"first ", TransientError("broke")), (b"", Unreachable("unknown host")), (b"second", None)])

    def attempt(_, __, path, *___):
        body, problem = next(steps)
        with open(path, "ab") as file:
            file.write(body)
        if problem:
            raise problem

    monkeypatch.setattr("relab.assets.http._download_once", attempt)
    download("http://127.0.0.1:9/", tmp_path / "file", policy=QUICK)
    assert (tmp_path / "file").read_bytes() == b"first second"
    assert "unknown host; trying again" in capsys.readouterr().err


def test_a_full_disk_leaves_nothing_that_looks_whole(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("relab.assets.http._write_body", full)
    with pytest.raises(OSError, match="No space left"):
        download(server.give("/file", BODY), tmp_path / "file", policy=QUICK)
    assert not (tmp_path / "file").exists()
