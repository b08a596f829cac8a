"""Who may do what: the one matrix, for the API and the admin alike.

A role is a Django group of the same name; the groups mirror this table after each migration (`groups.py`) so
that people can read it in the admin. Decisions are taken here, in code: a row changed in the database grants
nothing.
"""

from __future__ import annotations

from functools import cache

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """Roles of the house."""

    ASSISTANT = "assistant", _("assistant")
    PRACTITIONER = "practitioner", _("practitioner")
    PRACTICE_ADMIN = "practice_admin", _("practice administrator")
    PHARMACIST = "pharmacist", _("pharmacist")
    DOCTOR = "doctor", _("doctor")
    LAB_MANAGER = "lab_manager", _("laboratory manager")
    CLINIC_ADMIN = "clinic_admin", _("clinic administrator")
    INSURER_ADMIN = "insurer_admin", _("insurer administrator")
    INSURER_AGENT = "insurer_agent", _("insurer agent")
    ADMIN = "admin", _("platform administrator")


DENTAL = frozenset({Role.ASSISTANT, Role.PRACTITIONER, Role.PRACTICE_ADMIN})
CARE = frozenset({Role.ASSISTANT, Role.PRACTITIONER})
PRACTICE_ROLES = DENTAL | {Role.PHARMACIST, Role.DOCTOR, Role.LAB_MANAGER, Role.CLINIC_ADMIN}
INSURER_ROLES = frozenset({Role.INSURER_ADMIN, Role.INSURER_AGENT})
PRESCRIBERS = frozenset({Role.PRACTITIONER})
MANAGERS = frozenset({Role.PRACTICE_ADMIN})
BILLERS = frozenset({Role.PRACTITIONER, Role.PRACTICE_ADMIN})
HOUSE_ADMINS = frozenset({Role.PRACTICE_ADMIN, Role.INSURER_ADMIN, Role.ADMIN})
SETTINGS = frozenset({Role.PRACTICE_ADMIN, Role.ADMIN})
EVERYONE = frozenset(Role)
INSURER_HEADS = frozenset({Role.INSURER_ADMIN})
# Those who run a house of care; what only one of two such roles in a clinic may do, its service refuses the other.
HOUSE_HEADS = PRACTICE_ROLES - CARE
# Both sides of the payer network, and those of them who read what is settled.
NETWORK = INSURER_ROLES | PRACTICE_ROLES
SETTLED = NETWORK - CARE

# Which roles work in which kind of practice.
ROLES_BY_KIND: dict[str, frozenset[Role]] = {
    "dental": DENTAL,
    "medical": frozenset({Role.DOCTOR}),
    "pharmacy": frozenset({Role.PHARMACIST}),
    "laboratory": frozenset({Role.LAB_MANAGER}),
    "clinic": frozenset({Role.CLINIC_ADMIN, Role.DOCTOR}),
}
# Who may give which role, inside their own house (the platform's admin: in any). Those who run a house give
# the rights of care without holding them, which is their office; of the rights to run it nobody gives one
# they do not hold.
GRANTABLE: dict[str, frozenset[Role]] = {
    Role.PRACTICE_ADMIN: DENTAL,
    Role.INSURER_ADMIN: INSURER_ROLES,
    Role.ADMIN: EVERYONE,
}

# Permission -> roles. Codenames are Django's (view_, add_, change_, delete_) and those named in each model's
# Meta.
MATRIX: dict[str, frozenset[Role]] = {
    # audit and users
    "audit.view_auditentry": HOUSE_ADMINS,
    "audit.view_accessentry": HOUSE_ADMINS,
    "accounts.view_user": HOUSE_ADMINS,
    "accounts.add_user": HOUSE_ADMINS,
    "accounts.change_user": HOUSE_ADMINS,
    "accounts.view_session": HOUSE_ADMINS,
    "auth.view_group": HOUSE_ADMINS,
    # the house and its people
    "directory.view_insurer": EVERYONE,
    "directory.change_insurer": frozenset({Role.INSURER_ADMIN}),
    "directory.view_practice": DENTAL | {Role.ADMIN},
    "directory.change_practice": SETTINGS,
    "directory.add_practice": frozenset({Role.ADMIN}),
    "directory.view_bankaccount": HOUSE_HEADS,
    "directory.add_bankaccount": HOUSE_HEADS,
    "directory.change_bankaccount": HOUSE_HEADS,
    "directory.view_practitioner": DENTAL | {Role.ADMIN},
    "directory.add_practitioner": SETTINGS,
    "directory.change_practitioner": SETTINGS,
    "directory.view_room": DENTAL | {Role.ADMIN},
    "directory.add_room": SETTINGS,
    "directory.change_room": SETTINGS,
    "directory.delete_room": SETTINGS,
    "directory.view_openinghours": DENTAL | {Role.ADMIN},
    "directory.add_openinghours": SETTINGS,
    "directory.change_openinghours": SETTINGS,
    "directory.delete_openinghours": SETTINGS,
    # catalogue
    "catalog.view_act": DENTAL,
    "catalog.view_tariff": DENTAL | {Role.ADMIN},
    "catalog.view_vatcode": DENTAL,
    "catalog.view_practicefee": DENTAL,
    "catalog.change_practicefee": MANAGERS,
    "catalog.view_favouriteact": DENTAL,
    "catalog.add_favouriteact": DENTAL,
    "catalog.delete_favouriteact": DENTAL,
    "catalog.import_tariff": frozenset({Role.ADMIN}),
    "catalog.add_practicefee": MANAGERS,
    # patients
    "patients.view_patient": DENTAL,
    "patients.add_patient": DENTAL,
    "patients.change_patient": DENTAL,
    "patients.delete_patient": MANAGERS,
    "patients.merge_patient": MANAGERS,
    "patients.export_patient": BILLERS,
    "patients.import_patient": MANAGERS,
    "patients.view_restricted_patient": MANAGERS,
    "patients.add_emergencyaccess": PRESCRIBERS,
    "patients.view_emergencyaccess": MANAGERS,
    "patients.view_patientcontact": DENTAL,
    "patients.add_patientcontact": DENTAL,
    "patients.view_consentform": DENTAL,
    "patients.add_consentform": DENTAL,
    "patients.view_alert": DENTAL,
    "patients.add_alert": CARE,
    "patients.change_alert": CARE,
    "patients.view_household": DENTAL,
    "patients.add_household": DENTAL,
    "patients.change_household": DENTAL,
    # data protection
    "compliance.view_datarequest": MANAGERS,
    # agenda
    "agenda.view_appointment": DENTAL,
    "agenda.add_appointment": DENTAL,
    "agenda.change_appointment": DENTAL,
    "agenda.override_appointment": DENTAL,
    "agenda.change_completed_appointment": BILLERS,
    "agenda.view_appointmenttype": DENTAL | {Role.ADMIN},
    "agenda.add_appointmenttype": SETTINGS,
    "agenda.change_appointmenttype": SETTINGS,
    "agenda.delete_appointmenttype": SETTINGS,
    "agenda.view_appointmentnote": DENTAL,
    "agenda.add_appointmentnote": DENTAL,
    "agenda.view_absence": DENTAL,
    "agenda.add_absence": BILLERS,
    "agenda.change_absence": BILLERS,
    "agenda.delete_absence": BILLERS,
    "agenda.view_openholiday": DENTAL,
    "agenda.add_openholiday": MANAGERS,
    "agenda.delete_openholiday": MANAGERS,
    "agenda.view_waitlistentry": DENTAL,
    "agenda.add_waitlistentry": DENTAL,
    "agenda.change_waitlistentry": DENTAL,
    "agenda.delete_waitlistentry": DENTAL,
    "agenda.view_waitlistoffer": DENTAL,
    "agenda.add_waitlistoffer": DENTAL,
    "agenda.view_pinnedvisit": DENTAL,
    "agenda.add_pinnedvisit": DENTAL,
    "agenda.change_pinnedvisit": DENTAL,
    "agenda.delete_pinnedvisit": DENTAL,
    "agenda.view_recalltype": DENTAL,
    "agenda.add_recalltype": MANAGERS,
    "agenda.change_recalltype": MANAGERS,
    "agenda.delete_recalltype": MANAGERS,
    "agenda.view_recall": DENTAL,
    "agenda.add_recall": DENTAL,
    "agenda.change_recall": DENTAL,
    "agenda.view_recallattempt": DENTAL,
    "agenda.add_recallattempt": DENTAL,
    "agenda.view_calendartoken": BILLERS,
    "agenda.add_calendartoken": BILLERS,
    # clinical
    "clinical.view_treatment": CARE,
    "clinical.add_treatment": CARE,
    "clinical.change_treatment": CARE,
    "clinical.cancel_treatment": CARE,
    "clinical.complete_treatment": PRESCRIBERS,
    # billing
    "billing.view_invoice": DENTAL,
    "billing.add_invoice": BILLERS,
    "billing.change_invoice": BILLERS,
    "billing.delete_invoice": BILLERS,
    "billing.issue_invoice": BILLERS,
    "billing.view_sharetransfer": DENTAL,
    "billing.add_sharetransfer": BILLERS,
    "billing.view_networksettlement": DENTAL,
    "billing.credit_invoice": BILLERS,
    "billing.view_quote": DENTAL,
    "billing.add_quote": DENTAL,
    "billing.change_quote": DENTAL,
    "billing.issue_quote": BILLERS,
    "billing.decide_quote": DENTAL,
    "billing.view_quoteitem": DENTAL,
    "billing.view_quotedecision": DENTAL,
    "billing.view_invoiceitem": DENTAL,
    "billing.view_invoiceshare": DENTAL,
    "billing.view_paymentallocation": DENTAL,
    "billing.view_billingdocument": DENTAL,
    "billing.view_numberseries": MANAGERS,
    "billing.view_ledgerrecord": MANAGERS,
    "billing.view_closing": MANAGERS,
    "billing.add_closing": MANAGERS,
    "billing.view_trainingswitch": MANAGERS,
    "billing.add_trainingswitch": MANAGERS,
    "billing.view_deposit": MANAGERS,
    "billing.add_deposit": MANAGERS,
    "billing.export_ledger": MANAGERS,
    "billing.view_payment": DENTAL,
    "billing.add_payment": DENTAL,
    "billing.refund_payment": MANAGERS,
    "billing.view_insurertransfer": DENTAL,
    "billing.add_insurertransfer": DENTAL,
    "billing.view_invoicereminder": DENTAL,
    "billing.add_invoicereminder": DENTAL,
    "billing.view_dunningpolicy": DENTAL,
    "billing.change_dunningpolicy": MANAGERS,
    "billing.view_instalmentplan": DENTAL,
    "billing.add_instalmentplan": BILLERS,
    "billing.change_instalmentplan": BILLERS,
    "billing.view_instalment": DENTAL,
    # payer network
    "insurance.view_adherent": NETWORK,
    "insurance.add_adherent": INSURER_HEADS,
    "insurance.change_adherent": INSURER_HEADS,
    "insurance.view_contract": NETWORK,
    "insurance.add_contract": INSURER_HEADS,
    "insurance.change_contract": INSURER_HEADS,
    "insurance.view_contractmember": NETWORK,
    "insurance.add_contractmember": INSURER_HEADS,
    "insurance.change_contractmember": INSURER_HEADS,
    "insurance.view_patientcoverage": DENTAL,
    "insurance.add_patientcoverage": DENTAL,
    "insurance.change_patientcoverage": DENTAL,
    "insurance.view_convention": NETWORK - {Role.ASSISTANT},
    "insurance.add_convention": INSURER_HEADS,
    "insurance.change_convention": INSURER_HEADS,
    "insurance.view_bareme": NETWORK - {Role.ASSISTANT},
    "insurance.add_bareme": INSURER_HEADS,
    "insurance.view_claim": NETWORK,
    "insurance.view_claimitem": NETWORK,
    "insurance.submit_pharmacy_claim": frozenset({Role.PHARMACIST}),
    "insurance.submit_consultation_claim": frozenset({Role.DOCTOR, Role.CLINIC_ADMIN}),
    "insurance.submit_hospitalization_claim": frozenset({Role.CLINIC_ADMIN}),
    "insurance.submit_laboratory_claim": frozenset({Role.LAB_MANAGER}),
    "insurance.submit_dental_claim": BILLERS,
    "insurance.confirm_claim": PRACTICE_ROLES - {Role.ASSISTANT},
    "insurance.void_claim": PRACTICE_ROLES - {Role.ASSISTANT},
    "insurance.decide_claim": INSURER_ROLES,
    "insurance.unblock_claim": INSURER_HEADS,
    "insurance.reverse_claim": INSURER_HEADS,
    "insurance.view_claimadjudication": INSURER_ROLES,
    "insurance.view_claimreview": INSURER_ROLES,
    "insurance.view_claimflag": INSURER_ROLES | {Role.ADMIN},
    "insurance.change_claimflag": INSURER_ROLES,
    "insurance.view_contractbalance": INSURER_ROLES,
    "insurance.view_balanceentry": INSURER_ROLES,
    "insurance.view_reconciliation": SETTLED,
    "insurance.view_reconciliationjob": INSURER_ROLES,
    "insurance.view_networkproof": INSURER_ROLES | {Role.ADMIN},
    "insurance.view_reconciliationprovider": SETTLED,
    "insurance.view_reconciliationline": SETTLED,
    "insurance.view_retention": SETTLED,
    "insurance.generate_reconciliation": INSURER_HEADS,
    "insurance.send_reconciliation": INSURER_HEADS,
    "insurance.pay_reconciliation": INSURER_HEADS,
    "insurance.cancel_reconciliation": INSURER_HEADS,
    "insurance.dispute_reconciliationline": SETTLED - {Role.INSURER_AGENT},
    "insurance.view_dispute": SETTLED,
    "insurance.add_dispute": SETTLED - {Role.INSURER_AGENT},
    "insurance.decide_dispute": INSURER_HEADS,
    # messages
    "notifications.view_notificationtemplate": DENTAL,
    "notifications.add_notificationtemplate": MANAGERS,
    "notifications.change_notificationtemplate": MANAGERS,
    "notifications.test_notification": MANAGERS,
    "notifications.view_notificationjob": DENTAL,
    "notifications.retry_notificationjob": MANAGERS,
    "notifications.view_notificationlog": DENTAL,
    "notifications.view_suppression": DENTAL,
    "notifications.add_suppression": DENTAL,
    "notifications.change_suppression": DENTAL,
}


@cache
def permissions_of(role: str) -> frozenset[str]:
    """Return the permissions of a role; none for an unknown one."""
    return frozenset(perm for perm, roles in MATRIX.items() if role in roles)
