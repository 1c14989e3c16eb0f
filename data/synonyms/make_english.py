"""Make the default synonym set from WordNet alone: python data/synonyms/make_english.py (make synonyms)

1. Vectors of the words in WordNet's glosses and examples, each gloss with the words that it explains, by gensim's skip-gram;
   their mean and two strongest directions, which carry frequency rather than meaning, are taken off (Mu and Viswanath 2018,
   all-but-the-top). One thread and one seed; the bits still depend on the processor's BLAS.
2. `xlt-augment synonyms build` with WordNet's pairs, as SETTINGS say.
3. `xlt-augment synonyms veto` with the pairs of vetoes-en.txt, which reading the pairs of frequent words has brought to light.
"""

import argparse
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from gensim.models import Word2Vec
from threadpoolctl import threadpool_limits

from xlt_augment.canonical import sha256_file
from xlt_augment.counterfit.wordnet import WordNet
from xlt_augment.synonyms.synonym_set import SynonymSet
from xlt_augment.vectors.word_vectors import WordVectors
from xlt_augment.words.split import split_text

HERE = Path(__file__).resolve().parent
TRAINING = {"vector_size": 100, "window": 8, "sg": 1, "negative": 10, "epochs": 10, "min_count": 1, "sample": 1e-4}
TRAINING |= {"seed": 1, "workers": 1}
# Chosen by reading samples of real sentences: one sense that makes up a large share of a word's uses, distances that only
# counter-fitting reaches, and no neighbor that is far rarer than its word.
SETTINGS = "--wordnet --senses 2 --share 0.2 --rho 0.1 --threshold 0.01 --agreement --rarity 8 --max-rank 60000".split()


def sentences(wordnet: WordNet) -> list[list[str]]:
    """A list of words per synset: its lemmas, then gloss and examples in lower case."""
    return [[n.lower() for n in names] + [w.lower() for w in split_text(text)[0]] for names, text in wordnet.glosses()]


def train(texts: list[list[str]]) -> WordVectors:
    """Skip-gram vectors, without what all of them share."""
    model = Word2Vec(texts, **TRAINING)
    vectors = WordVectors.from_keyed_vectors(model.wv, name="wordnet-glosses")
    centred = vectors.matrix.astype(np.float64)
    centred -= centred.mean(0)
    with threadpool_limits(1):
        _, _, directions = np.linalg.svd(centred, full_matrices=False)
    centred -= centred @ directions[:2].T @ directions[:2]
    return WordVectors(vectors.words, centred.round(4).astype(np.float32), vectors.ranks, vectors.made)


def record(path: Path) -> None:
    """Write into the set's metadata what the steps outside of xlt-augment did."""
    found = SynonymSet.load(path)
    trained = TRAINING | {
        "gensim": version("gensim"),
        "wordnet": WordNet.open().made,
        "taken_off": "mean, 2 directions",
        "digits": 4,
    }
    made = found.made | {"trained": trained, "vetoes_sha256": sha256_file(HERE / "vetoes-en.txt")}
    SynonymSet(found.table, path.stem, made, found.vetoes, found.all_origins).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--vectors", type=Path, default=Path("build/wordnet-glosses.txt"), help="where the vectors are written")
    parser.add_argument("--out", type=Path, default=HERE / "english-wordnet.arrow")
    parser.add_argument("--keep-vectors", action="store_true", help="take the vectors that are there, do not train again")
    options = parser.parse_args()
    options.vectors.parent.mkdir(parents=True, exist_ok=True)
    if not options.keep_vectors:
        train(sentences(WordNet.open())).save(options.vectors)
    command = [sys.executable, "-m", "xlt_augment", "synonyms"]
    target = ["--out", str(options.out), "--overwrite"]
    subprocess.run([*command, "build", "--vectors", str(options.vectors), *SETTINGS, *target], check=True)
    vetoes = ["--pairs", str(HERE / "vetoes-en.txt"), "--overwrite"]
    subprocess.run([*command, "veto", str(options.out), str(options.out), *vetoes], check=True)
    record(options.out)


if __name__ == "__main__":
    main()
