"""A service's metrics, in Prometheus' text format or OpenMetrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.samples import Sample

from lab.grading.checking.expect import BehaviourFailed, CannotTell
from lab.locale import tr

PATIENCE = 5.0
OPENMETRICS = "application/openmetrics-text"


@dataclass(frozen=True, slots=True)
class Metrics:
    """One scrape. `metrics["up"]`, `metrics["breaker_state", {"name": "users"}]`."""

    samples: tuple[Sample, ...]

    def __getitem__(self, wanted: str | tuple[str, Mapping[str, str]]) -> float | None:
        """The sample of this name with exactly these labels, else the only one that has these and others; else None."""
        name, labels = (wanted, {}) if isinstance(wanted, str) else wanted
        found = list(self._like(name, labels))
        exact = [sample for sample in found if sample.labels == dict(labels)]
        chosen = exact or found
        return float(chosen[0].value) if len(chosen) == 1 else None

    def sum(self, name: str, /, **labels: str) -> float:
        """The sum of all samples of this name that have these labels; 0 if there are none."""
        return float(sum(sample.value for sample in self._like(name, labels)))

    def _like(self, name: str, labels: Mapping[str, str]) -> Iterator[Sample]:
        for sample in self.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                yield sample


def parse_metrics(text: str, content_type: str = "text/plain") -> Metrics:
    """Raises ValueError if it is in neither format."""
    read = openmetrics_parser if content_type.startswith(OPENMETRICS) else parser
    try:
        families = list(read.text_string_to_metric_families(text))
    except Exception as error:  # the parsers raise what their string handling happens to raise
        raise ValueError(tr("not Prometheus' text format: {error}", error=error)) from error
    return Metrics(tuple(sample for family in families for sample in family.samples))


def read_metrics(url: str) -> Metrics:
    """Ask `/metrics` of the service at this URL now.

    Raises CannotTell if it does not answer, BehaviourFailed (`no-metrics`) if what it answers are no metrics.
    """
    expected = tr("GET /metrics to answer 200 with metrics in Prometheus' text format")
    try:
        # Plain HTTP: to read the authorities' certificates would take longer than to ask.
        got = httpx.get(f"{url.rstrip('/')}/metrics", timeout=PATIENCE, trust_env=False, verify=False)
    except httpx.HTTPError as error:
        raise CannotTell(tr("/metrics does not answer: {error!r}", error=error)) from error
    if got.status_code != 200:
        raise BehaviourFailed(expected, tr("it answered {status_code}", status_code=got.status_code), "no-metrics")
    try:
        return parse_metrics(got.text, got.headers.get("content-type", ""))
    except ValueError as error:
        raise BehaviourFailed(expected, str(error), "no-metrics") from error
