"""Writes of the catalogue."""

from __future__ import annotations

from typing import Final

from apps.catalog.models import Act, FavouriteAct, PracticeFee, VatCode
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice, Practitioner

VAT_CODES: Final = (
    {
        "code": "EXEMPT",
        "label_fr": "Soins exonérés",
        "label_en": "Exempt care",
        "rate_bp": 0,
        "mention_fr": "Exonération de TVA, art. 261-4-1° du CGI",
        "mention_en": "VAT exempt, art. 261-4-1° of the French tax code",
    },
    {
        "code": "STD20",
        "label_fr": "Taux normal 20 %",
        "label_en": "Standard rate 20 %",
        "rate_bp": 2000,
        "mention_fr": "",
        "mention_en": "",
    },
    {
        "code": "FRANCHISE",
        "label_fr": "Franchise en base",
        "label_en": "Below the small-business threshold",
        "rate_bp": 0,
        "mention_fr": "TVA non applicable, art. 293 B du CGI",
        "mention_en": "VAT not applicable, art. 293 B of the French tax code",
    },
    {
        "code": "BY_INDICATION",
        "label_fr": "Selon la finalité thérapeutique",
        "label_en": "Depends on the therapeutic purpose",
        "rate_bp": 0,
        "mention_fr": "",
        "mention_en": "",
        "needs_reason": True,
    },
)


@service("catalog.vat_code.ensure")
def ensure_vat_codes(*, actor: Viewer) -> dict[str, VatCode]:
    """Create the VAT codes the product knows and return all of them by code; existing ones stay as they are."""
    known = {row.code: row for row in VatCode.objects.all()}
    missing = [VatCode(**values) for values in VAT_CODES if values["code"] not in known]
    return known | {row.code: row for row in VatCode.objects.bulk_create(missing)}


@service("catalog.practice_fee.set")
def set_practice_fee(*, actor: Viewer, practice: Practice, act: Act, price: int | None) -> PracticeFee | None:
    """Let `practice` charge `price` (minor units of its currency) for `act`; None goes back to the tariff.

    Refuses a price that is negative or beyond a million (Django's ValidationError).
    """
    # Two people may set the same fee at once: the practice's row decides who is first.
    Practice.objects.select_for_update(of=("self",)).get(pk=practice.pk)
    fee = PracticeFee.objects.filter(practice=practice, act=act).first()
    if price is None:
        if fee is not None:
            fee.delete()
        return None
    fee = fee or PracticeFee(practice=practice, act=act)
    fee.price = price
    fee.full_clean()
    fee.save()
    return fee


@service("catalog.favourite.set")
def set_favourite(
    *,
    actor: Viewer,
    practice: Practice,
    act: Act,
    practitioner: Practitioner | None = None,
    favourite: bool = True,
) -> FavouriteAct | None:
    """Keep an act at hand for a practitioner, or for the whole practice without one; or no longer. Twice is once."""
    # Two people may tick the same act at once: the practice's row decides who is first.
    Practice.objects.select_for_update(of=("self",)).get(pk=practice.pk)
    row = FavouriteAct.objects.filter(practice=practice, act=act, practitioner=practitioner).first()
    if not favourite:
        if row is not None:
            row.delete()
        return None
    return row or FavouriteAct.objects.create(practice=practice, act=act, practitioner=practitioner)
