"""Training mode: everything looks as always, and nothing of it counts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from apps.billing.models import Invoice, LedgerRecord, Payment, TrainingSwitch
from apps.billing.services.ledger import CHAIN_SERIES, append
from apps.billing.services.numbering import hold_series
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice


class TrainingUnchanged(DomainError):
    """The mode is already so."""

    code = "TRAINING_MODE_UNCHANGED"
    message = _("The training mode is already as asked.")


@service("billing.training.switch")
def switch_training(
    *, actor: Viewer, practice: Practice, turned_on: bool, reason: str, at: datetime
) -> TrainingSwitch:
    """Switch a practice's training mode; each switch is a record of its chain and says why.

    What is issued from now on is a specimen: series of its own, a watermark on every page, no place in chain, closings,
    accounts and balances. An invoice that was issued before stays real, and so do its payments. Refuses
    TRAINING_MODE_UNCHANGED and a missing reason.
    """
    if not reason.strip():
        raise InvalidInput(reason=[str(_("Say why the mode is switched."))])
    # The chain's counter: two people who switch take turns.
    hold_series(practice.pk, CHAIN_SERIES)
    last = latest(practice.pk)
    if turned_on == (last is not None and last.turned_on):
        raise TrainingUnchanged(turned_on=turned_on)
    switch = TrainingSwitch(
        practice=practice, turned_on=turned_on, reason=reason.strip(), switched_at=at, switched_by=actor.id
    )
    if last is not None and not turned_on:
        made = Invoice.objects.issued().filter(
            practice=practice, is_training=True, issued_at__gte=last.switched_at
        )
        taken = Payment.objects.filter(practice=practice, is_training=True, recorded_at__gte=last.switched_at)
        switch.documents = made.count()
        switch.amount = made.aggregate(total=Sum("total_amount"))["total"] or 0
        switch.payments = taken.aggregate(total=Sum("amount"))["total"] or 0
    switch.clean_fields(exclude=["practice"])
    switch.save(force_insert=True)
    append(kind=LedgerRecord.Kind.TRAINING, row=switch, at=at)
    return switch


def latest(practice_id: UUID) -> TrainingSwitch | None:
    """Return the last switch."""
    return TrainingSwitch.objects.filter(practice_id=practice_id).order_by("-id").first()


def is_training(practice_id: UUID) -> bool:
    """Say whether a practice is practising."""
    found = latest(practice_id)
    return found is not None and found.turned_on
