"""Memory and time of making a corpus of a packed archive, whatever its size: `clean_corpus` on a gzipped tar of JSON arrays.

The archive is made here, in the form of TinyStories' (an array of 100,000 stories with their prompts a member) and about as
compressible, from a small grammar; at --packed-mb 1600 it is as large as that one. The job runs in a process of its own, as in
a run; its peak memory, libraries included, and its seconds are those of its own record. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import emit, in_new_process

PACKED = 324  # bytes of the archive a story; some 330 in TinyStories
MEMBER = 100_000  # stories
SENTENCES = 2**16  # so many that few stand twice in the 32 KiB that gzip looks back on
PROGRAM = Path(__file__).resolve().parents[1] / "scripts" / "clean_corpus.py"
CORPUS = {
    "asset": "stories",
    "reader": {"kind": "table", "column": "story"},
    "split": {"by": "document", "validation": 0.005, "seed": 0},
}


def words(number: int, draw: random.Random) -> list[str]:
    """Made-up words of one to three syllables."""
    syllables = [start + vowel + end for start in "bcdfghjklmnprstvw" for vowel in "aeiou" for end in ("", *"dklmnrst")]
    return ["".join(draw.choices(syllables, k=draw.choice((1, 2, 2, 3)))) for _ in range(number)]


def sentences(draw: random.Random) -> list[str]:
    """The sentences that stories are put together from, drawn from a grammar of six forms."""
    lexicon = {"name": 600, "thing": 9000, "kind": 6000, "did": 6000, "place": 3000}
    symbols = {symbol: words(number, draw) for symbol, number in lexicon.items()}
    forms = [
        "Once upon a time, a {kind} {thing} and a {thing_} {did} in the {place}.",
        "{name} and {name_} {did} the {kind} {thing} at the {kind_} {place}.",
        '"{name}, {did} your {kind} {thing}!" {did_} {name_}.',
        "The {thing} was {kind}, but {name} {did} and {did_} the {thing_}.",
        '{name} said, "A {kind} {thing} {did} my {kind_} {thing_}."',
        "They {did} {kind} {place} and {did_} {thing} with {name}.",
    ]

    def sentence() -> str:
        first = {symbol: draw.choice(texts) for symbol, texts in symbols.items()}
        second = {f"{symbol}_": draw.choice(texts) for symbol, texts in symbols.items()}
        return draw.choice(forms).format(**first, **second)

    return [sentence() for _ in range(SENTENCES)]


def stories(number: int, seed: int) -> Iterator[dict[str, Any]]:
    """Stories with their prompts, of the fields and about the length of TinyStories'."""
    draw = random.Random(seed)
    known = sentences(draw)
    for _ in range(number):
        story = draw.choices(known, k=draw.randint(7, 15))
        middle = len(story) // 2
        prompt = draw.choice(known)
        yield {
            "story": f"{' '.join(story[:middle])}\n\n{' '.join(story[middle:])}",
            "instruction": {
                "prompt:": f"Write a short story for a child of three which uses the words of: {prompt}",
                "words": prompt.split()[:3],
                "features": ["Dialogue"],
            },
            "summary": story[0],
            "source": "GPT-4",
        }


def pack(path: Path, number: int, seed: int) -> int:
    """Write the archive of ``number`` stories and return the bytes of its members."""
    records, unpacked = stories(number, seed), 0
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as out, tarfile.open(fileobj=out, mode="w|") as tar:
        for index, first in enumerate(range(0, number, MEMBER)):
            texts = (json.dumps(next(records)) for _ in range(min(MEMBER, number - first)))
            content = f"[{', '.join(texts)}]".encode()
            member = tarfile.TarInfo(f"data{index:02}.json")
            member.size = len(content)
            unpacked += member.size
            tar.addfile(member, io.BytesIO(content))
    return unpacked


def measure(folder: Path, packed_mb: float, seed: int) -> None:
    """Make the archive, run the job on it, and emit what its record says."""
    archive, record, stats = folder / "stories.tar.gz", folder / "provenance.json", folder / "stats.json"
    # in a process that is gone before the job starts: on Linux the peak of a process is never below that of its parent
    unpacked = in_new_process(pack, archive, round(packed_mb * 1e6 / PACKED), seed)
    print(f"made {archive.stat().st_size:,} bytes, {unpacked:,} unpacked", file=sys.stderr)
    command = [sys.executable, PROGRAM, "--spec", json.dumps(CORPUS), "--provenance", record, "--input", archive]
    command += ["--train", folder / "train.parquet", "--validation", folder / "validation.parquet", "--stats", stats]
    subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | {"TQDM_DISABLE": "1"})
    entry, documents = json.loads(record.read_text()), json.loads(stats.read_text())["documents"]
    size = archive.stat().st_size
    emit(
        "corpora",
        f"peak memory of clean_corpus, {packed_mb:g} MB packed",
        float(entry["peak_memory_mib"]),
        "MiB",
        settings={"packed_bytes": size, "unpacked_bytes": unpacked, "documents": documents, "seed": seed},
        seconds=float(entry["wall_seconds"]),
        documents_per_second=documents["read"] / entry["wall_seconds"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packed-mb", type=float, default=10, help="size of the archive in MB, about (default: 10)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the stories (default: 0)")
    parser.add_argument("--folder", type=Path, help="where working files stand for a while (default: the system's)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        measure(Path(name), args.packed_mb, args.seed)


if __name__ == "__main__":
    main()
