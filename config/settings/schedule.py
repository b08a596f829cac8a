"""What beat wakes, how often, and in which queue; what a crash left is found by these as well."""

from __future__ import annotations

from celery.schedules import crontab

CELERY_BEAT_SCHEDULE = {
    "dispatch-messages": {
        "task": "notifications.dispatch_due",
        "schedule": 10.0,
        "options": {"queue": "messages"},
    },
    "render-documents": {"task": "billing.render_due", "schedule": 10.0, "options": {"queue": "documents"}},
    "expire-quotes": {
        "task": "billing.expire_quotes",
        "schedule": crontab(hour=1, minute=10),
        "options": {"queue": "documents"},
    },
    "remind-of-invoices": {
        "task": "billing.send_reminders",
        "schedule": crontab(minute=25),
        "options": {"queue": "events", "expires": 3600},
    },
    "settle-network": {
        "task": "billing.settle_network",
        "schedule": 60.0,
        "options": {"queue": "reconciliation", "expires": 60},
    },
    "sweep-jobs": {"task": "core.sweep_jobs", "schedule": 30.0, "options": {"queue": "events"}},
    "purge-idempotency": {
        "task": "core.purge_idempotency",
        "schedule": 3600.0,
        "options": {"queue": "events"},
    },
    "plan-reminders": {"task": "agenda.plan_reminders", "schedule": 300.0, "options": {"queue": "events"}},
    "tend-agenda": {
        "task": "agenda.tend",
        "schedule": 60.0,
        "options": {"queue": "events", "expires": 60},
    },
    "send-recalls": {
        "task": "agenda.send_recalls",
        "schedule": 3600.0,
        "options": {"queue": "events", "expires": 3600},
    },
    "seal-audit": {"task": "audit.seal", "schedule": 15.0, "options": {"queue": "events", "expires": 15}},
    "expire-access": {
        "task": "audit.expire",
        "schedule": crontab(hour=2, minute=40),
        "options": {"queue": "events"},
    },
    "expire-contracts": {
        "task": "insurance.expire_contracts",
        # The network's midnights: Tunis and Paris are at most two hours ahead of UTC.
        "schedule": crontab(hour="0,23", minute=20),
        "options": {"queue": "reconciliation", "expires": 3600},
    },
    "expire-eligible-claims": {
        "task": "insurance.expire_eligible",
        "schedule": 900.0,
        "options": {"queue": "reconciliation", "expires": 900},
    },
    "generate-reconciliations": {
        "task": "insurance.generate_due",
        "schedule": 60.0,
        "options": {"queue": "reconciliation", "expires": 60},
    },
    "request-reconciliations": {
        "task": "insurance.request_cycles",
        "schedule": crontab(hour=4, minute=0),
        "options": {"queue": "reconciliation", "expires": 3600},
    },
    "prove-network": {
        "task": "insurance.prove",
        "schedule": crontab(hour=4, minute=30),
        "options": {"queue": "reconciliation", "expires": 3600},
    },
    "refresh-peers": {
        "task": "insurance.refresh_peers",
        "schedule": crontab(hour=3, minute=5),
        "options": {"queue": "reconciliation", "expires": 3600},
    },
}
