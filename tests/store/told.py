"""What a storage says when it fails, with a look for secrets in it."""

import traceback
from collections.abc import Callable

import pytest

from tests.store.servers import ACCESS_KEY, AZURE_KEY, SECRET
from xlt_augment.errors import StoreError
from xlt_augment.store.storage import Missing

SECRETS = (SECRET, ACCESS_KEY, AZURE_KEY, "signature", "Signature=")


def message(act: Callable[[], object]) -> str:
    """The message of the StoreError that `act` raises; nothing of it, nor of what Python prints, holds a secret."""
    with pytest.raises(StoreError) as caught:
        act()
    assert not isinstance(caught.value, Missing)
    printed = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    for secret in SECRETS:
        assert secret not in printed
    return str(caught.value)
