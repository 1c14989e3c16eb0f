"""An SVG file as a part of a page: ids of its own, the page's colours, a name and a description."""

import re
from xml.etree import ElementTree

from xlt_train.reporting.render_html import escape

# The page's names for the colours of `figures/style.py`: it has others for dark screens. A test compares the two lists.
COLOURS = {
    "#1b1f24": "ink",
    "#56606b": "muted",
    "#d3d8de": "grid",
    "#fefefe": "paper",
    "#0072b2": "series-1",
    "#d55e00": "series-2",
    "#009e73": "series-3",
    "#cc79a7": "series-4",
    "#e69f00": "series-5",
    "#56b4e9": "series-6",
}
_COLOUR = re.compile("|".join(COLOURS))
_DROPPED = {"metadata", "style", "title", "desc"}


def inline(svg: str, own: str, title: str, description: str) -> str:
    """`svg` as an element of an HTML page, as an image with `title` and `description` for who cannot see it.

    Only ids that something refers to stay, each with `own` before it, so that figures can share a page; the file's own style
    sheet, which would reach the whole page, is left out, as are its size in points and its metadata.
    """
    root = ElementTree.fromstring(svg)
    values = " ".join(value for node in root.iter() for value in node.attrib.values())
    used = set(re.findall(r"#([\w.-]+)", values))
    box = root.attrib["viewBox"]
    heard = f'<title id="{own}-title">{escape(title)}</title><desc id="{own}-desc">{escape(description)}</desc>'
    inside = "".join(_text(child, own, used) for child in root)
    named = f'role="img" aria-labelledby="{own}-title" aria-describedby="{own}-desc"'
    return f'<svg {named} viewBox="{box}" style="--width: {float(box.split()[2]) / 72:.2f}in">{heard}{inside}</svg>'


def _text(node: ElementTree.Element, own: str, used: set[str]) -> str:
    """A node and what is in it, without namespaces, which an HTML page does not need."""
    tag = node.tag.rpartition("}")[2]
    if tag in _DROPPED:
        return ""
    attributes = "".join(_attribute(name.rpartition("}")[2], value, own, used) for name, value in node.attrib.items())
    inside = "".join(_text(child, own, used) for child in node)
    if not inside and tag in ("g", "defs"):
        return ""
    return f"<{tag}{attributes}>{inside}</{tag}>"


def _attribute(name: str, value: str, own: str, used: set[str]) -> str:
    if name == "id":
        return f' id="{own}-{escape(value)}"' if value in used else ""
    if name == "style":
        value = _COLOUR.sub(lambda found: f"var(--{COLOURS[found[0]]})", value)
    value = re.sub(r"url\(#([\w.-]+)\)", rf"url(#{own}-\1)", value)
    if name == "href":
        value = f"#{own}-{value.removeprefix('#')}"
    return f' {name}="{escape(" ".join(value.split()))}"'
