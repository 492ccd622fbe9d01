"""Figures as SVG files: small, with the same bytes for the same data, and with the values that a reader can point at.

Letters are text, for which a browser finds a font on the reader's machine. A curve or a row of marks that has a label is a
group ``data-curve`` with the label as its ``<title>``, inside a group ``data-axes`` that says what positions mean; a mark whose
value is known in words has these words as its ``<title>``. Browsers show titles; the report's script shows values on curves.
"""

from __future__ import annotations

import io
import json
import math
import re
import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from relab.files import replacing

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"

#: Attributes that hold positions in points.
_POSITIONS = ("d", "x", "y", "transform", "width", "height")
#: Characters that a file may not hold: a token of a model may be one.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_DECIMALS = re.compile(r"-?\d+\.\d{3,}")


def describe_line(line: Line2D, label: str, values: Sequence[str] = ()) -> None:
    """Give a line its label, and its marks the words for their values, for those who point at it."""
    line.set_label(_printable(label))
    line.values_in_words = [_printable(value) for value in values]


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)


def save_figure(path: str | Path, figure: Figure) -> None:
    """Write a figure as SVG, whole or not at all, without a date or the version of the library."""
    curves = _name_curves(figure)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)  # the browser has them
        _break_labels(figure)
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    root = ElementTree.fromstring(_printable(buffer.getvalue().decode()))
    groups = {element.get("id"): element for element in root.iter(f"{SVG}g")}
    for axes in figure.axes:
        if axes.get_gid() in groups:
            groups[axes.get_gid()].set("data-axes", json.dumps(_scales(axes), ensure_ascii=False))
    for name, line in curves.items():
        _title(groups[name], line)
    _shorten(root)
    ElementTree.register_namespace("", SVG[1:-1])
    with replacing(path) as temporary:
        temporary.write_bytes(ElementTree.tostring(root, encoding="utf-8"))


def _break_labels(figure: Figure) -> None:
    """Break titles and labels of axes that are longer than their axes into lines."""
    for _ in range(2):  # a broken title leaves less room for what stands upright
        figure.draw_without_rendering()
        for axes in filter(lambda axes: axes.axison, figure.axes):
            frame = axes.get_window_extent()
            _break(axes.yaxis.label, "height", frame)
            for text in (axes.xaxis.label, axes._left_title, axes.title):
                _break(text, "width", frame)


def _break(text: Text, extent: str, frame: Bbox) -> None:
    length, room = getattr(text.get_window_extent(), extent), getattr(frame, extent)
    if length > room > 0:
        words = text.get_text()
        letters = math.ceil(len(words) / math.ceil(length * (1 + words.count("\n")) / room)) + 2
        text.set_text(textwrap.fill(words, letters, break_long_words=False, break_on_hyphens=False))


def _name_curves(figure: Figure) -> dict[str, Line2D]:
    """Give axes and labelled lines the names that their groups have in the file."""
    curves: dict[str, Line2D] = {}
    for number, axes in enumerate(figure.axes):
        axes.set_gid(f"axes-{number}")
        for line in axes.lines:
            if not line.get_label().startswith("_") and axes.axison:
                line.set_gid(f"curve-{len(curves)}")
                curves[line.get_gid()] = line
    return curves


def _scales(axes: Axes) -> dict[str, list]:
    """What horizontal and vertical positions in the file mean: label, scale, and two positions (points) with their values."""
    figure = axes.get_figure(root=True)
    left, bottom, width, height = (length * 72 / figure.dpi for length in axes.bbox.bounds)
    top = figure.get_figheight() * 72
    ends = {"x": (left, left + width), "y": (top - bottom, top - bottom - height)}
    scales = {}
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        sharing = getattr(axes, f"get_shared_{name}_axes")().get_siblings(axes)
        labelled = [axes, *sharing, *figure.axes]  # of panels beside or below each other, one is labelled
        label = next(filter(None, (getattr(panel, f"get_{name}label")() for panel in labelled)), name)
        low, high = (float(f"{value:.6g}") for value in axis.get_view_interval())
        (start, stop), inverted = (round(end, 2) for end in ends[name]), axis.get_inverted()
        scales[name] = [label, axis.get_scale(), start, high if inverted else low, stop, low if inverted else high]
    return scales


def _title(group: ElementTree.Element, line: Line2D) -> None:
    """A group of a curve: its label, and at each of its marks the words for the value."""
    group.set("data-curve", "")
    marks = [element for element in group.iter(f"{SVG}use")]
    words = getattr(line, "values_in_words", [])
    if words and len(words) == len(marks):
        for mark, text in zip(marks, words, strict=True):
            ElementTree.SubElement(mark, f"{SVG}title").text = text
    else:
        title = ElementTree.Element(f"{SVG}title")
        title.text = line.get_label()
        group.insert(0, title)


def _shorten(root: ElementTree.Element) -> None:
    """Leave out what nothing refers to or shows: names, space between elements, groups that say nothing, far decimals."""
    referred = set()
    for element in root.iter():
        referred |= {value[1:] for key, value in element.items() if key in ("href", LINK) and value.startswith("#")}
        referred |= set(re.findall(r"url\(#([^)]+)\)", " ".join(element.attrib.values())))
    for element in root.iter():
        if element.get("id") not in (None, *referred):
            del element.attrib["id"]
        for key in _POSITIONS:
            if key in element.attrib:
                element.set(key, _position(element.attrib[key]))
        if "style" in element.attrib:
            element.set("style", re.sub(r"([:;,]) ", r"\1", _DECIMALS.sub(_rounded, element.attrib["style"])))
        if element.tag not in (f"{SVG}text", f"{SVG}tspan", f"{SVG}title", f"{SVG}style"):
            element.text = None
        element.tail = None
    _unwrap(root)


def _position(value: str) -> str:
    """Positions with two decimals; those of a path without space where none is needed."""
    rounded = _DECIMALS.sub(_rounded, value)
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", rounded) if re.match(r"[Mm]\s", value) else rounded


def _rounded(match: re.Match) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


def _unwrap(element: ElementTree.Element) -> None:
    children: list[ElementTree.Element] = []
    for child in element:
        _unwrap(child)
        children += list(child) if child.tag == f"{SVG}g" and not child.attrib else [child]
    element[:] = children
