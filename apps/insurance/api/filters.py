"""Filters of insured people, contracts and conventions; providers ask by an exact key."""

from __future__ import annotations

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q
from django_filters import rest_framework as filters

from apps.insurance.identifiers import identity_index, normalise_identity
from apps.insurance.models import Adherent, Contract, ContractMember, Convention, Reconciliation

# What a provider may look somebody up by; other filters only narrow.
EXACT_KEYS: Final = frozenset({"id", "national_id", "contract_number", "adherent"})


class ChoicesFilter(filters.BaseInFilter, filters.ChoiceFilter):
    """One of several words, comma-separated."""


class AdherentFilter(filters.FilterSet):
    """Insured people by national identifier, contract number or key; an insurer's own by name as well."""

    id = filters.UUIDFilter()
    national_id = filters.CharFilter(method="by_national_id", max_length=40, label="Exact, however written.")
    contract_number = filters.CharFilter(method="by_contract_number", max_length=40, label="Exact.")
    insurer = filters.UUIDFilter(field_name="insurer_id")
    search = filters.CharFilter(method="by_search", max_length=80, label="Beginning of a name.")

    class Meta:
        model = Adherent
        fields: tuple[str, ...] = ()

    def by_national_id(self, rows: Any, name: str, value: str) -> Any:
        """Keep who has this identifier."""
        index = index_of(value)
        return rows.filter(national_id_hash=index) if index else rows.none()

    def by_contract_number(self, rows: Any, name: str, value: str) -> Any:
        """Keep who is under this contract."""
        under = ContractMember.objects.filter(adherent=OuterRef("pk"), contract__contract_number=value)
        return rows.filter(Exists(under))

    def by_search(self, rows: Any, name: str, value: str) -> Any:
        """Keep those whose last or first name begins so."""
        return rows.filter(Q(last_name__istartswith=value) | Q(first_name__istartswith=value))


class ContractFilter(filters.FilterSet):
    """Contracts by number, or by who is under them."""

    id = filters.UUIDFilter()
    contract_number = filters.CharFilter(max_length=40, label="Exact.")
    adherent = filters.UUIDFilter(method="by_adherent", label="Who is or was under the contract.")
    national_id = filters.CharFilter(method="by_national_id", max_length=40, label="Exact, however written.")
    insurer = filters.UUIDFilter(field_name="insurer_id")
    status = ChoicesFilter(choices=Contract.Status.choices, label="One or several, comma-separated.")
    plan_type = filters.ChoiceFilter(choices=Contract.Plan.choices)

    class Meta:
        model = Contract
        fields: tuple[str, ...] = ()

    def by_adherent(self, rows: Any, name: str, value: Any) -> Any:
        """Keep the contracts somebody is or was under."""
        return rows.of_person(value)

    def by_national_id(self, rows: Any, name: str, value: str) -> Any:
        """Keep the contracts of whoever has this identifier."""
        index = index_of(value)
        under = ContractMember.objects.filter(contract=OuterRef("pk"), adherent__national_id_hash=index)
        return rows.filter(Exists(under)) if index else rows.none()


class ConventionFilter(filters.FilterSet):
    """Conventions by the other side, and by the day on which they hold."""

    practice = filters.UUIDFilter(field_name="practice_id")
    insurer = filters.UUIDFilter(field_name="insurer_id")
    is_active = filters.BooleanFilter()
    on = filters.DateFilter(method="by_day", label="In force on this day.")

    class Meta:
        model = Convention
        fields: tuple[str, ...] = ()

    def by_day(self, rows: Any, name: str, value: Any) -> Any:
        """Keep those in force on a day."""
        return rows.on(value)


class ReconciliationFilter(filters.FilterSet):
    """By insurer, status, number and period (`from` and `to`, both inclusive), and by what waits for its payment."""

    insurer = filters.UUIDFilter(field_name="insurer_id")
    status = ChoicesFilter(choices=Reconciliation.Status.choices, label="One or several, comma-separated.")
    number = filters.CharFilter(lookup_expr="iexact", max_length=40)
    vars()["from"] = filters.DateFilter(field_name="period_end", lookup_expr="gte")
    to = filters.DateFilter(field_name="period_start", lookup_expr="lte")
    outstanding = filters.BooleanFilter(
        method="by_outstanding", label="Sent and not paid, those that wait longest first; or all others."
    )

    class Meta:
        model = Reconciliation
        fields: tuple[str, ...] = ()

    def by_outstanding(self, rows: Any, name: str, value: bool) -> Any:
        """Keep those whose providers wait, the longest wait first."""
        waiting = rows.outstanding()
        return waiting.order_by("sent_at", "pk") if value else rows.exclude(pk__in=waiting.values("pk"))


def index_of(text: str) -> str | None:
    """Return the keyed hash of an identifier as typed; None when it is none, which then finds nobody."""
    try:
        return identity_index(normalise_identity(text))
    except ValidationError:
        return None
