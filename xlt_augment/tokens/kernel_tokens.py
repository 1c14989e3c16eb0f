"""Compiled loops of token columns: texts cut before each run of spaces, pieces looked up, ids gathered.

Names: `data` holds the bytes of all texts, `offsets` [n + 1] cuts them into texts. `slots` is an open-addressing table over the
keys (key_data, key_offsets): -1 for an empty slot, else upper half of the hash << 32 | key. Callers: `table.py`, `word_ids.py`.
"""

import numpy as np

from xlt_augment.compiled import compiled, inlined
from xlt_augment.words.kernel_bytes import find_byte, hash_bytes, same_bytes

_TAG = np.int64(0x7FFFFFFF)


@inlined
def _find(
    slots: np.ndarray, key_data: np.ndarray, key_offsets: np.ndarray, h: np.uint64, data: np.ndarray, start: int, stop: int
) -> int:
    last = np.int64(slots.size - 1)
    tag = np.int64(h >> np.uint64(32)) & _TAG
    slot = np.int64(h & np.uint64(0x7FFFFFFF)) & last
    while slots[slot] >= 0:
        if slots[slot] >> 32 == tag:
            k = slots[slot] & 0xFFFFFFFF
            if same_bytes(key_data, key_offsets[k], key_offsets[k + 1], data, start, stop):
                return k
        slot = (slot + 1) & last
    return -1


@compiled
def _put(slots: np.ndarray, h: np.uint64, k: int) -> None:
    last = np.int64(slots.size - 1)
    slot = np.int64(h & np.uint64(0x7FFFFFFF)) & last
    while slots[slot] >= 0:
        slot = (slot + 1) & last
    slots[slot] = (np.int64(h >> np.uint64(32)) & _TAG) << 32 | k


@compiled
def find_pieces(
    data: np.ndarray, offsets: np.ndarray, slots: np.ndarray, key_data: np.ndarray, key_offsets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Keys of all pieces, -1 for none, and `first` [n + 1], where those of each text begin; place, start, stop of the rest.

    A piece is a run of spaces and the bytes up to the next space; the first of a text may lack the spaces, and an empty text is
    one empty piece.
    """
    n = offsets.size - 1
    limit = (offsets[n] - offsets[0]) // 2 + n  # every piece but a text's first has a space and, but the last, a byte more
    keys, first = np.empty(limit, np.int32), np.zeros(n + 1, np.int64)
    places, starts, stops = np.empty(limit, np.int64), np.empty(limit, np.int64), np.empty(limit, np.int64)
    count = missing = 0
    for t in range(n):
        i, end = offsets[t], offsets[t + 1]
        while True:
            start = i
            while i < end and data[i] == 32:
                i += 1
            i = find_byte(data, i, end, 32)
            keys[count] = _find(slots, key_data, key_offsets, hash_bytes(data, start, i), data, start, i)
            if keys[count] < 0:
                places[missing], starts[missing], stops[missing] = count, start, i
                missing += 1
            count += 1
            if i >= end:
                break
        first[t + 1] = count
    return keys[:count], first, places[:missing], starts[:missing], stops[:missing]


@compiled
def distinct(data: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Byte ranges by content: for each range the number of its content, and the range where each content stands first."""
    size = 8
    while size < 2 * starts.size:
        size *= 2
    slots = np.full(size, -1, np.int32)
    numbers, ranges = np.empty(starts.size, np.int32), np.empty(starts.size, np.int64)
    count = 0
    for r in range(starts.size):
        slot = np.int64(hash_bytes(data, starts[r], stops[r]) & np.uint64(0x7FFFFFFF)) & (size - 1)
        while slots[slot] >= 0:
            other = ranges[slots[slot]]
            if same_bytes(data, starts[other], stops[other], data, starts[r], stops[r]):
                break
            slot = (slot + 1) & (size - 1)
        if slots[slot] < 0:
            slots[slot] = count
            ranges[count] = r
            count += 1
        numbers[r] = slots[slot]
    return numbers, ranges[:count]


@compiled
def find_ranges(
    data: np.ndarray, starts: np.ndarray, stops: np.ndarray, slots: np.ndarray, key_data: np.ndarray, key_offsets: np.ndarray
) -> np.ndarray:
    """The key of each byte range, -1 for none."""
    keys = np.empty(starts.size, np.int32)
    for r in range(starts.size):
        h = hash_bytes(data, starts[r], stops[r])
        keys[r] = _find(slots, key_data, key_offsets, h, data, starts[r], stops[r])
    return keys


@compiled
def with_keys(slots: np.ndarray, key_data: np.ndarray, key_offsets: np.ndarray, known: int) -> np.ndarray:
    """A copy of the slots, larger where needed, with the keys from number `known` on put into it."""
    count = key_offsets.size - 1
    size = slots.size
    while size < 2 * count:
        size *= 2
    if size > slots.size:
        slots, known = np.full(size, -1, np.int64), 0
    else:
        slots = slots.copy()
    for k in range(known, count):
        _put(slots, hash_bytes(key_data, key_offsets[k], key_offsets[k + 1]), k)
    return slots


@compiled
def text_lengths(
    keys: np.ndarray, first: np.ndarray, id_offsets: np.ndarray, odd: np.ndarray, more_offsets: np.ndarray, more_odd: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each text the number of its ids, and whether one of its pieces is odd; keys past the table's count in `more`."""
    n, known = first.size - 1, odd.size
    lengths, whole = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    for t in range(n):
        total, strange = np.int64(0), False
        for p in range(first[t], first[t + 1]):
            k = keys[p]
            if k < known:
                total += id_offsets[k + 1] - id_offsets[k]
                strange |= odd[k]
            else:
                total += more_offsets[k - known + 1] - more_offsets[k - known]
                strange |= more_odd[k - known]
        lengths[t], whole[t] = total, strange
    return lengths, whole


@compiled
def gather_ids(
    keys: np.ndarray, first: np.ndarray, offsets: np.ndarray, ids: np.ndarray, id_offsets: np.ndarray,
    more_ids: np.ndarray, more_offsets: np.ndarray, whole: np.ndarray, whole_ids: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """The ids of all texts behind each other, int32 [offsets[n]]; those of the texts in `whole` from `whole_ids`, in order."""
    n, known = first.size - 1, id_offsets.size - 1
    out = np.empty(offsets[n], np.int32)
    taken = o = 0
    for t in range(n):
        if whole[t]:
            length = offsets[t + 1] - offsets[t]
            out[o : o + length] = whole_ids[taken : taken + length]
            taken += length
            o += length
            continue
        for p in range(first[t], first[t + 1]):
            k = keys[p]
            if k < known:
                for j in range(id_offsets[k], id_offsets[k + 1]):
                    out[o] = ids[j]
                    o += 1
            else:
                for j in range(more_offsets[k - known], more_offsets[k - known + 1]):
                    out[o] = more_ids[j]
                    o += 1
    return out
