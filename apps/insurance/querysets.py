"""Who sees what of the payer network.

An insurer owns its people, contracts and conventions. A provider sees its own claims, conventions and payments; it
lists nobody's people and contracts, but reaches one by an exact key, whichever insurer's (`reachable_by`).
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Literal, Self

from django.apps import apps
from django.db.models import Exists, F, OuterRef, Q

from apps.core.querysets import BaseQuerySet
from apps.patients.querysets import OfPatientQuerySet

if TYPE_CHECKING:
    from apps.core.scope import Viewer


class InsurerSideQuerySet(BaseQuerySet[Any]):
    """Rows the insurer alone reads."""

    scope = "insurer"


class ReachedQuerySet(InsurerSideQuerySet):
    """Rows a provider reaches by an exact key, and never lists."""

    def reachable_by(self, viewer: Viewer | None) -> Self:
        """Return the rows in which an exact key may be looked up: any for a provider, one's own for an insurer."""
        if viewer is not None and viewer.practice_id is not None:
            return self
        return self.visible_to(viewer)


class AdherentQuerySet(ReachedQuerySet):
    """Insured people."""

    def current(self) -> Self:
        """Leave out those taken out of use."""
        return self.filter(deleted_at__isnull=True)

    def in_name_order(self) -> Self:
        """Order as a card index does."""
        return self.order_by("last_name", "first_name", "id")


class ContractQuerySet(ReachedQuerySet):
    """Contracts."""

    def newest_first(self) -> Self:
        """Order by creation, which the time-ordered key tells."""
        return self.order_by("-id")

    def covering(self, day: date) -> Self:
        """Return those whose first and last day include `day`."""
        return self.filter(start_date__lte=day, end_date__gte=day)

    def of_person(self, adherent: Any) -> Self:
        """Return those a person is or was under."""
        members = apps.get_model("insurance", "ContractMember")._base_manager
        return self.filter(Exists(members.filter(contract=OuterRef("pk"), adherent=adherent)))

    def to_expire(self, today: date) -> Self:
        """Return those not yet called expired whose last day is over; the cancelled stay cancelled."""
        return self.filter(status__in=("active", "suspended"), end_date__lt=today)


class ContractMemberQuerySet(ReachedQuerySet):
    """People under contracts."""

    def on(self, day: date) -> Self:
        """Return those who were members on `day`."""
        return self.filter(Q(left_on__isnull=True) | Q(left_on__gte=day), joined_on__lte=day)


class PatientCoverageQuerySet(OfPatientQuerySet):
    """Which contracts pay for a practice's patients."""

    def on(self, day: date) -> Self:
        """Return those in force on `day`, who pays first first."""
        return self.filter(Q(valid_to__isnull=True) | Q(valid_to__gte=day), valid_from__lte=day).order_by(
            "rank", "pk"
        )


class TwoSidedQuerySet(BaseQuerySet[Any]):
    """Rows between an insurer and a provider: each sees its own."""

    provider_column: Literal["provider_id", "practice_id"] = "provider_id"

    def visible_to(self, viewer: Viewer | None) -> Self:
        """Return the rows of the viewer's insurer, or of their practice."""
        if viewer is None or viewer.id is None:
            return self.none()
        if viewer.insurer_id is not None:
            return self.filter(insurer_id=viewer.insurer_id)
        if viewer.practice_id is not None:
            return self.filter(**{self.provider_column: viewer.practice_id})
        return self.none()


class ConventionQuerySet(TwoSidedQuerySet):
    """Conventions."""

    provider_column = "practice_id"

    def on(self, day: date) -> Self:
        """Return those in force on `day`."""
        return self.filter(
            Q(end_date__isnull=True) | Q(end_date__gte=day), is_active=True, start_date__lte=day
        )

    def newest_first(self) -> Self:
        """Order by creation, which the time-ordered key tells."""
        return self.order_by("-id")


class BaremeQuerySet(BaseQuerySet[Any]):
    """Price lists, as visible as their convention."""

    def visible_to(self, viewer: Viewer | None) -> Self:
        """Return those of the viewer's insurer, or of their practice's conventions."""
        if viewer is None or viewer.id is None:
            return self.none()
        if viewer.insurer_id is not None:
            return self.filter(insurer_id=viewer.insurer_id)
        if viewer.practice_id is not None:
            return self.filter(convention__practice_id=viewer.practice_id)
        return self.none()

    def on(self, day: date) -> Self:
        """Return those in force on `day`."""
        return self.filter(Q(effective_to__isnull=True) | Q(effective_to__gt=day), effective_from__lte=day)

    def newest_first(self) -> Self:
        """Order by first day."""
        return self.order_by("-effective_from", "-id")


class ClaimQuerySet(TwoSidedQuerySet):
    """Claims: the insurer's whole network, or the provider's own."""

    def newest_first(self) -> Self:
        """Order by creation, which the time-ordered key tells."""
        return self.order_by("-id")

    def holding(self) -> Self:
        """Return those that hold an amount of the contract's limits."""
        return self.filter(status__in=("eligible", "approved", "pending_review", "paid"))

    def to_reconcile(self, *, insurer: Any, currency: str, cutoff: Any) -> Self:
        """Return what the next reconciliation takes."""
        return self.filter(
            insurer=insurer,
            currency=currency,
            status="approved",
            reconciliation__isnull=True,
            validated_at__lte=cutoff,
        )


class ClaimItemQuerySet(TwoSidedQuerySet):
    """Lines of claims."""

    def in_order(self) -> Self:
        """Order as they were sent."""
        return self.order_by("claim_id", "sequence")


class ClaimFlagQuerySet(InsurerSideQuerySet):
    """Flags: the insurer's, and the platform's to measure the rules by; never a provider's."""

    platform_sees = True

    def counting(self) -> Self:
        """Leave out the rules on trial."""
        return self.filter(shadow=False)


class ContractBalanceQuerySet(InsurerSideQuerySet):
    """Balances of contracts."""

    def locked(self) -> Self:
        """Lock in the one order everybody uses, so that two claims never wait for each other."""
        return self.order_by("contract_id", "period_start", "scope").select_for_update(no_key=True)

    def left(self) -> Self:
        """Annotate what is left, `remaining`; null is unlimited."""
        return self.annotate(remaining=F("limit_amount") - F("used"))


class ProviderSideQuerySet(TwoSidedQuerySet):
    """Rows of one provider inside an insurer's reconciliation."""


class ReconciliationLineQuerySet(TwoSidedQuerySet):
    """Lines of reconciliations."""

    def live(self) -> Self:
        """Leave out those of cancelled reconciliations."""
        return self.filter(is_live=True)


class ReconciliationQuerySet(BaseQuerySet[Any]):
    """Reconciliations: the insurer's, and those a provider has a total in."""

    def visible_to(self, viewer: Viewer | None) -> Self:
        """Return the insurer's own; a provider's are those that stand and pay it something."""
        if viewer is None or viewer.id is None:
            return self.none()
        if viewer.insurer_id is not None:
            return self.filter(insurer_id=viewer.insurer_id)
        if viewer.practice_id is not None:
            totals = apps.get_model("insurance", "ReconciliationProvider")._base_manager
            own = totals.filter(reconciliation=OuterRef("pk"), provider_id=viewer.practice_id)
            return self.filter(Exists(own)).exclude(status="cancelled")
        return self.none()

    def outstanding(self) -> Self:
        """Return those that were sent and are not paid."""
        return self.filter(status="sent")

    def newest_first(self) -> Self:
        """Order by period."""
        return self.order_by("-period_start", "-id")


class ReconciliationJobQuerySet(BaseQuerySet[Any]):
    """Reconciliations under way: the insurer's own."""

    scope = "insurer"


class NetworkProofQuerySet(InsurerSideQuerySet):
    """Proofs: the insurer's own; the platform looks after all of them."""

    platform_sees = True

    def last_of_each(self) -> Self:
        """Return each insurer's last proof."""
        return self.order_by("insurer_id", "-ran_at", "-pk").distinct("insurer_id")
