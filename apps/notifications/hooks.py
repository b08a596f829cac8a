"""What messages tell the apps above."""

from __future__ import annotations

from datetime import datetime

from apps.core.hooks import Hook
from apps.notifications.models import NotificationJob

# Called in the transaction that records the news: message, its status in one word (sent, delivered,
# undelivered, failed, suppressed, ...) and when. The cause stands on the message: `cause_type` and
# `cause_id`.
message_status: Hook[[NotificationJob, str, datetime], None] = Hook("message_status")
