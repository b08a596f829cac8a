"""What the payer network tells the apps above it."""

from __future__ import annotations

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
