"""Who carries a message: one interface, chosen by channel and settings."""

from __future__ import annotations

from django.conf import settings

from apps.notifications.models import Channel
from apps.notifications.providers.base import Provider
from apps.notifications.providers.email import EmailProvider
from apps.notifications.providers.outbox import OutboxSms
from apps.notifications.providers.twilio_sms import TwilioSms


def provider_for(channel: str) -> Provider:
    """Return the provider of a channel as configured: Twilio with credentials, else the local outbox."""
    if channel == Channel.EMAIL:
        return EmailProvider()
    return TwilioSms() if settings.TWILIO_ACCOUNT_SID else OutboxSms()
