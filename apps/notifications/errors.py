"""What the message services refuse."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError, InvalidInput


class InvalidRecipient(InvalidInput):
    """The phone number or address cannot receive anything."""

    message = _("This is not a phone number or address messages can be sent to.")


class UnknownMessage(InvalidInput):
    """The house has no such message."""

    message = _("There is no such message.")


class BadText(InvalidInput):
    """A text does not follow the small syntax of variables."""

    message = _("This text cannot be used.")


class MissingVariable(DomainError):
    """A value the text needs was not given."""

    code = "MISSING_VARIABLE"
    message = _("A value this message needs is missing.")


class NoTemplate(DomainError):
    """No text is in use for this message, channel and language."""

    code = "NO_TEMPLATE"
    message = _("There is no text in use for this message on this channel.")


class HouseText(DomainError):
    """The house's own texts are not changed by a practice; it adds its own."""

    code = "HOUSE_TEXT"
    message = _("This is the text of the house. Add your own text for this message instead.")


class TextExists(DomainError):
    """The practice already has a text for this message, channel and language."""

    code = "TEMPLATE_EXISTS"
    message = _("There is already a text for this message, channel and language.")


class NotRetryable(DomainError):
    """Only a message that failed or was given up can be sent again."""

    code = "ILLEGAL_TRANSITION"
    message = _("Only a message that failed or was given up can be sent again.")


class MessageExpired(DomainError):
    """The moment the message was about has passed."""

    code = "MESSAGE_EXPIRED"
    message = _("It is too late for this message to be of use.")


class NotCancellable(DomainError):
    """The message is leaving or has left."""

    code = "ILLEGAL_TRANSITION"
    message = _("This message is leaving or has left already.")
