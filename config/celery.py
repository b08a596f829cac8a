"""The Celery application: workers, beat, and whoever sends a task.

Messages carry ids, never personal data. A job that must happen is a row first; Celery
only wakes who claims it.
"""

from __future__ import annotations

from celery import Celery
from kombu import Queue

from config.environment import choose_settings

choose_settings()

QUEUES = ("messages", "documents", "events", "reconciliation")

app = Celery("osdentaire")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_queues=[Queue(name) for name in QUEUES],
    task_create_missing_queues=False,
    task_default_queue="events",
    # A task ends before it is acknowledged: a killed worker's task goes to another one.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    # Arguments stay out of events and logs.
    worker_send_task_events=False,
    task_send_sent_event=False,
)
app.autodiscover_tasks()
