"""The quote's link by email and SMS, over HTTP; the training mode and duplicates over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.billing.links import link_of
from apps.billing.models import TrainingSwitch
from apps.billing.services import QuoteLine, refuse_quote, send_quote, switch_training
from apps.billing.services.deciding import Signature
from apps.billing.services.sending import QuoteNotOpen
from apps.notifications.dispatch import dispatch_due
from apps.notifications.models import NotificationJob
from tests.billing.making import MAKER, make_issued, make_patient
from tests.billing.quoting import make_issued_quote, make_quote

V1 = "/api/v1"


@pytest.fixture
def person(practice, acts):
    """Somebody with both addresses."""
    return make_patient(practice, 9, phone="+33612345678")


@pytest.fixture
def quote(practitioner, person, acts):
    """Their issued quote."""
    return make_issued_quote(practitioner, person, timezone.now(), QuoteLine(act=acts["HBJD001"]))


class TestSend:
    @pytest.mark.parametrize("channel", ["email", "sms"])
    def test_queues_a_message_with_the_link_and_no_care(self, api, ana, quote, channel):
        answer = api(ana).post(f"{V1}/quotes/{quote.pk}/send", {"channel": channel})

        assert answer.status_code == 201, answer.json()
        job = NotificationJob.objects.get()
        assert answer.json() == {
            "job": str(job.pk), "channel": channel, "recipient": job.recipient_masked, "status": "pending"
        }  # fmt: skip
        assert (job.template_key, job.channel) == ("billing.quote", channel)
        assert job.context["link"] == link_of(quote)
        assert "Détartrage" not in str(job.context)

    def test_is_one_message_within_a_minute(self, api, ana, quote, at):
        for _ in range(2):
            send_quote(actor=MAKER, quote=quote, channel="email", at=timezone.now().replace(second=1))

        assert NotificationJob.objects.count() == 1

    def test_says_number_validity_and_link(self, quote, settings):
        from apps.notifications.rendering import render
        from apps.notifications.texts import choose_text

        job = send_quote(actor=MAKER, quote=quote, channel="email", at=timezone.now())

        text = choose_text(practice_id=quote.practice_id, key="billing.quote", channel="email", language="fr")
        said = render(text, job.context, practice=quote.practice)
        assert quote.number in said.subject
        assert link_of(quote) in said.text

    def test_refuses_what_is_not_open(self, api, ana, quote, practitioner, person, acts, practice):
        refuse_quote(actor=MAKER, quote=quote, signature=Signature(signer_name=""), at=timezone.now())
        draft = make_quote(practitioner, person, timezone.now(), QuoteLine(act=acts["HBJD001"]))
        switch_training(actor=MAKER, practice=practice, turned_on=True, reason="Essai", at=timezone.now())
        specimen = make_issued_quote(practitioner, person, timezone.now(), QuoteLine(act=acts["HBJD001"]))

        for row in (quote, draft, specimen):
            answer = api(ana).post(f"{V1}/quotes/{row.pk}/send", {})
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "QUOTE_NOT_OPEN")
        assert api(ana).get(f"{V1}/quotes/{specimen.pk}").json()["acceptance_url"] == ""
        assert not NotificationJob.objects.exists()

    def test_refuses_after_the_validity(self, quote):
        with pytest.raises(QuoteNotOpen):
            send_quote(actor=MAKER, quote=quote, channel="email", at=timezone.now() + timedelta(days=400))

    def test_refuses_without_an_address_or_against_the_patient_s_wish(
        self, api, ana, practice, practitioner, acts
    ):
        mute = make_patient(practice, 10, email="")
        shy = make_patient(practice, 11, do_not_contact=True)
        for row, status, code in ((mute, 400, "VALIDATION_ERROR"), (shy, 409, "CONTACT_UNWANTED")):
            quote = make_issued_quote(practitioner, row, timezone.now(), QuoteLine(act=acts["HBJD001"]))
            answer = api(ana).post(f"{V1}/quotes/{quote.pk}/send", {"channel": "email"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert not NotificationJob.objects.exists()

    def test_belongs_to_the_practice(self, api, cleo, ben, quote):
        assert api(cleo).post(f"{V1}/quotes/{quote.pk}/send", {}).status_code == 404
        assert api(ben).post(f"{V1}/quotes/{quote.pk}/send", {}).status_code == 403
        assert api(ben).post(f"{V1}/quotes/{quote.pk}/send", {"channel": "fax"}).status_code in {400, 403}

    def test_leaves(self, quote, settings):
        send_quote(actor=MAKER, quote=quote, channel="email", at=timezone.now())

        dispatch_due(clock=timezone.now)

        assert NotificationJob.objects.get().state == "done"


class TestTrainingOverHttp:
    def test_is_switched_and_listed(self, api, dora):
        on = api(dora).post(f"{V1}/training", {"turned_on": True, "reason": "Stagiaire"})
        off = api(dora).post(f"{V1}/training", {"turned_on": False, "reason": "Fini"})

        assert (on.status_code, off.status_code) == (201, 201)
        listed = api(dora).get(f"{V1}/training").json()["results"]
        assert [row["turned_on"] for row in listed] == [False, True]

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"turned_on": False, "reason": "x"}, 409, "TRAINING_MODE_UNCHANGED"),
            ({"turned_on": True, "reason": " "}, 400, "VALIDATION_ERROR"),
            ({"turned_on": True}, 400, "VALIDATION_ERROR"),
            ({"turned_on": "perhaps", "reason": "x"}, 400, "VALIDATION_ERROR"),
        ],
    )
    def test_refuses_and_writes_nothing(self, api, dora, body, status, code):
        answer = api(dora).post(f"{V1}/training", body)

        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert not TrainingSwitch.objects.exists()

    def test_is_each_practice_s_own(self, api, dora, carl, practice):
        api(dora).post(f"{V1}/training", {"turned_on": True, "reason": "Stagiaire"})

        assert TrainingSwitch.objects.get().practice == practice


class TestDuplicatesOverHttp:
    def test_hands_one_out_and_counts(self, api, ben, cleo, practitioner, person, at, quote):
        invoice = make_issued(practitioner, person, at, 5000)
        for where in (f"{V1}/invoices/{invoice.pk}/duplicate", f"{V1}/quotes/{quote.pk}/duplicate"):
            answer = api(ben).post(where, HTTP_ACCEPT="application/pdf")
            assert answer.content.startswith(b"%PDF-")
            assert "duplicata-1.pdf" in answer["Content-Disposition"]
            assert api(cleo).post(where).status_code == 404

    def test_refuses_for_a_draft(self, api, ana, practitioner, person, acts, at):
        draft = make_quote(practitioner, person, at, QuoteLine(act=acts["HBJD001"]))

        answer = api(ana).post(f"{V1}/quotes/{draft.pk}/duplicate")

        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "QUOTE_NOT_ISSUED")
