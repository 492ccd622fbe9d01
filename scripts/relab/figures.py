"""The common style of figures: what colour a system has, and what a figure looks like; :mod:`relab.svg` writes them.

Colours are those of Okabe and Ito (2008), distinguishable with every kind of colour vision; the four that stand out most on
white come first. A colour is a system, the same in every figure; what a line is measured on is its style; baselines are of a
neutral family. The report gives each figure a text alternative.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import matplotlib

#: Blue, vermilion, bluish green, reddish purple; orange and sky blue, where a figure has more systems.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_FIRST = 4

#: Of baselines (what needs no training, what learns from words alone, people); the second where a first is beside it.
NEUTRAL = ("#222222", "#8C8C8C")

#: Colour of what a legend says of lines of every colour.
GREY = "#555555"

#: Line styles for a second varied key; reference lines have shorter dashes than these.
STYLES = ("-", (0, (6, 2)), (0, (6, 2, 1, 2)), (0, (10, 3)), (0, (8, 2, 1, 2, 1, 2)))

#: Width of a figure in inches: at its natural size it fits the text column, on a phone its letters stay readable.
WIDTH = 6.0

STYLE = {
    "svg.hashsalt": "relab",
    "svg.fonttype": "none",  # letters are text: small, found by a search, in a font of the reader's machine
    "path.simplify": False,  # every value of a curve can be pointed at
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana"],  # as wide as each other, and wider than what stands in for them
    "text.parse_math": False,  # a dollar in a name is a dollar
    "font.size": 10.5,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 10,
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Apply the style to the figures that are drawn and saved inside the block."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # ignore a user's matplotlibrc
        matplotlib.rcParams.update(STYLE)
        yield


def colours(names: Iterable[str], baselines: Iterable[str] = (), by_system: bool = False) -> dict[str, str]:
    """The colour of each name by the system that it names; those among ``baselines`` are neutral.

    A system has the colour that its letters say, in whatever figure it stands. Of two that would share one in a figure, it is
    always the same that gives way. With ``by_system``, names of one system share its colour: something else tells them apart.
    """
    distinct, neutral = list(dict.fromkeys(names)), set(baselines)
    named = {name: system_of(name) for name in distinct if name not in neutral}
    if not by_system:
        several = {system for system, number in Counter(named.values()).items() if number > 1}
        named = {name: name if system in several else system for name, system in named.items()}
    of_systems: dict[str, str] = {}
    left: list[str] = []
    for rank, system in sorted((_rank(system), system) for system in set(named.values())):
        left = left or list(COLOURS)
        first = rank % _FIRST
        of_systems[system] = next(colour for colour in (*COLOURS[first:_FIRST], *COLOURS) if colour in left)
        left.remove(of_systems[system])
    return {name: NEUTRAL[0] if name in neutral else of_systems[named[name]] for name in distinct}


def system_of(name: str) -> str:
    """What a name says of the system, without what is said of it here alone.

    Such as ``lora`` of *quotes_lora (LoRA, rank 16)*, ``smollm2`` of *smollm2, chat*, ``minilm cls`` of *minilm [CLS]*.
    """
    inside = re.search(r"\(([^()]+)\)$", name)
    system = re.sub(r"[\[\]]|-s\d+$|^a | of \d+ tokens$", "", (inside[1] if inside else name).split(",")[0]).lower()
    return _SAME.get(system, system)


def _rank(system: str) -> int:
    return int.from_bytes(hashlib.sha256(_SALT + system.encode()).digest()[:4], "big")


#: Systems that tables of what was trained and tables of systems call differently.
_SAME = {"full fine-tuning": "all weights"}

#: Chosen so that the systems that the default shows together seldom meet.
_SALT = b"relab1814"
