"""Sampled texts made up for tests, as ``results/samples/{sampling}.jsonl`` has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from relab.settings.samplings import Decoding


def line(method: str, prompt_index: int, tokens: list[int], index: int = 0, **more: Any) -> dict[str, Any]:
    """One text: tokens of log-probability -1 each unless ``token_logprobs`` says otherwise, greedy unless ``settings`` does."""
    return {
        "method": method,
        "prompt": f"prompt {prompt_index} ",
        "prompt_index": prompt_index,
        "index": index,
        "text": " ".join(map(str, tokens)),
        "ended": False,
        "settings": Decoding().model_dump(mode="json"),
        "seed": 0,
        "prompt_ids": [prompt_index],
        "token_ids": tokens,
        "token_logprobs": [-1.0] * len(tokens),
        **more,
    }


def settings(**arguments: Any) -> dict[str, Any]:
    """The arguments of a method as a line has them."""
    return Decoding(**arguments).model_dump(mode="json")


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    """Write lines as a file of samples."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines), encoding="utf-8", newline="\n")
    return path
