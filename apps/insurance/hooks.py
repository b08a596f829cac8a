"""What the payer network tells the apps above it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from apps.core.hooks import Hook
from apps.insurance.models import Claim, Reconciliation

# Called inside the transaction of the payment: what an insurer paid for is settled with it, or neither is.
# Arguments: reconciliation, at.
reconciliation_paid: Final = Hook[[Reconciliation, datetime], None]("reconciliation_paid")
# Called inside the transaction in which a claim becomes approved after it was filed: by its insurer's people, or by its
# provider's confirmation. Arguments: claim, at.
claim_decided: Final = Hook[[Claim, datetime], None]("claim_decided")
# How many objects (invoices) of a paid reconciliation a worker has still to settle. Argument: reconciliation.
settlements_open: Final = Hook[[Reconciliation], int]("settlements_open")
# Further checks of the proof, by name: one statement each that takes `%(insurer)s` and returns the keys of what does not
# fit.
network_checks: Final = Hook[[], Mapping[str, str]]("network_checks")
