"""What all routes of a service share."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xlt_augment.service.metrics import Metrics
from xlt_augment.service.settings import Limits, Settings
from xlt_augment.service.shelf import Shelf
from xlt_augment.service.workers import Workers

if TYPE_CHECKING:
    from xlt_augment.service.catalogue import Catalogue
    from xlt_augment.service.vetoes import VetoLists

_LIMITS = Limits()


@dataclass
class Service:
    """An opened service. `stopping`: it takes on nothing new. `store_workers`: their own, as a store may be slow."""

    settings: Settings
    shelf: Shelf
    workers: Workers
    vetoes: "VetoLists | None" = None
    catalogue: "Catalogue | None" = None
    stopping: bool = False
    store_workers: Workers = field(default_factory=lambda: Workers(_LIMITS.heavy, _LIMITS.waiting))
    metrics: Metrics = field(default_factory=Metrics)
