"""The catalogue in the admin."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from apps.catalog.models import PracticeFee, Tariff


@pytest.fixture
def browser(acting):
    """Return a client with an admin session of the user."""

    def logged_in(user) -> Client:
        client = Client()
        with acting(user):
            client.force_login(user)
        return client

    return logged_in


class TestFees:
    def test_are_set_changed_and_taken_back_through_the_service(self, browser, dora, practice, catalogue):
        client, act = browser(dora), catalogue["HBLD734"]
        answer = client.post(
            reverse("admin:catalog_practicefee_add"), {"act": str(act.pk), "price": "700,00"}
        )
        assert answer.status_code == 302, answer.context["errors"]
        fee = PracticeFee.objects.get()
        assert (fee.practice_id, fee.act_id, fee.price) == (practice.pk, act.pk, 70000)
        client.post(reverse("admin:catalog_practicefee_change", args=[fee.pk]), {"price": "690 €"})
        fee.refresh_from_db()
        assert fee.price == 69000
        client.post(reverse("admin:catalog_practicefee_delete", args=[fee.pk]), {"post": "yes"})
        assert not PracticeFee.objects.exists()

    def test_refuse_a_price_below_nothing(self, browser, dora, catalogue):
        body = {"act": str(catalogue["C"].pk), "price": "-1"}
        answer = browser(dora).post(reverse("admin:catalog_practicefee_add"), body)
        assert answer.status_code == 200
        assert not PracticeFee.objects.exists()


class TestActs:
    def test_are_found_by_words_and_shown_with_prices(self, browser, ana, catalogue):
        page = browser(ana).get(reverse("admin:catalog_act_changelist"), {"q": "detartrage"})
        assert page.context["cl"].result_list[0].code == "HBJD001"
        assert "28,92" in page.content.decode()

    def test_show_their_tariffs(self, browser, ana, catalogue):
        page = browser(ana).get(reverse("admin:catalog_act_change", args=[catalogue["HBLD634"].pk]))
        assert page.status_code == 200
        assert "515,00" in page.content.decode()


class TestOfficialTariffs:
    ADDRESS = "/admin/catalog/tariff/official/"

    def post(self, browser, who, text, **form):
        from django.core.files.uploadedfile import SimpleUploadedFile

        return browser(who).post(
            self.ADDRESS, {"file": SimpleUploadedFile("ccam.csv", text.encode()), **form}
        )

    def test_shows_what_a_file_would_do_then_writes_it(self, browser, root, catalogue):
        text = "code;tarif;date_debut\nHBJD001;45,20;2026-07-01\nZZZZ001;1;2026-07-01\n"
        assert browser(root).get(self.ADDRESS).status_code == 200

        page = self.post(browser, root, text).content.decode()
        assert "45,20" in page
        assert "ZZZZ001" in page
        assert Tariff.objects.filter(act__code="HBJD001").count() == 1
        self.post(browser, root, text, write="on")
        assert Tariff.objects.filter(act__code="HBJD001").count() == 2

    def test_says_what_is_wrong_with_a_file(self, browser, root, catalogue):
        assert "date_debut" in self.post(browser, root, "code;tarif\n").content.decode()

    def test_is_the_platform_s(self, browser, dora, catalogue):
        assert browser(dora).get(self.ADDRESS).status_code == 403
        assert self.post(browser, dora, "code;tarif;date_debut\n").status_code == 403
