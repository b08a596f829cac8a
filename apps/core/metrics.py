"""Prometheus figures: requests as they pass, jobs as they stand when asked.

With several worker processes set PROMETHEUS_MULTIPROC_DIR to an empty folder: each process then writes its
request figures there and `/metrics` of any of them answers for all. Job figures come from the database.
"""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Callable, Iterator
from hmac import compare_digest
from time import perf_counter
from typing import Final

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from apps.core.hooks import Hook
from apps.core.jobs import due_stats, job_models, open_counts

logger = logging.getLogger(__name__)

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
REQUEST_SECONDS: Final = Histogram(
    "http_request_duration_seconds",
    "Time to answer, by route template.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0),
    registry=REGISTRY,
)
REQUEST_ERRORS: Final = Counter(
    "http_request_errors",
    "Answers of status 500 and above.",
    ["method", "route", "status"],
    registry=REGISTRY,
)

# Figures of higher apps, read from the database when asked.
further_figures: Final = Hook[[], list[GaugeMetricFamily]]("further_figures")

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# A proxy that sets one of these stands between: the connection's address is then not the caller's.
_FORWARDED: Final = ("X-Forwarded-For", "Forwarded", "X-Real-Ip")


class MetricsMiddleware:
    """Times every request, outermost, and logs it by route template: no path, no query."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = perf_counter()
        response = self.get_response(request)
        seconds = perf_counter() - started
        labels = (method_of(request), route_of(request), str(response.status_code))
        REQUEST_SECONDS.labels(*labels).observe(seconds)
        if response.status_code >= 500:
            REQUEST_ERRORS.labels(*labels).inc()
        logger.info(
            "request",
            extra={
                "method": labels[0],
                "route": labels[1],
                "status": response.status_code,
                "duration_ms": round(seconds * 1000, 1),
            },
        )
        return response


def method_of(request: HttpRequest) -> str:
    """Return the method, or OTHER: callers can send any word, and each would be a series of its own."""
    return request.method if request.method in _METHODS else "OTHER"


def route_of(request: HttpRequest) -> str:
    """Return the template of the route that answered, or `unmatched`."""
    match = getattr(request, "resolver_match", None)
    return f"/{match.route}" if match is not None else "unmatched"


class JobCollector(Collector):
    """Reads the job tables when the figures are asked for; each answer is from a partial index."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield jobs by state, due jobs and the age of the oldest due one, per job table."""
        at = timezone.now()
        counts = GaugeMetricFamily(
            "osdentaire_jobs", "Jobs that are not closed.", labels=["table", "kind", "state"]
        )
        depth = GaugeMetricFamily("osdentaire_job_queue_depth", "Jobs that are due.", labels=["table"])
        oldest = GaugeMetricFamily(
            "osdentaire_job_oldest_due_seconds", "How long the oldest due job has waited.", labels=["table"]
        )
        up = GaugeMetricFamily("osdentaire_database_up", "Whether the job tables could be read.")
        try:
            for model in job_models():
                table = model._meta.db_table
                for (kind, state), count in open_counts(model).items():
                    counts.add_metric([table, kind, state], count)
                due = due_stats(model, at=at)
                depth.add_metric([table], due.depth)
                oldest.add_metric([table], due.oldest_seconds)
            further = [family for families in further_figures.gather() for family in families]
        except DatabaseError:
            # The request figures matter most when the database is down.
            up.add_metric([], 0)
            further = []
        else:
            up.add_metric([], 1)
        yield from (counts, depth, oldest, up, *further)


@require_safe
def metrics_view(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus' text format, to the machine itself or to who holds METRICS_TOKEN."""
    if not may_read(request):
        return HttpResponse("forbidden\n", status=403, content_type="text/plain")
    body = generate_latest(request_registry()) + generate_latest(_job_registry())
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


def may_read(request: HttpRequest) -> bool:
    """Say whether the caller is on this machine (and no proxy's client) or sends the token."""
    token: str = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "")
    if token and compare_digest(given.encode(), f"Bearer {token}".encode()):
        return True
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def request_registry() -> CollectorRegistry:
    """Return this process's figures, or all processes' where they share a folder."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library leaves it untyped
    return registry


def _job_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(JobCollector())
    return registry
