"""Form pieces of the admin: refusals of services become form errors, times are the practice's wall clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils import timezone
from django.utils.functional import keep_lazy_text
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from apps.core.clock import from_wall_clock
from apps.core.errors import DomainError
from apps.core.money import format_money, parse_money

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


capfirst_lazy = keep_lazy_text(capfirst)

# What Django gives a field that a form declares, and what the theme draws in its place.
THEMED: dict[type[forms.Widget], type[forms.Widget]] = {
    forms.TextInput: UnfoldAdminTextInputWidget,
    forms.NumberInput: UnfoldAdminIntegerFieldWidget,
    forms.Textarea: UnfoldAdminTextareaWidget,
    forms.Select: UnfoldAdminSelectWidget,
    forms.DateInput: UnfoldAdminSingleDateWidget,
    forms.CheckboxInput: UnfoldBooleanSwitchWidget,
}


def themed(fields: Mapping[str, forms.Field]) -> None:
    """Give declared fields the theme's widgets, and every label its capital."""
    for field in fields.values():
        if field.label:
            field.label = capfirst_lazy(field.label)
        themed_widget = THEMED.get(type(field.widget))
        if themed_widget is None:
            continue
        widget: Any = themed_widget(attrs=field.widget.attrs)
        widget.is_required = field.required
        if isinstance(field, forms.ChoiceField):
            widget.choices = field.choices
        field.widget = widget


class MoneyField(forms.CharField):
    """An amount typed as people write it (`1 234,56`), kept as an integer of the currency's minor unit."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, *, currency: str, least: int | None = None, **kwargs: Any) -> None:
        self.currency, self.least = currency, least
        super().__init__(**kwargs)
        self.widget.attrs.update({"inputmode": "decimal", "autocomplete": "off"})

    def prepare_value(self, value: Any) -> Any:
        """Show a stored amount with its currency; what was just typed stays as it was."""
        return format_money(value, self.currency, get_language() or "fr") if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        """Return minor units, or None for nothing."""
        text = super().clean(value)
        if text in self.empty_values:
            return None
        try:
            amount = parse_money(text, self.currency)
        except DomainError as refusal:
            raise ValidationError(str(refusal), code="money") from refusal
        if self.least is not None and amount < self.least:
            raise ValidationError(_("This amount is too small."), code="least")
        return amount

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare as amounts."""
        try:
            return bool(initial != self.clean(data))
        except ValidationError:
            return True
