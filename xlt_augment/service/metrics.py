"""What Prometheus is told: one registry a service, and labels that nobody can multiply."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from xlt_augment.service.denied import REASONS

if TYPE_CHECKING:
    from xlt_augment.service.shelf import Shelf

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ELSEWHERE = "other"  # the route of all addresses that the service does not have
_MOST_CHILDREN = 1_000
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counts of requests. Cheap enough for each one: series are looked up by one key."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("route", "method", "status")
        self._requests = Counter("xlt_requests", "Requests answered", labels, registry=self.registry)
        self._seconds = Histogram(
            "xlt_request_seconds", "From the head of a request to the end of its answer", ("route",), registry=self.registry,
            buckets=_SECONDS,
        )  # fmt: skip
        rejected = Counter("xlt_rejected", "Requests turned away by the guard", ("reason",), registry=self.registry)
        self._rejected = {reason: rejected.labels(reason) for reason in REASONS}
        self.running = Gauge("xlt_requests_in_progress", "Requests being answered", registry=self.registry)
        self._received = Counter("xlt_received_bytes", "Bytes of bodies received", registry=self.registry)
        self._sent = Counter("xlt_sent_bytes", "Bytes of bodies sent", registry=self.registry)
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        for collector in (ProcessCollector, PlatformCollector):
            collector(registry=self.registry)

    def answered(self, route: str, method: str, status: int, seconds: float, received: int, sent: int) -> None:
        """Count one request. `route`: the template, ELSEWHERE where there is none."""
        key = (route, method, status)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MOST_CHILDREN:
                key = (ELSEWHERE, "other", status)
            known = self._known[key] = self._requests.labels(*map(str, key)), self._seconds.labels(key[0])
        known[0].inc()
        known[1].observe(seconds)
        if received:
            self._received.inc(received)
        self._sent.inc(sent)

    def rejected(self, reason: str) -> None:
        """Count one that was turned away: one of `denied.REASONS`."""
        self._rejected[reason].inc()

    def watch(self, shelf: "Shelf") -> None:
        """Tell of the sets of a shelf too, as they are when asked."""
        self.registry.register(_Sets(shelf))

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self.registry)


class _Sets(Collector):
    """The sets of a shelf: words, and which content each has."""

    def __init__(self, shelf: "Shelf") -> None:
        self._shelf: Any = shelf

    def collect(self) -> Iterable[Metric]:
        """One gauge of words and one of identity, a series a set."""
        words = GaugeMetricFamily("xlt_set_words", "Words of the set", labels=["set"])
        facts = GaugeMetricFamily("xlt_set_info", "1, with the hash of the set's content", labels=["set", "sha256"])
        for name in self._shelf.names():
            synonyms = self._shelf.get(name).synonyms
            words.add_metric([name], len(synonyms))
            facts.add_metric([name, synonyms.sha256], 1)
        return [words, facts]
