"""Every reason, with its X12 equivalents and who bears the amount; claims.md 2.3 as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Liability(StrEnum):
    """Who bears what the insurer does not pay."""

    PATIENT = "patient"
    PROVIDER = "provider"
    OTHER_PAYER = "other_payer"
    NOBODY = "nobody"


# X12 835 claim adjustment groups: patient responsibility, contractual obligation, other adjustment.
PATIENT_GROUP: Final = "PR"
PROVIDER_GROUP: Final = "CO"
OTHER_GROUP: Final = "OA"

_GROUPS: Final = MappingProxyType(
    {
        Liability.PATIENT: PATIENT_GROUP,
        Liability.PROVIDER: PROVIDER_GROUP,
        Liability.OTHER_PAYER: OTHER_GROUP,
        Liability.NOBODY: OTHER_GROUP,
    }
)


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason code, its CARC (and RARC where the CARC needs one) and its usual liability.

    `other` is the CARC that says the same when the agreement moves the liability to the other side.
    """

    code: str
    carc: str
    liability: Liability
    rarc: str = ""
    other: str = ""

    @property
    def group(self) -> str:
        """The X12 group of the usual liability."""
        return _GROUPS[self.liability]

    @property
    def is_written_off(self) -> bool:
        """Whether the amount may not be asked of the patient."""
        return self.liability in (Liability.PROVIDER, Liability.NOBODY)


_PATIENT, _PROVIDER = Liability.PATIENT, Liability.PROVIDER

REASONS: Final = MappingProxyType(
    {
        reason.code: reason
        for reason in (
            Reason("RATE", "2", _PATIENT),
            Reason("FIXED_COPAY", "3", _PATIENT),
            Reason("DEDUCTIBLE", "1", _PATIENT),
            Reason("PRICE_CEILING", "45", _PATIENT, other="45"),
            Reason("REFERENCE_PRICE", "45", _PATIENT, other="45"),
            Reason("ABOVE_BASE", "45", _PATIENT),
            Reason("LIMIT_ACT", "119", _PATIENT),
            Reason("LIMIT_CLAIM", "119", _PATIENT),
            Reason("LIMIT_CARE", "119", _PATIENT),
            Reason("LIMIT_ANNUAL", "119", _PATIENT),
            Reason("FREQUENCY", "151", _PROVIDER, rarc="N362", other="119"),
            Reason("WAITING", "179", _PATIENT),
            Reason("EXCLUDED", "96", _PATIENT, rarc="N130"),
            Reason("NOT_COVERED", "204", _PATIENT),
            Reason("NOT_IN_BAREME", "204", _PROVIDER),
            Reason("BEFORE_CONTRACT", "26", _PATIENT),
            Reason("AFTER_CONTRACT", "27", _PATIENT),
            Reason("SUSPENDED", "27", _PATIENT),
            Reason("CANCELLED", "27", _PATIENT),
            Reason("LATE_FILING", "29", _PROVIDER),
            Reason("FUTURE_DATE", "110", _PROVIDER),
            Reason("NO_CONVENTION", "242", _PATIENT),
            Reason("PROVIDER_NOT_ELIGIBLE", "B7", _PROVIDER),
            Reason("ACT_NOT_ALLOWED_FOR_TYPE", "8", _PROVIDER),
            Reason("DUPLICATE", "18", Liability.NOBODY),
            Reason("INCOMPATIBLE", "236", _PROVIDER),
            Reason("BUNDLED", "97", _PROVIDER),
            Reason("TOOTH_ABSENT", "16", _PROVIDER, rarc="N39"),
            Reason("PREAUTH_MISSING", "197", _PROVIDER),
            Reason("PRIOR_PAYER", "23", Liability.OTHER_PAYER),
            Reason("IDENTITY_UNKNOWN", "31", _PROVIDER),
            Reason("TAX", "137", _PATIENT),
            # A person's decision: a line lowered at review, a claim refused at review, one withdrawn by its provider.
            Reason("REVIEW", "150", _PATIENT),
            Reason("REVIEW_REJECTED", "50", _PATIENT),
            Reason("VOIDED", "129", _PROVIDER),
        )
    }
)
