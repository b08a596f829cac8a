"""What the admin's first page shows of messages: those that did not go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from apps.core.admin.dashboard import Card, CardRow, admin_page
from apps.core.jobs import State
from apps.core.scope import Viewer
from apps.notifications.catalogue import MESSAGES
from apps.notifications.models import NotificationJob

SHOWN = 8
TROUBLED = (State.FAILED, State.DEAD, State.UNKNOWN)


def message_cards(viewer: Viewer, at: datetime) -> Sequence[Card]:
    """Return the messages that failed or whose fate is unknown, the latest first."""
    if viewer.practice_id is None or not viewer.has_perm("notifications.view_notificationjob"):
        return []
    troubled = NotificationJob.objects.visible_to(viewer).filter(state__in=TROUBLED)
    count = troubled.count()
    rows = [
        CardRow(
            lead=formats.date_format(timezone.localtime(job.due_at), "SHORT_DATETIME_FORMAT"),
            text=str(MESSAGES[job.template_key].label) if job.template_key in MESSAGES else job.template_key,
            url=admin_page("notifications_notificationjob_change", job.pk),
            note=f"{job.recipient_masked} · {job.get_state_display()}",
        )
        for job in troubled.order_by("-due_at", "pk")[:SHOWN]
    ]
    address = admin_page("notifications_notificationjob_changelist")
    return [
        Card(
            _("Messages that did not go"),
            str(count),
            "sms_failed",
            address,
            rows,
            _("Every message went out."),
            40,
            alarming=count > 0,
        )
    ]
