"""Distances between the languages of PAWS-X and XNLI, as URIEL has them: python data/languages/make_distances.py

Needs urielplus 1.3.2 (pip install urielplus==1.3.2), which brings the data of URIEL with it. Run it in an environment of its
own: the package unpickles its own arrays, and copies them when it is first used. Writes `distances.csv` beside this file.

The features are those of URIEL itself, without the databases that URIEL+ can add: with Grambank the order of the languages is
farther from the papers' (README.md). Of the sources of a feature the largest value counts (union, the package's default). A
feature that is unknown for one of two languages is left out for that pair, nothing is imputed; where none is left the value is
empty. A value is the angle between the two feature vectors over a right angle, rounded to four digits by the package.
"""

import csv
import logging
from itertools import combinations
from pathlib import Path

from urielplus import urielplus

METRICS = ("genetic", "geographic", "syntactic", "inventory", "phonological", "featural")
# ISO 639-3. Where URIEL has both the macrolanguage and a member, the one with more typological features known: ara 284 and arb
# 66, zho 286 and cmn 278 of 289; swa and swh have the same 270.
CODES = {
    "ar": "ara", "bg": "bul", "de": "deu", "el": "ell", "en": "eng", "es": "spa", "fr": "fra", "hi": "hin", "ja": "jpn",
    "ko": "kor", "ru": "rus", "sw": "swh", "th": "tha", "tr": "tur", "ur": "urd", "vi": "vie", "zh": "zho",
}  # fmt: skip
NOTHING_SHARED = "No shared"


def between(uriel: urielplus.URIELPlus, metric: str, one: str, two: str) -> str:
    """The distance with four digits; empty where no feature is known for both."""
    try:
        return f"{uriel.new_distance(metric, CODES[one], CODES[two]):.4f}"
    except ValueError as error:
        if NOTHING_SHARED not in str(error):
            raise
        return ""


def main() -> None:
    logging.disable(logging.CRITICAL)
    uriel = urielplus.URIELPlus()
    with Path(__file__).with_name("distances.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(("language_1", "language_2", "metric", "value"))
        for metric in METRICS:
            for one, two in combinations(sorted(CODES), 2):
                table.writerow((one, two, metric, between(uriel, metric, one, two)))


if __name__ == "__main__":
    main()
