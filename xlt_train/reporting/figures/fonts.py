"""Which fonts can write a word, so that no figure holds the boxes of letters that a font lacks."""

import textwrap
import unicodedata
from functools import cache
from pathlib import Path

_FIRST = "DejaVu Sans"  # comes with matplotlib
# Known to cover what it lacks, in the order of trying; used where a system has one.
_OTHERS = (
    "Noto Sans CJK SC,Noto Sans CJK JP,Noto Sans CJK KR,Noto Sans SC,Noto Sans JP,Noto Sans KR,Source Han Sans SC,"
    "WenQuanYi Zen Hei,WenQuanYi Micro Hei,Droid Sans Fallback,IPAexGothic,IPAGothic,NanumGothic,UnDotum,PingFang SC,"
    "Hiragino Sans,Apple SD Gothic Neo,Microsoft YaHei,Yu Gothic,Malgun Gothic,Noto Sans Thai,Noto Sans Devanagari,"
    "Lohit Devanagari,Arial Unicode MS"
).split(",")
_LEGEND_LETTERS = 44
# Their letters join or move, which takes a shaping engine: matplotlib has one from 3.11 on.
_JOINED = tuple(
    "ARABIC HEBREW SYRIAC DEVANAGARI BENGALI TAMIL TELUGU KANNADA MALAYALAM GUJARATI GURMUKHI SINHALA KHMER THAI LAO".split()
)


def families_for(text: str) -> list[str] | None:
    """The font families to write `text` with, the first one first; None where no known font of this system can."""
    letters = {ord(sign) for sign in text if not sign.isspace()}
    if not _shapes() and any(unicodedata.name(chr(letter), "").startswith(_JOINED) for letter in letters):
        return None
    if letters <= _covered(_FIRST):
        return [_FIRST]
    return next(([_FIRST, name] for name in _OTHERS if letters <= _covered(_FIRST) | _covered(name)), None)


def written(text: str) -> str:
    """`text` with a question mark for each letter that the first font lacks: for names that must be in a figure."""
    return "".join(sign if ord(sign) in _covered(_FIRST) or sign.isspace() else "?" for sign in text)


def wrapped(name: str) -> str:
    """The name of a system as a legend shows it: in lines that fit into one column of print."""
    lines = textwrap.wrap(written(name), _LEGEND_LETTERS) or ["?"]
    # matplotlib hides what begins with an underscore
    return "\n".join(lines) if not lines[0].startswith("_") else "\n".join([f" {lines[0]}", *lines[1:]])


@cache
def _shapes() -> bool:
    from matplotlib import ft2font

    return hasattr(ft2font, "__libraqm_version__")


@cache
def _covered(family: str) -> frozenset[int]:
    """The code points that a family has letters for; none where it is not installed."""
    from matplotlib.font_manager import fontManager, get_font

    regular = [
        entry
        for entry in fontManager.ttflist
        if entry.name == family and entry.style == "normal" and Path(entry.fname).exists()
    ]
    regular.sort(key=lambda entry: (abs(int(entry.weight) - 400) if str(entry.weight).isdigit() else 500, entry.fname))
    return frozenset(get_font(regular[0].fname).get_charmap()) if regular else frozenset()
