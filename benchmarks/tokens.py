"""How fast token columns are, beside `encode_batch_fast` over the same texts in the same run.

    python benchmarks/tokens.py [--source pairs.tsv --synonyms set.json] [--pairs 49401] [--runs 5] [--tokenizer PATH ...]

The texts are those of a dataset with ten variants. The yardstick is what a user would write: batches of 1,000 rows from Arrow
to Python strings, `encode_batch_fast` on 2 threads, its ids to a list<int32> array; its own time is also given alone. Ours
starts with an empty table in each run. Both must give the same ids on every row. Without --tokenizer three are made from the
source: WordPiece as mBERT, unigram as XLM-R, byte-level BPE as RoBERTa. Prints a table and writes
benchmarks/results/tokens.json. Times are of one machine and one moment: read the ratios.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

THREADS = 2
os.environ |= {"TOKENIZERS_PARALLELISM": "true", "RAYON_NUM_THREADS": str(THREADS)}  # before tokenizers is loaded

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
from common import write_result  # noqa: E402
from datasets import load_from_disk  # noqa: E402
from tokenizers import Tokenizer as Backend  # noqa: E402
from tokenizers import models, normalizers, pre_tokenizers, trainers  # noqa: E402
from transformers import BertTokenizerFast, PreTrainedTokenizerFast  # noqa: E402

from xlt_augment import Substitute, SynonymSet, build  # noqa: E402
from xlt_augment.arrays import number_array  # noqa: E402
from xlt_augment.resources import resource  # noqa: E402
from xlt_augment.tokens.tokenizer import Tokenizer, open_tokenizer  # noqa: E402
from xlt_augment.tokens.word_ids import WordIds  # noqa: E402
from xlt_augment.words.texts import Texts  # noqa: E402

HERE = Path(__file__).resolve().parent
M, BATCH, VOCABULARY = 10, 1_000, 30_000
UNIT = 60_000  # rows of ours at once: about 16 MB of text, as in a build


def tile(source: Path, target: Path, pairs: int) -> None:
    """Repeat the labelled rows of `source` until there are `pairs`."""
    rows = source.read_text(encoding="utf-8").splitlines()
    target.write_text("".join(rows[k % len(rows)] + "\n" for k in range(pairs)), encoding="utf-8")


def dataset_texts(source: Path, synonyms: SynonymSet, pairs: int, folder: Path) -> list[pa.ChunkedArray]:
    """The two text columns of the dataset with ten variants."""
    tile(source, folder / "pairs.tsv", pairs)
    report = build(folder / "pairs.tsv", Substitute(synonyms, p=0.1), m=M, out=folder / "dataset")
    table = load_from_disk(str(report.path)).data.table
    return [table[name] for name in ("sentence1", "sentence2")]


def made_tokenizers(source: Path, folder: Path) -> list[str]:
    """One tokenizer of each kind, trained on the source; their folders."""
    texts = [text for row in source.read_text(encoding="utf-8").splitlines() for text in row.split("\t")[:2]]
    wordpiece = Backend(models.WordPiece(unk_token="[UNK]"))
    wordpiece.normalizer, wordpiece.pre_tokenizer = (
        normalizers.BertNormalizer(lowercase=False),
        pre_tokenizers.BertPreTokenizer(),
    )
    kinds = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    wordpiece.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=kinds, show_progress=False)
    )
    BertTokenizerFast(vocab=wordpiece.get_vocab(), do_lower_case=False).save_pretrained(folder / "WordPiece")
    unigram = Backend(models.Unigram())
    unigram.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    unigram.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    kinds = ["<s>", "<pad>", "</s>", "<unk>"]
    unigram.train_from_iterator(
        texts, trainers.UnigramTrainer(vocab_size=VOCABULARY, special_tokens=kinds, unk_token="<unk>", show_progress=False)
    )
    bpe = Backend(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=kinds, initial_alphabet=alphabet, show_progress=False)
    )
    for name, backend in (("unigram", unigram), ("byte-level BPE", bpe)):
        marks = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
        PreTrainedTokenizerFast(tokenizer_object=backend, **marks).save_pretrained(folder / name)
    return [str(folder / name) for name in ("WordPiece", "unigram", "byte-level BPE")]


def batches(columns: list[pa.ChunkedArray], rows: int) -> list[pa.Array]:
    """The columns in pieces of at most so many rows."""
    cut = [column.combine_chunks() for column in columns]
    arrays = [part for one in cut for part in (one.chunks if isinstance(one, pa.ChunkedArray) else [one])]
    return [array.slice(start, rows) for array in arrays for start in range(0, len(array), rows)]


def yardstick(backend: Backend, parts: list[pa.Array]) -> tuple[list[pa.Array], float]:
    """Arrow to Python, `encode_batch_fast`, back to Arrow; and the seconds of `encode_batch_fast` alone."""
    out, alone = [], 0.0
    for part in parts:
        texts = part.to_pylist()
        start = time.perf_counter()
        encodings = backend.encode_batch_fast(texts, add_special_tokens=False)
        alone += time.perf_counter() - start
        ids = [encoding.ids for encoding in encodings]
        lengths = np.fromiter(map(len, ids), np.int32, len(ids))
        offsets = np.concatenate((np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)))
        values = np.fromiter(chain.from_iterable(ids), np.int32, int(offsets[-1]))
        out.append(pa.ListArray.from_arrays(number_array(offsets), number_array(values)))
    return out, alone


def ours(tokenizer: Tokenizer, parts: list[pa.Array], threads: int) -> list[pa.Array]:
    """The ids by `WordIds` with an empty table."""
    words = WordIds(tokenizer)
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda part: words.ids(Texts.from_arrow(part)), parts))


def timed(work: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(path: str, columns: list[pa.ChunkedArray], runs: int) -> dict[str, object]:
    """One tokenizer: both ways in turns, medians of seconds; raises where an id differs."""
    tokenizer = open_tokenizer(path)
    small, large = batches(columns, BATCH), batches(columns, UNIT)
    alone: list[float] = []
    jobs: dict[str, Callable[[], object]] = {
        "arrow, encode_batch_fast, arrow": lambda: alone.append(yardstick(tokenizer.backend, small)[1]),
        "ours, 1 thread": lambda: ours(tokenizer, large, 1),
        f"ours, {THREADS} threads": lambda: ours(tokenizer, large, THREADS),
    }
    wanted, found = yardstick(tokenizer.backend, small)[0], ours(tokenizer, large, THREADS)
    rows, ids = sum(map(len, wanted)), sum(len(part.values) for part in wanted)
    if not pa.chunked_array(wanted).equals(pa.chunked_array(found)):
        raise SystemExit(f"{tokenizer.name}: the ids differ")
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(runs):
        for name, work in jobs.items():
            seconds[name].append(timed(work))
    words = WordIds(tokenizer)
    distinct = None
    if words.by == "words":
        for part in large:
            words.ids(Texts.from_arrow(part))
        distinct = words.pieces
    times = {name: statistics.median(values) for name, values in seconds.items()}
    times["encode_batch_fast alone"] = statistics.median(alone)
    first, *others = seconds.values()
    ratios = [statistics.median(a / b for a, b in zip(first, other)) for other in others]
    bare = times["encode_batch_fast alone"] / statistics.median(others[-1])
    print(f"{tokenizer.name} ({tokenizer.config['model']['type']}, {tokenizer.backend.get_vocab_size():,} tokens)")
    print(f"  {rows:,} texts, {ids:,} ids, identical; by {words.by}, {distinct or 0:,} distinct pieces")
    for name, value in times.items():
        print(f"  {name:<34}{value:>9.3f} s{rows / value:>14,.0f} texts/s")
    print(f"  ratio, 1 and {THREADS} threads: {ratios[0]:.1f}x, {ratios[1]:.1f}x; to encode_batch_fast alone {bare:.1f}x")
    return {
        "tokenizer": tokenizer.name,
        "model": tokenizer.config["model"]["type"],
        "vocabulary": tokenizer.backend.get_vocab_size(),
        "texts": rows,
        "ids": ids,
        "by": words.by,
        "distinct_pieces": distinct,
        "seconds": {name: round(value, 3) for name, value in times.items()},
        "ratio_1_thread": round(ratios[0], 1),
        f"ratio_{THREADS}_threads": round(ratios[1], 1),
        f"ratio_{THREADS}_threads_to_encode_alone": round(bare, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--source", type=Path, help="labelled pairs as TSV [default: the embedded sample]")
    parser.add_argument("--synonyms", default="default", help="synonym set [default: the embedded one]")
    parser.add_argument("--pairs", type=int, default=49_401, help="rows that the source is tiled to")
    parser.add_argument("--tokenizer", action="append", help="name or path, repeatable [default: three made from the source]")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    source = options.source or resource("samples/paraphrase/train-en.tsv")
    synonyms = SynonymSet.load(options.synonyms)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        columns = dataset_texts(source, synonyms, options.pairs, folder)
        paths = options.tokenizer or made_tokenizers(source, folder)
        table = [compare(path, columns, options.runs) for path in paths]
    facts = {
        "pairs": options.pairs, "m": M, "runs": options.runs, "threads": THREADS, "source": source.name,
        "synonyms": f"{synonyms.name}, {len(synonyms)} words", "table": table,
    }  # fmt: skip
    write_result("tokens", facts, ("xlt", "numba", "numpy", "pyarrow", "tokenizers", "transformers"))


if __name__ == "__main__":
    main()
