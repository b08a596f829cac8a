"""Forms of the patient file: they read what people type, the services decide."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from apps.core.admin.forms import RefusableForm
from apps.patients.identifiers import normalise_phone
from apps.patients.models import ConsentForm, PatientContact


class PhoneForm(RefusableForm):
    """Reads phone numbers as they are dialled in the practice's country."""

    country: ClassVar[str] = "FR"
    phones: ClassVar[tuple[str, ...]] = ("phone",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.phones:
            if name in self.fields:
                label = self.fields[name].label
                self.fields[name] = PhoneField(self.country, label=label)


class PhoneField(forms.CharField):
    """A phone number in any notation."""

    def __init__(self, country: str, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=40, widget=UnfoldAdminTextInputWidget(), **kwargs)
        self.country = country

    def clean(self, value: Any) -> str:
        """Return E.164, or nothing."""
        typed = str(super().clean(value))
        return normalise_phone(typed, self.country) if typed else ""


class PatientForm(PhoneForm):
    """A patient's file; the national identifier is typed, never shown."""

    phones = ("phone", "phone_secondary")
    new_national_id = forms.CharField(
        label=_("national health identifier"),
        help_text=_("NIR or INS with its key. Left empty, what is stored stays."),
        required=False,
        max_length=40,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    allow_duplicate = forms.BooleanField(
        label=_("register although somebody like this is in the files"),
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
    )
    tags = SimpleArrayField(
        forms.CharField(max_length=40),
        label=_("tags"),
        help_text=_("Separated by commas."),
        required=False,
        max_length=20,
        widget=UnfoldAdminTextInputWidget(),
    )


class ContactRowForm(PhoneForm):
    """One contact in the patient's page."""

    class Meta:
        model = PatientContact
        fields = ("relation", "name", "phone", "email", "is_legal_representative")


class ConsentRowForm(forms.ModelForm[ConsentForm]):
    """One decision in the patient's page; who decided and which text are the patient and the text in use by default."""

    class Meta:
        model = ConsentForm
        fields = ("kind", "decision", "channel", "text_version", "signer_name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("text_version", "signer_name"):
            if name in self.fields:
                self.fields[name].required = False
