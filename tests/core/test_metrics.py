"""Prometheus figures and who may read them."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from unittest import mock

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import ResolverMatch
from django.utils import timezone

from apps.core import metrics
from apps.core.jobs import enqueue
from tests.core.lab.models import LabJob


def sample(name, **labels):
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def answer(
    path="/api/v1/patients/7?name=Durand", method="GET", status=200, route="api/v1/patients/<uuid:pk>"
):
    """Send one request through the middleware alone."""
    request = RequestFactory().generic(method, path)

    def respond(request):
        if route:
            request.resolver_match = ResolverMatch(respond, (), {}, route=route)
        return HttpResponse(status=status)

    return metrics.MetricsMiddleware(respond)(request)


class TestMetricsMiddleware:
    def test_counts_by_route_template(self):
        labels = {"method": "GET", "route": "/api/v1/patients/<uuid:pk>", "status": "200"}
        before = sample("http_request_duration_seconds_count", **labels)
        answer()
        assert sample("http_request_duration_seconds_count", **labels) == before + 1

    def test_counts_faults(self):
        labels = {"method": "POST", "route": "/api/v1/claims", "status": "503"}
        before = sample("http_request_errors_total", **labels)
        answer(method="POST", status=503, route="api/v1/claims")
        answer(method="POST", status=409, route="api/v1/claims")
        assert sample("http_request_errors_total", **labels) == before + 1
        assert sample("http_request_errors_total", **{**labels, "status": "409"}) == 0

    def test_makes_no_series_of_what_callers_invent(self):
        labels = {"method": "OTHER", "route": "unmatched", "status": "404"}
        before = sample("http_request_duration_seconds_count", **labels)
        answer(path="/wp-login.php", method="BREW", status=404, route=None)
        assert sample("http_request_duration_seconds_count", **labels) == before + 1

    def test_logs_route_and_duration_but_neither_path_nor_query(self, caplog):
        with caplog.at_level("INFO", logger="apps.core.metrics"):
            answer()
        (record,) = caplog.records
        assert (record.method, record.route, record.status) == ("GET", "/api/v1/patients/<uuid:pk>", 200)
        assert record.duration_ms >= 0
        assert "Durand" not in str(record.__dict__)


@pytest.mark.django_db
class TestMetricsView:
    def get(self, address="127.0.0.1", **headers):
        return Client().get("/metrics", REMOTE_ADDR=address, headers=headers)

    def test_shows_requests_and_jobs(self):
        now = timezone.now()
        enqueue(LabJob, kind="letter", unique_key="a", due_at=now - timedelta(seconds=90))
        enqueue(LabJob, kind="letter", unique_key="b", due_at=now + timedelta(hours=1))
        answer()
        text = self.get().content.decode()
        assert 'osdentaire_jobs{kind="letter",state="pending",table="lab_labjob"} 2.0' in text
        assert 'osdentaire_job_queue_depth{table="lab_labjob"} 1.0' in text
        (age,) = [
            row
            for row in text.splitlines()
            if row.startswith('osdentaire_job_oldest_due_seconds{table="lab_labjob"')
        ]
        assert 90 <= float(age.split()[-1]) < 120
        assert "osdentaire_database_up 1.0" in text
        assert 'http_request_duration_seconds_bucket{le="0.3",method="GET"' in text

    def test_still_answers_when_the_database_does_not(self):
        with mock.patch.object(metrics, "open_counts", side_effect=OperationalError):
            text = self.get().content.decode()
        assert "osdentaire_database_up 0.0" in text
        assert "http_request_duration_seconds" in text

    @pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
    def test_is_open_on_the_machine_itself(self, address):
        assert self.get(address).status_code == 200

    @pytest.mark.parametrize("address", ["203.0.113.7", "10.0.0.1", "", "unix:"])
    def test_is_closed_from_elsewhere(self, address):
        assert self.get(address).status_code == 403

    @pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
    def test_is_closed_to_a_local_proxys_clients(self, header):
        assert self.get("127.0.0.1", **{header: "127.0.0.1"}).status_code == 403

    def test_is_open_to_who_holds_the_token(self, settings):
        settings.METRICS_TOKEN = "metrics-token-1234"
        assert self.get("203.0.113.7", Authorization="Bearer metrics-token-1234").status_code == 200
        assert self.get("203.0.113.7", Authorization="Bearer metrics-token-12345").status_code == 403
        assert self.get("203.0.113.7", Authorization="Bearer é").status_code == 403

    def test_has_no_empty_token(self, settings):
        settings.METRICS_TOKEN = ""
        assert self.get("203.0.113.7", Authorization="Bearer ").status_code == 403

    def test_takes_no_post(self):
        assert Client().post("/metrics").status_code == 405


class TestSeveralProcesses:
    def test_one_answers_for_all(self, tmp_path):
        count = (
            "import django; django.setup()\n"
            "from apps.core import metrics\n"
            "metrics.REQUEST_SECONDS.labels('GET', '/x', '200').observe(0.1)\n"
            "from prometheus_client import generate_latest\n"
            "print(generate_latest(metrics.request_registry()).decode())"
        )
        environment = {
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            **os.environ,
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        }
        for process in (1, 2):
            done = subprocess.run(
                [sys.executable, "-c", count], env=environment, capture_output=True, text=True, check=True
            )
            assert (
                f'http_request_duration_seconds_count{{method="GET",route="/x",status="200"}} {process}.0'
                in done.stdout
            )
