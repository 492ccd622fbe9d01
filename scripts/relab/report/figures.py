"""Figures on their way into the page: an SVG file as an element of the HTML page."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from markupsafe import Markup

from relab.errors import UserError

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"


def embed(path: str, name: str, title: str, alternative: str) -> Markup:
    """The SVG file ``path`` as an inline ``<svg role="img">`` with ``title`` and ``alternative`` as its text.

    Ids and references to them get the prefix ``name``, since ids must differ in a page; the style sheet applies to the figure
    alone; metadata are left out.

    Raises:
        UserError: not SVG, no viewBox, or something in it that acts or loads (scripts, references to elsewhere).
    """
    root = _parse(path)
    ids = {element.get("id") for element in root.iter() if element.get("id")}
    for element in list(root.iter()):
        _check(path, element)
        element.tag = element.tag.removeprefix(SVG)
        _prefix(element, name, ids)
        for child in list(element):
            if not str(child.tag).startswith(SVG) or child.tag == SVG + "metadata":
                element.remove(child)
    _label(root, name, title, alternative)
    # an HTML parser reads this as it reads XML: elements of other namespaces are gone
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _parse(path: str) -> ElementTree.Element:
    try:
        root = ElementTree.fromstring(Path(path).read_bytes())
    except ElementTree.ParseError as error:
        raise UserError(f"{path}, line {error.position[0]}: not SVG ({error})") from None
    if root.tag != SVG + "svg" or not re.fullmatch(r"(-?[\d.]+[ ,]+){2}[\d.]+[ ,]+[\d.]+", root.get("viewBox", "")):
        raise UserError(f"{path}: expected an <svg> element with a viewBox")
    return root


def _check(path: str, element: ElementTree.Element) -> None:
    """Refuse scripts, handlers and references to other files: the page must stay one file without scripts."""
    tag = str(element.tag).removeprefix(SVG)
    if tag in ("script", "foreignObject"):
        raise UserError(f"{path}: holds a <{tag}>, which a figure of the report may not")
    for key, value in element.attrib.items():
        if key.startswith("on"):
            raise UserError(f"{path}: holds a handler {key}, which a figure of the report may not")
        if key in ("href", LINK) and not value.startswith(("#", "data:image/")):
            raise UserError(f"{path}: refers to {value!r}; a figure of the report must hold all it needs")


def _prefix(element: ElementTree.Element, name: str, ids: set[str]) -> None:
    for key, value in list(element.attrib.items()):
        if key == "id":
            element.set(key, f"{name}-{value}")
        elif key in ("href", LINK):
            del element.attrib[key]
            element.set("href", f"#{name}-{value[1:]}" if value.startswith("#") else value)
        else:
            element.set(key, re.sub(r"url\(\s*['\"]?#([^)'\"]+)['\"]?\s*\)", rf"url(#{name}-\1)", value))
    if element.tag == "style" and element.text:
        rules = re.sub(r"#([\w-]+)", lambda match: f"#{name}-{match[1]}" if match[1] in ids else match[0], element.text)
        element.text = f"#{name}-svg {{ {rules} }}"  # nested: its rules apply below this figure only


def _label(root: ElementTree.Element, name: str, title: str, alternative: str) -> None:
    width = float(re.split(r"[ ,]+", root.get("viewBox").strip())[2])
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("id", f"{name}-svg")
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-alternative")
    root.set("style", f"--width: {width:g}pt")
    for index, (tag, key, text) in enumerate((("title", "title", title), ("desc", "alternative", alternative))):
        label = ElementTree.Element(tag, {"id": f"{name}-{key}"})
        label.text = text
        root.insert(index, label)
