"""Write unicode-14.0.0.json: the character classes and case mappings that decide what a word is.

Run with CPython 3.11, whose `unicodedata` is Unicode 14.0.0. The table is frozen in the package so that another Python
with another Unicode version cuts the same text into the same words.
"""

import json
import unicodedata
from pathlib import Path

CLASSES = {"letter": "L", "mark": "M", "digit": "Nd"}
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def ranges(prefix: str) -> list[list[int]]:
    """Inclusive [first, last] ranges of the code points whose general category starts with `prefix`."""
    found: list[list[int]] = []
    for c in CODE_POINTS:
        if unicodedata.category(chr(c)).startswith(prefix):
            if found and found[-1][1] == c - 1:
                found[-1][1] = c
            else:
                found.append([c, c])
    return found


def main() -> None:
    table: dict[str, object] = {"version": unicodedata.unidata_version}
    table |= {name: ranges(prefix) for name, prefix in CLASSES.items()}
    # Lower case is the simple mapping (one code point); U+0130 is the only one whose full mapping is longer.
    table["lower"] = {chr(c): chr(c).lower()[0] for c in CODE_POINTS if chr(c).lower() != chr(c)}
    table["upper"] = {chr(c): chr(c).upper() for c in CODE_POINTS if chr(c).upper() != chr(c)}
    table["title"] = {chr(c): chr(c).title() for c in CODE_POINTS if chr(c).title() != chr(c).upper()}
    target = Path(__file__).with_name(f"unicode-{table['version']}.json")
    target.write_text(json.dumps(table, ensure_ascii=True, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{target.name}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
