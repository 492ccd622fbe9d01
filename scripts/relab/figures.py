"""The common style of figures, and their files: SVG with the same bytes for the same data.

Colours are those of Okabe and Ito (2008), distinguishable with every kind of colour vision, in an order that keeps contrast on
a white background. Text is drawn as paths, independent of a reader's fonts, unless a name needs letters that the font lacks:
then the texts of the figure are texts, for which a browser finds fonts on the reader's machine. The same data give the same
bytes on machines with other fonts, too. The report gives each figure a text alternative.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.text import Text

from relab.files import replacing

#: Blue, vermilion, bluish green, reddish purple, black, orange, sky blue.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")

#: Line styles for a second varied key; reference lines have shorter dashes than these.
STYLES = ("-", (0, (6, 2)), (0, (6, 2, 1, 2)), (0, (10, 3)), (0, (8, 2, 1, 2, 1, 2)))

#: Width of a figure in inches: at its natural size it fits the text column, on a phone its letters stay readable.
WIDTH = 6.0

STYLE = {
    "svg.hashsalt": "relab",
    "svg.fonttype": "path",
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
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


def save_figure(path: str | Path, figure: Figure) -> None:
    """Write a figure as SVG, whole or not at all, without a date or the version of the library."""
    style = {} if all(map(_in_font, figure.findobj(Text))) else {"svg.fonttype": "none"}
    with replacing(path) as temporary, matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)  # then the browser has them
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})


def _in_font(text: Text) -> bool:
    """Whether the font of a text has all its letters."""
    font = get_font(findfont(text.get_fontproperties()))
    return all(font.get_char_index(ord(letter)) for letter in text.get_text() if letter != "\n")
