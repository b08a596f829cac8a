"""Quotes that billing's tests are about."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from apps.billing.models import Quote
from apps.billing.services import QuoteLine, create_quote, issue_quote
from apps.catalog.models import Act, Tariff, VatCode
from apps.core.context import bind
from tests.billing.making import MAKER

# code, label, teeth, price, base, cap, basket
CROWNS = [
    ("HBLD734", "Couronne céramo-métallique, molaire", "permanent:6-8", 75000, 12000, None, "libre"),
    ("HBLD158", "Couronne céramique, molaire", "permanent:5-8", 55000, 12000, 55000, "rac_modere"),
    ("HBLD073", "Couronne zircone monolithique, molaire", "permanent:6-8", 44000, 12000, 44000, "rac0"),
    ("HBLD680", "Couronne céramique, incisive", "permanent:1-4", 50000, 12000, 50000, "rac0"),
    ("HBLD490", "Couronne provisoire", "permanent", 6000, 1000, 6000, "rac0"),
]


def make_crowns() -> dict[str, Act]:
    """Create crowns of three baskets; only some go on a molar."""
    with bind(actor_id=MAKER.id, actor_role=MAKER.role, action="test.make"):
        exempt = VatCode.objects.get(code="EXEMPT")
        acts = {}
        for code, label, rule, price, brss, cap, basket in CROWNS:
            act = Act.objects.create(
                code=code,
                code_system="CCAM",
                label_fr=label,
                label_en=f"{label} (en)",
                category="prosthetics_fixed",
                family="crown_temporary" if code == "HBLD490" else "crown",
                requires_tooth="yes",
                tooth_rule=rule,
                duration_minutes=60,
                vat_code=exempt,
            )
            Tariff.objects.create(
                act=act,
                valid_from=date(2020, 1, 1),
                price=price,
                brss=brss,
                rate_bp=6000,
                cap=cap,
                basket=basket,
            )
            acts[code] = act
    return acts


def make_quote(practitioner: Any, patient: Any, at: datetime, *lines: QuoteLine, **fields: Any) -> Quote:
    """Write a draft."""
    house = {"practice": patient.practice, "patient": patient, "practitioner": practitioner}
    fields.setdefault("manufacture", "france")
    return create_quote(actor=MAKER, lines=lines, at=at, **house, **fields)


def make_issued_quote(
    practitioner: Any, patient: Any, at: datetime, *lines: QuoteLine, **fields: Any
) -> Quote:
    """Write and issue a quote."""
    return issue_quote(actor=MAKER, quote=make_quote(practitioner, patient, at, *lines, **fields), at=at)
