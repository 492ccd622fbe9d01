"""Files of the Hugging Face Hub at a pinned revision, checked against the Hub's own hashes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from relab.assets.http import download, names_web_page, timeouts
from relab.assets.http_errors import translate_http_errors
from relab.assets.retry import RetryPolicy, Unavailable, Unreachable, retry
from relab.settings.assets import AssetFile, HubSource

#: The Hub's hashes by their length, given a file's size: git's SHA-1 of a blob, and SHA-256 for large files.
HASHES = {
    40: lambda size: hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False),
    64: lambda size: hashlib.sha256(),
}


class HubFetcher:
    """Fetches files of an asset from a Hub repository; respects a token (``HF_TOKEN`` or a saved login) and ``HF_ENDPOINT``."""

    resumable = True

    def __init__(self, source: HubSource, policy: RetryPolicy):
        self.source, self.policy = source, policy
        self.label = f"hub {source.repo}"

    def fetch(self, name: str, expected: AssetFile, path: Path) -> tuple[str, str]:
        """Download one file to ``path``; return its address in words and what it was checked against.

        Raises:
            Unavailable: with the reason.
        """
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.utils import build_hf_headers

        source, member = self.source, self.source.member(name)
        endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
        url = hf_hub_url(source.repo, member, repo_type=source.type, revision=source.revision, endpoint=endpoint)
        metadata = retry(lambda number: self._metadata(get_hf_file_metadata, url, endpoint, number), url, self.policy)
        if metadata.commit_hash != source.revision:
            raise Unavailable(f"{url} is of commit {metadata.commit_hash}, expected {source.revision}")
        etag = metadata.etag or ""
        if expected.sha256 and len(etag) == 64 and etag != expected.sha256:
            raise Unavailable(f"{url} has the sha256 {etag}, expected {expected.sha256}")
        if not expected.sha256 and len(etag) not in HASHES:
            raise Unavailable(f"{url} came without a hash of the Hub's (its etag is {etag!r})")
        size = expected.size or metadata.size
        download(url, path, size=size, headers=build_hf_headers(), web_page_allowed=names_web_page(member), policy=self.policy)
        _check_hash(path, etag, url)
        return f"{source.repo}@{source.revision}: {member}", "the Hub's own hash"

    def _metadata(self, request, url: str, endpoint: str | None, number: int):
        from huggingface_hub.errors import OfflineModeIsEnabled

        try:
            with translate_http_errors(url):
                return request(url, timeout=timeouts(self.policy, number), endpoint=endpoint)
        except OfflineModeIsEnabled:
            raise Unreachable("HF_HUB_OFFLINE is set") from None


def _check_hash(path: Path, etag: str, url: str) -> None:
    """Compare the file with the Hub's hash of it, where there is one."""
    if len(etag) not in HASHES:
        return
    digest = HASHES[len(etag)](path.stat().st_size)
    with open(path, "rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    if digest.hexdigest() != etag:
        path.unlink()
        raise Unavailable(f"what came from {url} has the hash {digest.hexdigest()}, but the Hub's own is {etag}")
