"""What clinical would like to know of the apps above it."""

from __future__ import annotations

from apps.clinical.models import Treatment
from apps.core.hooks import Hook

# Called with the locked treatment before it is cancelled; billing refuses what an invoice holds.
treatment_cancelling: Hook[[Treatment], None] = Hook("treatment_cancelling")
