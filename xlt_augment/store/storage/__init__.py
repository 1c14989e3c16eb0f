"""Storages: the few operations that a store needs, over folders, object stores and SSH."""

from xlt_augment.store.storage.base import Entry, Missing, Storage
from xlt_augment.store.storage.open import open_storage

__all__ = ["Entry", "Missing", "Storage", "open_storage"]
