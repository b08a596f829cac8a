"""What an act costs, where and when."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from apps.catalog.models import Tariff
from apps.catalog.selectors import NoTariff, price_of
from apps.catalog.services import set_practice_fee

DAY = date(2026, 11, 23)


class TestPriceOf:
    def test_is_the_tariff_of_the_day(self, catalogue, practice):
        found = price_of(act=catalogue["HBLD634"], practice=practice, on=DAY)
        assert (found.price, found.brss, found.rate_bp, found.cap) == (51500, 12000, 6000, 51500)
        assert (found.vat_code, found.vat_rate_bp, found.currency) == ("EXEMPT", 0, "EUR")

    def test_is_the_practice_s_fee_where_there_is_one(self, catalogue, practice, other_practice, dora):
        act = catalogue["HBLD634"]
        set_practice_fee(actor=dora, practice=practice, act=act, price=48000)
        assert price_of(act=act, practice=practice, on=DAY).price == 48000
        assert price_of(act=act, practice=practice, on=DAY).brss == 12000
        assert price_of(act=act, practice=other_practice, on=DAY).price == 51500

    def test_is_refused_before_the_first_tariff(self, catalogue, practice):
        with pytest.raises(NoTariff):
            price_of(act=catalogue["C"], practice=practice, on=date(2025, 12, 31))

    def test_does_not_read_euro_prices_as_dinars(self, catalogue, practice, dora, acting):
        with acting(dora):
            practice.currency = "TND"
            practice.save(update_fields=["currency"])
        with pytest.raises(NoTariff):
            price_of(act=catalogue["C"], practice=practice, on=DAY)
        set_practice_fee(actor=dora, practice=practice, act=catalogue["C"], price=60000)
        found = price_of(act=catalogue["C"], practice=practice, on=DAY)
        assert (found.price, found.brss, found.currency) == (60000, 0, "TND")

    def test_the_last_day_of_a_tariff_is_the_one_before_its_end(self, catalogue, practice, dora, acting):
        act = catalogue["C"]
        with acting(dora):
            Tariff.objects.filter(act=act).update(valid_to=date(2027, 1, 1))
            Tariff.objects.create(act=act, valid_from=date(2027, 1, 1), price=2600, basket="opposable")
        assert price_of(act=act, practice=practice, on=date(2026, 12, 31)).price == 2300
        assert price_of(act=act, practice=practice, on=date(2027, 1, 1)).price == 2600

    def test_two_tariffs_of_an_act_never_overlap(self, catalogue, dora, acting):
        with (
            acting(dora),
            pytest.raises(IntegrityError, match="catalog_tariff_no_overlap"),
            transaction.atomic(),
        ):
            Tariff.objects.create(
                act=catalogue["C"], valid_from=date(2026, 6, 1), price=1, basket="opposable"
            )
