"""What Prometheus reads: TF Serving's names where TF Serving has the number, times in microseconds as there.

Requests for models that are not configured count under the empty name, so that clients cannot make new series.
"""

import prometheus_client
from prometheus_client import core

# 100 microseconds to 57 minutes.
BUCKETS = tuple(100 * 1.8**i for i in range(30))
SIZES = tuple(2.0**i for i in range(11))


class _Count:
    """A counter under the very name given; the library's own would append `_total`."""

    def __init__(self, name: str, text: str, labels: tuple[str, ...]):
        self._name, self._text, self._labels = name, text, labels
        self._values: dict[tuple[str, ...], int] = {}

    def add(self, *labels: str) -> None:
        self._values[labels] = self._values.get(labels, 0) + 1

    def collect(self) -> list[core.Metric]:
        metric = core.Metric(self._name, self._text, "unknown")
        for labels, value in list(self._values.items()):
            metric.add_sample(self._name, dict(zip(self._labels, labels, strict=True)), value)
        return [metric]


class Metrics:
    """The numbers of one server."""

    def __init__(self) -> None:
        """Starts at nothing, in a registry of its own."""
        self.registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self.registry)
        self._count = _Count(":tensorflow:serving:request_count", "Requests by outcome", ("model_name", "status"))
        self.registry.register(self._count)
        self._latency = self._histogram(
            "request_latency", "Microseconds from arrival to answer", BUCKETS, ("model_name", "API", "entrypoint")
        )
        self._queuing = self._histogram(
            "batching_session:queuing_latency", "Microseconds that the oldest of a batch waited", BUCKETS
        )
        self._rows = self._histogram("batching_session:batch_size", "Examples run in one call", SIZES)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()):
        full = f":tensorflow:serving:{name}"
        return prometheus_client.Histogram(full, text, labels, registry=self.registry, buckets=buckets)

    def answered(self, model: str, status: str, entrypoint: str, seconds: float) -> None:
        """One request: `status` is a gRPC code's name, `entrypoint` GRPC or REST."""
        self._count.add(model, status)
        self._latency.labels(model, "Predict", entrypoint).observe(seconds * 1e6)

    def batched(self, rows: int, waited: float) -> None:
        """One batch left the queue: its size, and seconds its oldest request waited."""
        self._rows.observe(rows)
        self._queuing.observe(waited * 1e6)

    def exposition(self) -> bytes:
        """All of them in Prometheus's exposition format."""
        return prometheus_client.generate_latest(self.registry)
