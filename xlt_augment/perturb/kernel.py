"""The compiled inner loops of both methods: UTF-8 bytes in, UTF-8 bytes out, no Python object per word.

Names as in `kernel_words.py`. Random numbers and their constants: docs/format.md, "Random numbers"; mix is the finaliser
of splitmix64 (Steele et al. 2014). Callers: `rng.py`, `substitute.py`, `swap.py`.
"""

import numpy as np

from xlt_augment.compiled import compiled, inlined
from xlt_augment.words.kernel_bytes import CELL, LONG, copy_bytes, copy_cell, hash_bytes, mix, same_bytes

_G = np.uint64(0x9E3779B97F4A7C15)
_V = np.uint64(0xD1B54A32D192ED03)
_LOW = np.uint64(0xFFFFFFFF)


@inlined
def variant_key(seed: np.uint64, column: np.uint64, source_id: int, variant: int) -> np.uint64:
    row = mix(mix(seed + _G) ^ mix(column + np.uint64(source_id) * _G))
    return mix(row + np.uint64(variant) * _V)


@inlined
def draw(key: np.uint64, position: int) -> np.uint64:
    return mix(key + np.uint64(position) * _G)


@inlined
def _choice(u: np.uint64, n: int, threshold: np.uint64, uniform: int) -> int:
    """Which of the n forms of a spot takes the word's place; below 0 where the word stays."""
    choice = np.int64(((u & _LOW) * np.uint64(n + uniform)) >> np.uint64(32)) - uniform
    return choice if u >> np.uint64(32) < threshold else -1


@inlined
def _weight(column: np.uint64, position: int) -> np.uint64:
    """What a change at a position counts in a row's signature, times the new word's hash: order-free, so that columns may
    add theirs one after the other."""
    return mix(column + np.uint64(position) * _G) | np.uint64(1)


@compiled
def hash_all(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Hash of every text."""
    found = np.empty(offsets.size - 1, np.uint64)
    for k in range(found.size):
        found[k] = hash_bytes(data, offsets[k], offsets[k + 1])
    return found


@compiled
def describe_entries(nb_first: np.ndarray, form_offsets: np.ndarray, n_neighbors: int, styles: int) -> np.ndarray:
    """First form of every entry in every style, number of its forms, bytes of the longest: [styles, entries, 3]."""
    found = np.zeros((styles, nb_first.size - 1, 3), np.int64)
    for style in range(styles):
        for e in range(nb_first.size - 1):
            a, b = style * n_neighbors + nb_first[e], style * n_neighbors + nb_first[e + 1]
            found[style, e, 0], found[style, e, 1] = a, b - a
            for j in range(a, b):
                found[style, e, 2] = max(found[style, e, 2], form_offsets[j + 1] - form_offsets[j])
    return found


@compiled
def lay_out(
    ranges: np.ndarray, positions: np.ndarray, entries: np.ndarray, styles: np.ndarray, described: np.ndarray,
    column: np.uint64,
) -> tuple[np.ndarray, np.ndarray, int]:  # fmt: skip
    """What every spot can become: first form and number of forms [spots, 2]; what a change there counts in the signature
    [spots]; and the bytes that one variant of all texts can gain at most."""
    choices, weights, gain = np.empty((entries.size, 2), np.int64), np.empty(entries.size, np.uint64), 0
    for k in range(entries.size):
        e, style = entries[k], styles[k]
        choices[k, 0], choices[k, 1] = described[style, e, 0], described[style, e, 1]
        weights[k] = _weight(column, positions[k])
        gain += max(0, described[style, e, 2] - (ranges[k, 1] - ranges[k, 0]))
    return choices, weights, gain


@compiled
def substitute(
    data: np.ndarray, offsets: np.ndarray, first: np.ndarray, ranges: np.ndarray, positions: np.ndarray,
    choices: np.ndarray, weights: np.ndarray, forms: np.ndarray, form_offsets: np.ndarray, cells: np.ndarray,
    form_hashes: np.ndarray, threshold: np.uint64, uniform: int, seed: np.uint64, column: np.uint64, first_id: int,
    v0: int, v1: int, out: np.ndarray, changed: np.ndarray, signature: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Variants v0 <= v < v1 of every text into `out`, ordered by (text, variant); returns their offsets."""
    out_offsets = np.zeros((offsets.size - 1) * (v1 - v0) + 1, np.int64)
    o = row = 0
    for t in range(offsets.size - 1):
        for v in range(v0, v1):
            copied = offsets[t]  # everything before this byte is already in `out`
            key = variant_key(seed, column, first_id + t, v)
            for k in range(first[t], first[t + 1] if v > 0 else first[t]):
                choice = _choice(draw(key, positions[k]), choices[k, 1], threshold, uniform)
                if choice < 0:
                    continue
                j = choices[k, 0] + choice
                length = np.int64(cells[CELL * j + CELL - 1])
                if length != LONG:
                    if same_bytes(cells, CELL * j, CELL * j + length, data, ranges[k, 0], ranges[k, 1]):
                        continue
                    o = copy_bytes(out, o, data, copied, ranges[k, 0])
                    o = copy_cell(out, o, cells, j, length)
                else:
                    a, b = form_offsets[j], form_offsets[j + 1]
                    if same_bytes(forms, a, b, data, ranges[k, 0], ranges[k, 1]):
                        continue
                    o = copy_bytes(out, o, data, copied, ranges[k, 0])
                    o = copy_bytes(out, o, forms, a, b)
                copied = ranges[k, 1]
                changed[row] += 1
                signature[row] += weights[k] * form_hashes[j]
            o = copy_bytes(out, o, data, copied, offsets[t + 1])
            row += 1
            out_offsets[row] = o
    return out_offsets


@compiled
def substitutions(
    data: np.ndarray, first: np.ndarray, ranges: np.ndarray, positions: np.ndarray, choices: np.ndarray,
    forms: np.ndarray, form_offsets: np.ndarray, threshold: np.uint64, uniform: int, seed: np.uint64, column: np.uint64,
    first_id: int, v0: int, v1: int, found: np.ndarray,
) -> int:  # fmt: skip
    """How much `substitute` changes; row, spot and form of each change into `found` [changes, 3], as far as it has room."""
    count = 0
    for t in range(first.size - 1):
        for v in range(max(v0, 1), v1):
            key = variant_key(seed, column, first_id + t, v)
            for k in range(first[t], first[t + 1]):
                choice = _choice(draw(key, positions[k]), choices[k, 1], threshold, uniform)
                j = choices[k, 0] + choice
                if choice < 0 or same_bytes(forms, form_offsets[j], form_offsets[j + 1], data, ranges[k, 0], ranges[k, 1]):
                    continue
                if count < len(found):
                    found[count, 0], found[count, 1], found[count, 2] = t * (v1 - v0) + v - v0, k, j
                count += 1
    return count


@compiled
def swap(
    data: np.ndarray, offsets: np.ndarray, first: np.ndarray, starts: np.ndarray, stops: np.ndarray,
    fixed: np.ndarray, threshold: np.uint64, seed: np.uint64, column: np.uint64, first_id: int, v0: int, v1: int,
    out: np.ndarray, changed: np.ndarray, signature: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Like `substitute`, but words change places with their right neighbours; `fixed` words stay where they are."""
    out_offsets = np.zeros((offsets.size - 1) * (v1 - v0) + 1, np.int64)
    o = row = 0
    for t in range(offsets.size - 1):
        for v in range(v0, v1):
            copied = offsets[t]
            key = variant_key(seed, column, first_id + t, v)
            k = first[t]
            while v > 0 and k + 1 < first[t + 1]:
                a, b = k, k + 1
                if fixed[a] or fixed[b] or draw(key, a - first[t]) >> np.uint64(32) >= threshold:
                    k += 1
                    continue
                o = copy_bytes(out, o, data, copied, starts[a])
                o = copy_bytes(out, o, data, starts[b], stops[b])
                o = copy_bytes(out, o, data, stops[a], starts[b])
                o = copy_bytes(out, o, data, starts[a], stops[a])
                copied = stops[b]
                if not same_bytes(data, starts[a], stops[a], data, starts[b], stops[b]):
                    changed[row] += 2
                    signature[row] += _weight(column, a - first[t]) * hash_bytes(data, starts[b], stops[b])
                    signature[row] += _weight(column, b - first[t]) * hash_bytes(data, starts[a], stops[a])
                k += 2
            o = copy_bytes(out, o, data, copied, offsets[t + 1])
            row += 1
            out_offsets[row] = o
    return out_offsets


@compiled
def swaps(
    data: np.ndarray, first: np.ndarray, starts: np.ndarray, stops: np.ndarray, fixed: np.ndarray, threshold: np.uint64,
    seed: np.uint64, column: np.uint64, first_id: int, v0: int, v1: int, found: np.ndarray,
) -> int:  # fmt: skip
    """How many words `swap` moves, equal neighbours left out; row, word and the word that takes its place into `found`."""
    count = 0
    for t in range(first.size - 1):
        for v in range(max(v0, 1), v1):
            key = variant_key(seed, column, first_id + t, v)
            k = first[t]
            while k + 1 < first[t + 1]:
                if fixed[k] or fixed[k + 1] or draw(key, k - first[t]) >> np.uint64(32) >= threshold:  # as in `swap`
                    k += 1
                    continue
                if not same_bytes(data, starts[k], stops[k], data, starts[k + 1], stops[k + 1]):
                    for i in range(2):
                        if count < len(found):
                            found[count, 0], found[count, 1], found[count, 2] = t * (v1 - v0) + v - v0, k + i, k + 1 - i
                        count += 1
                k += 2
    return count
