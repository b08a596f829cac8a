"""Whatever is billed, lines, totals and shares agree to the cent."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.billing.models import Invoice, InvoiceItem
from apps.billing.services.credits import split_credit
from apps.billing.services.drafts import add_up
from apps.billing.services.lines import price_line
from apps.billing.services.shares import ShareInput, build_shares
from apps.core.models import new_id
from apps.directory.models import Insurer
from tests.figures import FULL, figure

amounts = st.integers(0, 100_000_000)
RUNS = 10_000 if FULL else 1000


@st.composite
def lines(draw):
    quantity, unit_price = draw(st.integers(1, 1000)), draw(amounts)
    return InvoiceItem(
        quantity=quantity,
        unit_price=unit_price,
        discount=draw(st.integers(0, quantity * unit_price)),
        vat_rate_bp=draw(st.sampled_from([0, 550, 1000, 2000])),
    )


def vat_by_hand(inclusive, rate_bp):
    """Half up in the decimal module, as a second opinion."""
    from decimal import ROUND_HALF_UP, Decimal

    net = (Decimal(inclusive) / (1 + Decimal(rate_bp) / 10_000)).quantize(Decimal(1), ROUND_HALF_UP)
    return int(net), inclusive - int(net)


@pytest.mark.figures
class TestAmounts:
    def test_that_many_runs_are_made(self):
        figure("billing_sums_hold_in_hypothesis_runs", 2 * RUNS, "10,000 each in full")

    @settings(max_examples=RUNS, deadline=None)
    @given(items=st.lists(lines(), max_size=30), cuts=st.lists(st.integers(0, 10_000), max_size=4))
    def test_lines_total_and_shares_are_one_sum(self, items, cuts):
        invoice = Invoice(practice_id=new_id(), currency="EUR")
        for item in items:
            price_line(item)
        add_up(invoice, items)
        left, asked = invoice.total_amount, []
        for cut in cuts:
            part = left * cut // 10_000
            left -= part
            insurer = Insurer(name="x", kind="complementary")
            asked.append(ShareInput(payer="insurer", insurer=insurer, amount=part))
        shares = build_shares(invoice, asked)

        assert sum(item.quantity * item.unit_price - item.discount for item in items) == invoice.total_amount
        assert invoice.net_amount + invoice.vat_amount == invoice.total_amount
        assert sum(share.amount for share in shares) == invoice.total_amount
        assert all(share.amount >= 0 for share in shares)
        for item in items:
            assert (item.net_amount, item.vat_amount) == vat_by_hand(item.total_amount, item.vat_rate_bp)

    @settings(max_examples=RUNS, deadline=None)
    @given(data=st.data(), owed=st.lists(amounts, min_size=1, max_size=5))
    def test_a_credit_never_takes_more_from_a_share_than_is_left(self, data, owed):
        shares = [
            SimpleNamespace(
                amount=amount,
                credited=(credited := data.draw(st.integers(0, amount))),
                moved=data.draw(st.integers(0, amount - credited)),
            )
            for amount in owed
        ]
        left = sum(share.amount - share.moved - share.credited for share in shares)
        if not left:
            return
        total = data.draw(st.integers(1, left))

        parts = split_credit(Invoice(total_amount=total), shares)

        assert sum(parts) == total
        assert all(
            0 <= part <= share.amount - share.moved - share.credited
            for part, share in zip(parts, shares, strict=True)
        )
