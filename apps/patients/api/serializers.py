"""Shapes of the patient file."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import serializers

from apps.core.api.fields import PracticeTimeField, VisibleKeyField
from apps.directory.models import Practitioner
from apps.patients.models import Alert, ConsentForm, Household, Language, Patient, PatientContact


class SexField(serializers.ChoiceField):
    """A sex in the words of the house; one letter is understood, and read back as the word."""

    LETTERS: Final = {"F": Patient.Sex.FEMALE, "M": Patient.Sex.MALE}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("choices", Patient.Sex.choices)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """Return the word that is stored."""
        if isinstance(data, str):
            data = self.LETTERS.get(data.upper(), data)
        return super().to_internal_value(data)


class ContactInput(serializers.Serializer[Any]):
    """Somebody who speaks for the patient or is called for them."""

    relation = serializers.ChoiceField(PatientContact.Relation.choices)
    name = serializers.CharField(max_length=160)
    phone = serializers.CharField(max_length=40, required=False, allow_blank=True)
    email = serializers.EmailField(required=False, allow_blank=True)
    address = serializers.CharField(max_length=200, required=False, allow_blank=True)
    is_legal_representative = serializers.BooleanField(required=False)


class ContactOutput(serializers.ModelSerializer[PatientContact]):
    """A contact."""

    class Meta:
        model = PatientContact
        fields = (
            "id",
            "relation",
            "name",
            "phone",
            "email",
            "address",
            "is_legal_representative",
            "created_at",
        )


class ConsentInput(serializers.Serializer[Any]):
    """A decision of the patient, or of who speaks for them."""

    kind = serializers.ChoiceField(ConsentForm.Kind.choices)
    decision = serializers.ChoiceField(ConsentForm.Decision.choices, default=ConsentForm.Decision.GIVEN)
    text_version = serializers.CharField(max_length=40, required=False)
    text = serializers.CharField(max_length=20_000, required=False, allow_blank=True)
    channel = serializers.ChoiceField(ConsentForm.Channel.choices, default=ConsentForm.Channel.PAPER)
    signer_name = serializers.CharField(max_length=160, required=False, allow_blank=True)
    signer_contact = VisibleKeyField(PatientContact, required=False, allow_null=True)
    decided_at = PracticeTimeField(required=False)


class ConsentOutput(serializers.ModelSerializer[ConsentForm]):
    """A decision as it stands in the history."""

    decided_at = PracticeTimeField()
    signer_contact = VisibleKeyField(read_only=True, allow_null=True)
    withdraws = VisibleKeyField(read_only=True, allow_null=True)
    is_current = serializers.BooleanField(default=True, help_text="Whether it is the last one of its kind.")

    class Meta:
        model = ConsentForm
        fields = (
            "id", "kind", "decision", "is_current", "text_version", "text", "channel", "signer_name", "signer_contact",
            "decided_at", "proof_sha256", "withdraws",
        )  # fmt: skip


class ConsentBrief(serializers.ModelSerializer[ConsentForm]):
    """The decision that counts."""

    decided_at = PracticeTimeField()

    class Meta:
        model = ConsentForm
        fields = ("id", "kind", "decision", "text_version", "channel", "decided_at")


class AlertInput(serializers.Serializer[Any]):
    """A warning."""

    kind = serializers.ChoiceField(Alert.Kind.choices)
    label: Any = serializers.CharField(max_length=160)
    substance = serializers.CharField(max_length=120, required=False, allow_blank=True, allow_null=True)
    substance_class = serializers.ChoiceField(Alert.SubstanceClass.choices, required=False, allow_blank=True)
    severity = serializers.ChoiceField(
        Alert.Severity.choices, required=False, help_text="1 low, 2 moderate, 3 high."
    )
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True, allow_null=True)
    noted_on = serializers.DateField(required=False, allow_null=True)


class AlertChange(AlertInput):
    """Corrections of a warning; `ended` takes it out of sight or brings it back."""

    ended = serializers.BooleanField(required=False)


class AlertOutput(serializers.ModelSerializer[Alert]):
    """A warning."""

    label: Any = serializers.CharField()
    substance = serializers.CharField(allow_null=True)
    note = serializers.CharField(allow_null=True)
    ended_at = PracticeTimeField(allow_null=True)
    patient = VisibleKeyField(read_only=True)

    class Meta:
        model = Alert
        fields = (
            "id", "patient", "kind", "label", "substance", "substance_class", "severity", "note", "noted_on", "ended_at",
            "created_at",
        )  # fmt: skip


class AlertBrief(serializers.ModelSerializer[Alert]):
    """A warning as it stands beside a name."""

    label: Any = serializers.CharField()

    class Meta:
        model = Alert
        fields = ("id", "kind", "label", "substance_class", "severity")


class PatientChange(serializers.Serializer[Any]):
    """Fields of a file; those left out stay as they are."""

    first_name = serializers.CharField(max_length=80)
    last_name = serializers.CharField(max_length=80)
    birth_name = serializers.CharField(max_length=80, required=False, allow_blank=True)
    birth_date = serializers.DateField(required=False, allow_null=True)
    sex = SexField(required=False, help_text="`F` and `M`, as FHIR and older programs write, are taken too.")
    national_id = serializers.CharField(
        max_length=40,
        required=False,
        allow_blank=True,
        allow_null=True,
        help_text="NIR or INS with its key (France), CIN (Tunisia); read masked.",
    )
    identity_status = serializers.ChoiceField(Patient.IdentityStatus.choices, required=False)
    email = serializers.EmailField(required=False, allow_blank=True)
    phone = serializers.CharField(
        max_length=40, required=False, allow_blank=True, help_text="Any notation; stored and read as E.164."
    )
    phone_secondary = serializers.CharField(max_length=40, required=False, allow_blank=True)
    address = serializers.CharField(max_length=200, required=False, allow_blank=True)
    postal_code = serializers.CharField(max_length=12, required=False, allow_blank=True)
    city = serializers.CharField(max_length=80, required=False, allow_blank=True)
    country = serializers.RegexField(r"^[A-Za-z]{2}$", required=False, help_text="ISO 3166-1 alpha-2.")
    language = serializers.ChoiceField(Language.choices, required=False)
    profession = serializers.CharField(max_length=80, required=False, allow_blank=True)
    household = VisibleKeyField(Household, required=False, allow_null=True)
    practitioner = VisibleKeyField(Practitioner, required=False, allow_null=True)
    referred_by = serializers.CharField(max_length=120, required=False, allow_blank=True)
    status = serializers.ChoiceField(Patient.Status.choices, required=False)
    do_not_contact = serializers.BooleanField(required=False)
    reminder_sms = serializers.BooleanField(required=False)
    reminder_email = serializers.BooleanField(required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=40), max_length=20, required=False)
    comment = serializers.CharField(max_length=500, required=False, allow_blank=True)


class PatientInput(PatientChange):
    """A new file."""

    contacts = ContactInput(many=True, required=False)
    consents = ConsentInput(many=True, required=False)
    allow_duplicate = serializers.BooleanField(
        required=False, help_text="Register although somebody like this is in the files."
    )


class PatientListed(serializers.ModelSerializer[Patient]):
    """A patient as lists show them."""

    display_name = serializers.CharField()
    national_id = serializers.CharField(source="national_id_masked", help_text="Masked; empty when unknown.")
    alerts = AlertBrief(source="current_alerts", many=True)

    class Meta:
        model = Patient
        fields = (
            "id", "file_number", "display_name", "first_name", "last_name", "birth_name", "birth_date", "sex", "national_id",
            "phone", "email", "postal_code", "city", "status", "do_not_contact", "tags", "alerts",
        )  # fmt: skip


class PatientOutput(serializers.ModelSerializer[Patient]):
    """A patient's file."""

    display_name = serializers.CharField()
    national_id = serializers.CharField(source="national_id_masked", help_text="Masked; empty when unknown.")
    household = VisibleKeyField(read_only=True, allow_null=True)
    practitioner = VisibleKeyField(read_only=True, allow_null=True)
    merged_into = VisibleKeyField(read_only=True, allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    restricted_at = PracticeTimeField(allow_null=True)
    created_at = PracticeTimeField()
    contacts = ContactOutput(source="current_contacts", many=True)
    consents = ConsentBrief(source="current_consents", many=True)
    alerts = AlertBrief(source="current_alerts", many=True)

    class Meta:
        model = Patient
        fields = (
            "id", "file_number", "display_name", "first_name", "last_name", "birth_name", "birth_date", "sex", "national_id",
            "identity_status", "email", "phone", "phone_secondary", "address", "postal_code", "city", "country", "language",
            "profession", "household", "practitioner", "referred_by", "status", "do_not_contact", "reminder_sms",
            "reminder_email", "tags", "comment", "restricted_at", "merged_into", "created_at", "contacts", "consents",
            "alerts",
        )  # fmt: skip


class ErasureOutput(serializers.Serializer[Any]):
    """The request for erasure that is pending."""

    data_request = serializers.UUIDField()
    status = serializers.CharField()
    appointments = serializers.CharField(
        help_text="`kept`: visits already booked stay in the agenda until somebody cancels them."
    )


class MergeInput(serializers.Serializer[Any]):
    """The other file, which is archived and points here afterwards."""

    duplicate = VisibleKeyField(Patient)


class TimelineEventOutput(serializers.Serializer[Any]):
    """One thing that happened."""

    at = PracticeTimeField()
    kind = serializers.CharField(help_text="Dotted and stable, as `agenda.appointment`.")
    object_id = serializers.UUIDField()
    title = serializers.CharField()
    facts = serializers.DictField()


class TimelineOutput(serializers.Serializer[Any]):
    """A page of a timeline, newest first; `next` carries on."""

    count = serializers.IntegerField(allow_null=True, help_text="Always null: histories are not counted.")
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = TimelineEventOutput(many=True)


class AccountOutput(serializers.Serializer[Any]):
    """What is open on an account, in minor units of `currency`."""

    currency = serializers.CharField()
    patient_due = serializers.IntegerField()
    insurer_due = serializers.IntegerField()
    overdue = serializers.IntegerField()
    credit = serializers.IntegerField(help_text="Paid and not yet allocated.")


class MemberBalance(serializers.Serializer[Any]):
    """A member of the household and their account."""

    patient = serializers.UUIDField()
    display_name = serializers.CharField()
    balance = AccountOutput()


class HouseholdBalance(serializers.Serializer[Any]):
    """The accounts of a household together."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    total = AccountOutput()
    members = MemberBalance(many=True)


class BalanceOutput(AccountOutput):
    """A patient's account and their household's."""

    household = HouseholdBalance(allow_null=True)


class BreakGlassInput(serializers.Serializer[Any]):
    """Why a restricted file must be opened now."""

    reason = serializers.CharField(min_length=10, max_length=500)


class EmergencyAccessOutput(serializers.Serializer[Any]):
    """Which file is open, and until when."""

    id = serializers.UUIDField()
    patient = serializers.UUIDField(source="patient_id")
    opened_at = PracticeTimeField()
    expires_at = PracticeTimeField()
