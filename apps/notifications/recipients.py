"""Phone numbers and addresses: one spelling, one fingerprint, one mask."""

from __future__ import annotations

from typing import Final

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from apps.core.crypto import blind_index
from apps.notifications.errors import InvalidRecipient
from apps.notifications.models import Channel

_PURPOSE: Final = "notifications.recipient"


def normalise(channel: str, recipient: str, *, region: str = "FR") -> str:
    """Return an E.164 number or a lower-case address; raise `InvalidRecipient`.

    A number without its country's prefix is read as one of `region`.
    """
    text = recipient.strip()
    if channel == Channel.EMAIL:
        try:
            validate_email(text)
        except ValidationError:
            raise InvalidRecipient(recipient=[_("This is not an email address.")]) from None
        return text.lower()
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise InvalidRecipient(recipient=[_("This is not a phone number.")]) from None
    if not phonenumbers.is_possible_number(number):
        raise InvalidRecipient(recipient=[_("This is not a phone number.")])
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def fingerprint(channel: str, recipient: str) -> str:
    """Return the keyed hash by which a normalised recipient is looked up."""
    return blind_index(recipient, purpose=f"{_PURPOSE}.{channel}")


def mask(channel: str, recipient: str) -> str:
    """Return what lists and logs show: enough to recognise, too little to use."""
    if channel == Channel.EMAIL:
        name, _at, domain = recipient.rpartition("@")
        host, _dot, ending = domain.rpartition(".")
        return f"{name[:1]}•••@{host[:1]}•••.{ending}"
    return f"{recipient[:4]} •• •• {recipient[-2:]}"
