"""Adherents, contracts, conventions, claims and what becomes of them."""

from apps.insurance.models.adherents import Adherent, Gender
from apps.insurance.models.balances import WHOLE, BalanceEntry, ContractBalance
from apps.insurance.models.claims import HOLDING, CareType, Claim, ClaimItem
from apps.insurance.models.contracts import Contract, ContractMember, PatientCoverage
from apps.insurance.models.conventions import Bareme, Convention
from apps.insurance.models.decisions import ClaimAdjudication, ClaimReview
from apps.insurance.models.disputes import Dispute, Retention
from apps.insurance.models.flags import ClaimFlag
from apps.insurance.models.jobs import NetworkProof, ReconciliationJob
from apps.insurance.models.prior_agreements import PriorAgreement
from apps.insurance.models.reconciliations import (
    Reconciliation,
    ReconciliationLine,
    ReconciliationProvider,
)

__all__ = [
    "HOLDING",
    "WHOLE",
    "Adherent",
    "BalanceEntry",
    "Bareme",
    "CareType",
    "Claim",
    "ClaimAdjudication",
    "ClaimFlag",
    "ClaimItem",
    "ClaimReview",
    "Contract",
    "ContractBalance",
    "ContractMember",
    "Convention",
    "Dispute",
    "Gender",
    "NetworkProof",
    "PatientCoverage",
    "PriorAgreement",
    "Reconciliation",
    "ReconciliationJob",
    "ReconciliationLine",
    "ReconciliationProvider",
    "Retention",
]
