# ruff: noqa: S608 - the statements are the test's own
"""Who rewrites the whole chain still lacks the key."""

from __future__ import annotations

import base64

import pytest
from django.core.management import call_command

from apps.billing.models import LedgerRecord
from apps.billing.services.ledger import link
from apps.billing.verification import verify_practice
from tests.billing.making import make_issued
from tests.billing.test_verify_ledger import tamper

OTHER = "o1:" + base64.b64encode(b"another ledger key of 32 bytes..").decode()


@pytest.fixture
def ledger(practice, patient, practitioner, at):
    """Three invoices."""
    for amount in (1000, 2000, 3000):
        make_issued(practitioner, patient, at, amount)
    return practice


def rewrite():
    """Chain all records anew after changing an amount on both sides, as somebody with the owner's rights might."""
    tamper("UPDATE billing_invoice SET reason = 'x' WHERE number = 'FA-2026-000001'")
    previous = "0" * 64
    for record in LedgerRecord.objects.order_by("sequence"):
        payload = (
            record.payload.replace('"language":"fr"', '"language":"en"')
            if record.sequence == 1
            else record.payload
        )
        hash_ = link(previous, payload)
        tamper(
            f"UPDATE billing_ledgerrecord SET payload = $p${payload}$p$, previous_hash = '{previous}', hash = '{hash_}'"
            f" WHERE id = '{record.pk}'"
        )
        previous = hash_
    tamper("UPDATE billing_invoice SET reason = '', language = 'en' WHERE number = 'FA-2026-000001'")


class TestSignature:
    def test_names_the_active_key(self, ledger):
        for record in LedgerRecord.objects.all():
            assert (record.key_id, len(record.signature)) == ("t1", 64)

    def test_finds_a_chain_rewritten_without_the_key(self, ledger):
        rewrite()

        finding = verify_practice(ledger.pk).finding

        assert (finding.sequence, finding.fault) == (1, "is not signed by a known key")

    def test_cannot_find_it_without_a_key_which_is_why_there_is_one(self, ledger, settings):
        rewrite()
        settings.LEDGER_SIGNING_KEY = ""

        assert verify_practice(ledger.pk).finding is None

    @pytest.mark.parametrize("column", ["signature", "key_id"])
    def test_finds_a_signature_taken_off(self, ledger, column):
        tamper(f"UPDATE billing_ledgerrecord SET {column} = '' WHERE sequence = 2")

        assert verify_practice(ledger.pk).finding.sequence == 2

    def test_still_checks_the_plain_chain_without_a_key(self, ledger, settings, capsys):
        settings.LEDGER_SIGNING_KEY = ""

        call_command("verify_ledger")
        assert "3 records, unbroken, signatures not checked" in capsys.readouterr().out

        tamper("UPDATE billing_invoice SET issued_on = '2020-01-01' WHERE number = 'FA-2026-000002'")
        assert verify_practice(ledger.pk).finding.sequence == 2

    def test_keeps_old_keys_to_verify_what_they_signed(self, ledger, settings, practitioner, patient, at):
        old = settings.LEDGER_SIGNING_KEY
        settings.LEDGER_SIGNING_KEY = f"{OTHER},{old}"
        make_issued(practitioner, patient, at, 4000)

        assert LedgerRecord.objects.get(sequence=4).key_id == "o1"
        assert verify_practice(ledger.pk).finding is None

        settings.LEDGER_SIGNING_KEY = OTHER
        assert verify_practice(ledger.pk).finding.sequence == 1
