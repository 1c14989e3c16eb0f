"""Compiled loops that find words and look them up: UTF-8 bytes in, byte ranges and entry numbers out.

Names: `data` holds the bytes of all texts, `offsets` [n + 1] cuts them into texts; a word is a byte range of `data`.
Callers: `words.py`, `lookup.py`. What a word is and how case is folded: docs/format.md.
"""

import numpy as np

from xlt_augment.compiled import compiled, inlined
from xlt_augment.words.kernel_bytes import SHORT, copy_bytes, find_byte, hash_bytes, same_bytes

# Bits of the class table, one byte per code point.
LETTER, DIGIT, MARK, JOINER, CONNECTOR, UPPER, LOWER = 1, 2, 4, 8, 16, 32, 64
PLAIN, TITLE, UPPERCASE = 0, 1, 2  # how a replacement is written
EXACT, INITIAL, ANY = 0, 1, 2  # case modes

_AHEAD = 256  # words whose slots are fetched at once
_FINAL_SIGMA, _SIGMA = 0x3C2, 0x3A3
_NUMBER = np.uint64(0xFFFFFFFF)


@compiled
def build_index(data: np.ndarray, offsets: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Open-addressing table over the words `members` of (data, offsets): uint64 [slots, 2].

    A slot holds a hash, and the word's length in the upper half of a number whose lower half is 1 + the word's own number;
    0 marks an empty slot.
    """
    size = 8
    while size < 2 * members.size:
        size *= 2
    slots = np.zeros((size, 2), np.uint64)
    for word in members:
        h = hash_bytes(data, offsets[word], offsets[word + 1])
        slot = h & np.uint64(size - 1)
        while slots[slot, 1]:
            slot = (slot + np.uint64(1)) & np.uint64(size - 1)
        slots[slot, 0] = h
        slots[slot, 1] = np.uint64(offsets[word + 1] - offsets[word]) << np.uint64(32) | np.uint64(word + 1)
    return slots


@inlined
def _find(
    slots: np.ndarray, key_data: np.ndarray, key_offsets: np.ndarray, data: np.ndarray, start: int, stop: int, h: np.uint64
) -> int:
    """Number of the word whose bytes and hash these are, -1 where the table has none."""
    last = np.uint64(slots.shape[0] - 1)
    slot = h & last
    while slots[slot, 1]:
        if slots[slot, 0] == h and np.int64(slots[slot, 1] >> np.uint64(32)) == stop - start:
            k = np.int64(slots[slot, 1] & _NUMBER) - 1
            if stop - start <= SHORT or same_bytes(key_data, key_offsets[k], key_offsets[k + 1], data, start, stop):
                return k
        slot = (slot + np.uint64(1)) & last
    return -1


@inlined
def _hash_ahead(
    hashes: np.ndarray, slots: np.ndarray, data: np.ndarray, starts: np.ndarray, stops: np.ndarray, first: int, stop: int
) -> None:
    """Hashes of the words `first` ... `stop` - 1; touches the slot of each, so that it is on its way when it is looked at."""
    last, touched = np.uint64(slots.shape[0] - 1), np.uint64(0)
    for k in range(first, stop):
        hashes[k - first] = hash_bytes(data, starts[k], stops[k])
    for k in range(stop - first):
        touched ^= slots[hashes[k] & last, 1]
    hashes[_AHEAD] = touched  # so that the compiler keeps the touching


@inlined
def _decode(data: np.ndarray, i: int) -> tuple[int, int]:
    """Code point at byte i of valid UTF-8, and its length in bytes."""
    b = np.int64(data[i])
    if b < 0x80:
        return b, 1
    if b < 0xE0:
        return (b & 0x1F) << 6 | (data[i + 1] & 0x3F), 2
    if b < 0xF0:
        return (b & 0x0F) << 12 | np.int64(data[i + 1] & 0x3F) << 6 | (data[i + 2] & 0x3F), 3
    high = (b & 0x07) << 18 | np.int64(data[i + 1] & 0x3F) << 12
    return high | np.int64(data[i + 2] & 0x3F) << 6 | (data[i + 3] & 0x3F), 4


@compiled
def _encode(out: np.ndarray, i: int, c: int) -> int:
    """Write code point c at byte i; returns the byte after it."""
    if c < 0x80:
        out[i] = c
        return i + 1
    if c < 0x800:
        out[i] = 0xC0 | c >> 6
        out[i + 1] = 0x80 | c & 0x3F
        return i + 2
    if c < 0x10000:
        out[i] = 0xE0 | c >> 12
        out[i + 1] = 0x80 | c >> 6 & 0x3F
        out[i + 2] = 0x80 | c & 0x3F
        return i + 3
    out[i] = 0xF0 | c >> 18
    out[i + 1] = 0x80 | c >> 12 & 0x3F
    out[i + 2] = 0x80 | c >> 6 & 0x3F
    out[i + 3] = 0x80 | c & 0x3F
    return i + 4


@inlined
def _next_space_word(data: np.ndarray, i: int, end: int) -> tuple[int, int]:
    """Byte range of the first run without spaces at or after i; (end, end) when there is none."""
    while i < end and data[i] == 32:
        i += 1
    return i, find_byte(data, i, end, 32)


@inlined
def _next_span_word(data: np.ndarray, i: int, end: int, classes: np.ndarray) -> tuple[int, int]:
    """Byte range of the first word of letters and digits at or after i; (end, end) when there is none."""
    kind = 0
    while i < end:
        c, length = _decode(data, i)
        kind = classes[c]
        if kind & (LETTER | DIGIT):
            break
        i += length
    start = i
    while i < end:
        c, length = _decode(data, i)
        if classes[c] & (LETTER | DIGIT | JOINER):
            kind = classes[c]  # that of the last character but marks, which belong to the letter they stand on
        elif classes[c] & CONNECTOR and kind & (LETTER | DIGIT) and i + length < end:
            after, _ = _decode(data, i + length)
            if not classes[after] & (LETTER | DIGIT):
                break
            kind = 0
        elif not classes[c] & MARK:
            break
        i += length
    return start, i


@compiled
def find_words(
    data: np.ndarray, offsets: np.ndarray, classes: np.ndarray, space: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Byte ranges of all words; words of text t are first[t]:first[t + 1]."""
    n = offsets.size - 1
    limit = (offsets[n] - offsets[0] + n) // 2 + 1
    starts, stops = np.empty(limit, np.int64), np.empty(limit, np.int64)
    first = np.zeros(n + 1, np.int64)
    count = 0
    for t in range(n):
        start, stop = 0, offsets[t]
        while stop < offsets[t + 1]:
            if space:
                start, stop = _next_space_word(data, stop, offsets[t + 1])
            else:
                start, stop = _next_span_word(data, stop, offsets[t + 1], classes)
            if stop > start:
                starts[count], stops[count] = start, stop
                count += 1
        first[t + 1] = count
    return first, starts[:count], stops[:count]


@compiled
def _style(data: np.ndarray, start: int, stop: int, classes: np.ndarray) -> int:
    """TITLE: the first character alone is upper case; UPPERCASE: at least two are and none is lower case; else PLAIN."""
    upper = lower = 0
    starts_upper = False
    i = start
    while i < stop:
        c, length = _decode(data, i)
        if classes[c] & UPPER:
            upper += 1
            starts_upper = starts_upper or i == start
        elif classes[c] & LOWER:
            lower += 1
        i += length
    if upper >= 2 and lower == 0:
        return UPPERCASE
    return TITLE if starts_upper and upper == 1 else PLAIN


@compiled
def _lower_into(scratch: np.ndarray, data: np.ndarray, start: int, stop: int, lower: np.ndarray, classes: np.ndarray) -> int:
    """Lower case of a word by the table's simple mappings, with the Greek final sigma; returns its length in bytes."""
    i, o, before = start, 0, 0
    while i < stop:
        c, length = _decode(data, i)
        i += length
        low = lower[c]
        if c == _SIGMA and before & LETTER:
            after = 0 if i == stop else classes[_decode(data, i)[0]]
            if not after & LETTER:
                low = _FINAL_SIGMA
        if not classes[c] & MARK:
            before = classes[c]
        o = _encode(scratch, o, low)
    return o


@compiled
def lower_words(
    data: np.ndarray, starts: np.ndarray, stops: np.ndarray, lower: np.ndarray, classes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The lower-cased words, as (data, offsets)."""
    out = np.empty(2 * np.sum(stops - starts) + 8, np.uint8)  # lower case lengthens no character beyond 3/2 of its bytes
    offsets = np.zeros(starts.size + 1, np.int64)
    for k in range(starts.size):
        offsets[k + 1] = offsets[k] + _lower_into(out[offsets[k] :], data, starts[k], stops[k], lower, classes)
    return out[: offsets[starts.size]], offsets


@compiled
def _folded_entry(
    data: np.ndarray, start: int, stop: int, case: int, classes: np.ndarray, lower: np.ndarray,
    scratch: np.ndarray, slots: np.ndarray, key_data: np.ndarray, key_offsets: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """Entry of the synonym set for a word in lower case (-1: none) and the style that its replacement takes."""
    style = _style(data, start, stop, classes)
    if case == INITIAL and style != TITLE:
        return -1, PLAIN
    length = _lower_into(scratch, data, start, stop, lower, classes)
    return _find(slots, key_data, key_offsets, scratch, 0, length, hash_bytes(scratch, 0, length)), style


@compiled
def find_spots(
    data: np.ndarray, first_word: np.ndarray, starts: np.ndarray, stops: np.ndarray, classes: np.ndarray, lower: np.ndarray,
    case: int, slots: np.ndarray, key_data: np.ndarray, key_offsets: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Words that have an entry in the synonym set, those of text t being first[t]:first[t + 1].

    Returns `first`, byte ranges [spots, 2], positions among the words of their text, entries, and styles.
    """
    n, longest = first_word.size - 1, 0
    for k in range(starts.size):
        longest = max(longest, stops[k] - starts[k])
    scratch = np.empty(2 * longest + 8, np.uint8)
    first = np.zeros(n + 1, np.int64)
    ranges, positions = np.empty((starts.size, 2), np.int64), np.empty(starts.size, np.int64)
    entries, styles = np.empty(starts.size, np.int32), np.empty(starts.size, np.uint8)
    hashes = np.empty(_AHEAD + 1, np.uint64)
    count = t = 0
    for block in range(0, starts.size, _AHEAD):
        end = min(block + _AHEAD, starts.size)
        _hash_ahead(hashes, slots, data, starts, stops, block, end)
        for k in range(block, end):
            while k >= first_word[t + 1]:
                t += 1
                first[t] = count
            entry, style = _find(slots, key_data, key_offsets, data, starts[k], stops[k], hashes[k - block]), PLAIN
            if entry < 0 and (case == ANY or (case == INITIAL and k == first_word[t])):
                entry, style = _folded_entry(
                    data, starts[k], stops[k], case, classes, lower, scratch, slots, key_data, key_offsets
                )
            if entry >= 0:
                ranges[count, 0], ranges[count, 1], positions[count] = starts[k], stops[k], k - first_word[t]
                entries[count], styles[count] = entry, style
                count += 1
    first[t + 1 :] = count
    return first, ranges[:count], positions[:count], entries[:count], styles[:count]


@compiled
def gather(data: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The byte ranges copied behind each other, as (data, offsets)."""
    offsets = np.zeros(starts.size + 1, np.int64)
    for k in range(starts.size):
        offsets[k + 1] = offsets[k] + stops[k] - starts[k]
    out = np.empty(offsets[starts.size], np.uint8)
    for k in range(starts.size):
        copy_bytes(out, offsets[k], data, starts[k], stops[k])
    return out, offsets
