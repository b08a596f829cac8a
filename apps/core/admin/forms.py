"""Form pieces of the admin: refusals of services become form errors, times are the practice's wall clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils import timezone

from apps.core.clock import from_wall_clock
from apps.core.errors import DomainError

Refusal = DomainError | ValidationError


class RefusableForm(forms.ModelForm[Any]):
    """A model form that can be shown again with what a service refused."""

    refusal: ClassVar[Refusal | None] = None

    def full_clean(self) -> None:
        """Validate, then add the refusal to the field it names, or to the form."""
        super().full_clean()
        if self.refusal is not None and self.is_bound:
            for name, message in sentences(self.refusal):
                self.add_error(name if name in self.fields else None, message)


def sentences(refusal: Refusal) -> Iterator[tuple[str, Any]]:
    """Yield (field or "", sentence) pairs of a refusal."""
    if isinstance(refusal, ValidationError):
        if hasattr(refusal, "error_dict"):
            for name, messages in refusal.message_dict.items():
                for message in messages:
                    yield ("" if name == NON_FIELD_ERRORS else name), message
        else:
            for message in refusal.messages:
                yield "", message
        return
    named = False
    for name, messages in refusal.details.items():
        if refusal.status == 400 and isinstance(messages, (list, tuple)):
            for message in messages:
                named = True
                yield name, message
    if not named:
        yield "", str(refusal)


def refusal_text(refusal: Refusal) -> str:
    """Return a refusal as one line, for a message outside a form."""
    return " ".join(str(message) for _name, message in sentences(refusal))


class WallClockField(forms.SplitDateTimeField):
    """A date and a time on the practice's clock: a skipped time is refused, a doubled one means the first."""

    def compress(self, data_list: Any) -> datetime | None:
        """Return the UTC moment."""
        if not data_list:
            return None
        day, hour = data_list
        if day in self.empty_values:
            raise ValidationError(self.error_messages["invalid_date"], code="invalid_date")
        if hour in self.empty_values:
            raise ValidationError(self.error_messages["invalid_time"], code="invalid_time")
        try:
            return from_wall_clock(datetime.combine(day, hour), timezone.get_current_timezone())
        except DomainError as refusal:
            raise ValidationError(str(refusal), code="nonexistent") from refusal
