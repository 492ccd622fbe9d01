"""Seeds of random streams that are identified by several numbers."""

from __future__ import annotations

import hashlib


def stream_seed(seed: int, *index: int) -> int:
    """The seed of the random stream with this seed and index: 64 bits of the SHA-256 of ``seed/index/…`` in decimal.

    NumPy's own ``SeedSequence([0, 2])`` and ``SeedSequence([0, 2, 0])``, and ``Philox(key=0)`` and ``Philox(key=[0, 0])``, are
    the same stream: missing numbers are zeros there. Here keys of different lengths give different streams. Where all keys have
    the same length, NumPy's are as good.
    """
    return int.from_bytes(hashlib.sha256("/".join(str(int(part)) for part in (seed, *index)).encode()).digest()[:8], "little")
