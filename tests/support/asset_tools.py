"""What the tests of downloads share: declarations, small wheels, a pip that sees nothing but what a test gives it."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

from relab.assets.retry import RetryPolicy
from relab.settings.assets import Fetched
from relab.settings.base import check

#: Times short enough for tests.
QUICK = RetryPolicy(pauses=(0.01, 0.02), connect_timeout=1.0, read_timeout=0.3)


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def declared(files: dict, *sources: dict, **more) -> Fetched:
    """A declaration of an asset as a job gets it."""
    return check(Fetched, {"files": files, "sources": list(sources), **more}, "assets.thing")


def make_wheel(folder: Path, members: dict[str, bytes], package: str = "tinywheel", version: str = "1.0.0") -> dict:
    """Write a wheel with these members; returns it as a source."""
    folder.mkdir(parents=True, exist_ok=True)
    path, info = folder / f"{package}-{version}-py3-none-any.whl", f"{package}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in members.items():
            archive.writestr(name, body)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    body = path.read_bytes()
    return {"kind": "wheel", "package": package, "version": version, "size": len(body), "sha256": sha(body)}


def lonely_environment(monkeypatch) -> None:
    """No settings of the machine's own reach pip, the Hub's client or the HTTP client; nothing but localhost is asked."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_TELEMETRY", True)
    for name in list(os.environ):
        if name.upper().startswith(("PIP_", "HF_", "HUGGING_FACE_", "RELAB_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
