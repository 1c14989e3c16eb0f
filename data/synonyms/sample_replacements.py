"""Random replacements in real sentences, to be read and judged: python data/synonyms/sample_replacements.py SET FILE.tsv ...

For each of `--count` sentences, drawn from the first two columns of the files, one of its eligible words at random and one of
that word's neighbors at random. Prints TSV: number, word, replacement, the sentence with [word -> replacement].
"""

import argparse
import random
from pathlib import Path

from xlt_augment import SynonymSet
from xlt_augment.words.split import split_text


def sampled(synonyms: SynonymSet, texts: list[str], count: int, seed: int) -> list[tuple[str, str, str]]:
    """(word, replacement, marked sentence), `count` of them. Words are looked up as written."""
    neighbors = {word: row for word, row in synonyms.to_mapping().items() if row}
    chance, found = random.Random(seed), []
    chance.shuffle(texts)
    for text in texts:
        words, gaps = split_text(text)
        eligible = [k for k, word in enumerate(words) if word in neighbors]
        if not eligible or len(found) == count:
            continue
        at = chance.choice(eligible)
        word, other = words[at], chance.choice(neighbors[words[at]])
        words[at] = f"[{word} -> {other}]"
        found.append((word, other, "".join(gap + word for gap, word in zip(gaps, [*words, ""]))))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("synonyms")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lines = [line for path in options.files for line in path.read_text(encoding="utf-8").splitlines()]
    texts = [text for line in lines for text in line.split("\t")[:2]]
    for number, row in enumerate(sampled(SynonymSet.load(options.synonyms), texts, options.count, options.seed), 1):
        print(number, *row, sep="\t")


if __name__ == "__main__":
    main()
