"""XLT, augmentation half: synonym sets, perturbation and materialised m-way datasets.

    from xlt_augment import Substitute, Swap, SynonymSet, augment, build

    operator = Substitute(SynonymSet.default(), p=0.1)
    augment(["The movie was good."], operator, m=3)
    build("train.tsv", operator, m=10)

Names are loaded on first use, so that `import xlt_augment` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xlt_augment.errors import XltError as XltError
    from xlt_augment.materialize.build import build as build
    from xlt_augment.materialize.verify import verify as verify
    from xlt_augment.perturb.augment import augment as augment
    from xlt_augment.perturb.substitute import Substitute as Substitute
    from xlt_augment.perturb.swap import Swap as Swap
    from xlt_augment.synonyms.synonym_set import SynonymSet as SynonymSet

_HOMES = {
    "SynonymSet": "synonyms.synonym_set",
    "Substitute": "perturb.substitute",
    "Swap": "perturb.swap",
    "XltError": "errors",
    "augment": "perturb.augment",
    "build": "materialize.build",
    "verify": "materialize.verify",
}

__all__ = ["Substitute", "Swap", "SynonymSet", "XltError", "augment", "build", "verify"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'xlt_augment' has no attribute {name!r}")
    return getattr(importlib.import_module(f"xlt_augment.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
