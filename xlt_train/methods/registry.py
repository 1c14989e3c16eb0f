"""The methods by name. A new one is a file with a `Method` and a line here; the contract table in the tests covers it then."""

from xlt_train.errors import UsageError
from xlt_train.methods.adv import Adv
from xlt_train.methods.base import Method
from xlt_train.methods.baseline import Baseline
from xlt_train.methods.ear import Ear
from xlt_train.methods.mixed import RsDaAdv, RsDaRp
from xlt_train.methods.rs_da import RsDa
from xlt_train.methods.rs_rp import RsRp
from xlt_train.methods.rs_syntax import RsSyntax

_ALL: tuple[type[Method], ...] = (Baseline, Adv, RsRp, RsDa, RsSyntax, RsDaRp, RsDaAdv, Ear)
METHODS: dict[str, type[Method]] = {method.name: method for method in _ALL}


def method_named(name: str) -> type[Method]:
    """The method of that name. Raises UsageError that lists those there are."""
    if name not in METHODS:
        raise UsageError(
            "choosing a method",
            found=repr(name),
            expected=f"one of {', '.join(METHODS)}",
            remedy="See xlt-train fit --help",
        )
    return METHODS[name]
