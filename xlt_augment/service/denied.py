"""Why the guard turns a request away."""

from collections.abc import Mapping

from xlt_augment.service.failures import Refused

# Every reason; they are a label of a metric.
REASONS = (
    "target", "headers", "method", "host", "site", "rate", "token", "guessing", "scope", "busy", "length", "type", "slow",
    "time", "head",
)  # fmt: skip


class Denied(Refused):
    """A request that the guard turns away: `reason` is one of REASONS, `headers` go with the answer."""

    def __init__(
        self,
        status: int,
        reason: str,
        *,
        doing: str,
        found: str,
        expected: str,
        remedy: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, doing=doing, found=found, expected=expected, remedy=remedy)
        self.reason, self.headers = reason, dict(headers or {})
