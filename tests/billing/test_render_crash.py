"""A worker killed while it renders: the document exists once, the email is queued once."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from apps.billing.models import BillingDocument, RenderJob
from apps.billing.services import render_documents
from apps.core.jobs import sweep_expired
from apps.core.storage import private_store
from apps.notifications.models import NotificationJob
from tests.billing.making import make_issued

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# Another process: its own connection and memory, and it dies at the named point without clean-up.
WORKER = """
import os, signal, sys
from datetime import datetime
import django
django.setup()
from django.conf import settings
settings.PRIVATE_FILES_ROOT = sys.argv[1]
from apps.billing.services import documents
from apps.core.storage import LocalStore

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def then_die(real):
    def run(*args, **kwargs):
        real(*args, **kwargs)
        die()
    return run

point = sys.argv[2]
if point == "rendering":
    documents.render_pdf = die
elif point == "storing":
    LocalStore.put = then_die(LocalStore.put)
elif point == "closing":
    documents.mark_done = then_die(documents.mark_done)
elif point == "queueing":
    documents.enqueue_message = then_die(documents.enqueue_message)
documents.render_documents(at=datetime.fromisoformat(sys.argv[3]))
"""


def run_worker(point, at):
    """Start a worker process that kills itself at `point`; return its exit code."""
    db = connection.settings_dict
    url = f"postgres://{db['USER']}:{quote(db['PASSWORD'] or '')}@{db['HOST']}:{db['PORT']}/{db['NAME']}"
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test", "DATABASE_URL": url}
    command = [sys.executable, "-c", WORKER, str(settings.PRIVATE_FILES_ROOT), point, at.isoformat()]
    return subprocess.run(command, env=env, cwd=settings.BASE_DIR, timeout=120, check=False).returncode


class TestKilledWorker:
    @pytest.mark.parametrize("point", ["rendering", "storing", "closing", "queueing"])
    def test_leaves_one_document_and_one_email_after_the_restart(self, patient, practitioner, at, point):
        make_issued(practitioner, patient, at, 5000)

        assert run_worker(point, at) == -9

        job = RenderJob.objects.get()
        assert job.state == "claimed"
        assert not BillingDocument.objects.get().is_rendered
        assert not NotificationJob.objects.exists()

        later = at + timedelta(minutes=3)
        assert sweep_expired(RenderJob, at=later).requeued == 1
        assert render_documents(at=later) == 1

        document = BillingDocument.objects.get()
        files = list((settings.PRIVATE_FILES_ROOT / "objects").rglob(f"{document.pk}*"))
        assert len(files) == 1
        assert len(private_store().read(document.storage_key)) == document.size
        assert NotificationJob.objects.count() == 1
        assert RenderJob.objects.get().state == "done"
