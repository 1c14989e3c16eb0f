"""Hash blocks of a few rows, so that small corpora have many of them."""

import pytest

from xlt_augment.materialize import blocks, corpus, units


def set_block_rows(patch: pytest.MonkeyPatch, rows: int) -> None:
    """As if BLOCK_ROWS had been defined so."""
    for module in (blocks, corpus, units):
        patch.setattr(module, "BLOCK_ROWS", rows)
