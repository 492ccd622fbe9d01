"""The table of the toy kind."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from relab.corpora.storage import documents
from relab.rows.job import MAIN, Job

HEADER = ["word", "count"]


def tabulate(job: Job) -> dict[str, pd.DataFrame]:
    """The step ``tabulate``."""
    counted = Counter(word for text in documents(job.file("train")) for word in text.split())
    return {MAIN: pd.DataFrame(counted.most_common(job.spec["words"]), columns=HEADER)}
