"""A toy language: groups of synonyms whose vectors lie near one another, and antonyms that lie just as near."""

from pathlib import Path

import numpy as np

GROUPS = ("movie film picture", "good fine nice", "bad poor awful", "quick fast rapid", "cheap inexpensive", "street road lane")
RUSSIAN = ("кино фильм картина", "хороший славный добрый", "плохой дурной скверный", "быстрый скорый", "улица дорога")
ANTONYMS = ("good bad", "fine poor", "nice awful")
RUSSIAN_ANTONYMS = ("хороший плохой", "добрый дурной")


def write_toy(folder: Path, groups: tuple[str, ...] = GROUPS, antonyms: tuple[str, ...] = ANTONYMS) -> None:
    """vectors.txt (GloVe text), synonyms.txt, antonyms.txt. Antonyms begin at a cosine of about 0.7, too far for VSP."""
    chance = np.random.default_rng(3)
    opposite = {word: pair.split()[0] for pair in antonyms for word in pair.split()[1:]}
    centres: dict[str, np.ndarray] = {}
    lines, pairs = [], []
    for group in groups:
        words = group.split()
        centre = next((centres[opposite[w]] for w in words if w in opposite), chance.normal(size=20))
        for word in words:
            centres[word] = centre
            numbers = " ".join(f"{x:.5f}" for x in centre + 0.6 * chance.normal(size=20))
            lines.append(f"{word} {numbers}")
        pairs += [f"{words[0]} {other}" for other in words[1:]]
    for word in ("the", "42", "x", "два"):  # beside the last group
        lines.append(f"{word} " + " ".join(f"{x:.5f}" for x in centre + 0.1 * chance.normal(size=20)))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vectors.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "synonyms.txt").write_text("\n".join(pairs) + "\n", encoding="utf-8")
    (folder / "antonyms.txt").write_text("\n".join(antonyms) + "\n", encoding="utf-8")
