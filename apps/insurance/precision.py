"""How often each rule is right, month by month, by what reviewers said of its flags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncMonth

from apps.core.money import round_half_up
from apps.core.scope import Viewer
from apps.insurance.fraud.catalogue import BY_CODE, RULES
from apps.insurance.models import ClaimFlag

Outcome = ClaimFlag.Outcome


@dataclass(frozen=True, slots=True)
class Precision:
    """One rule in one month: flags raised, those a person looked at, and the share that was right."""

    rule: str
    family: str
    month: date
    raised: int
    on_trial: int
    confirmed: int
    false_positive: int

    @property
    def reviewed(self) -> int:
        """Flags with an outcome."""
        return self.confirmed + self.false_positive

    @property
    def precision_bp(self) -> int | None:
        """Confirmed of reviewed, in basis points; nothing before the first review."""
        return round_half_up(10_000 * self.confirmed, self.reviewed) if self.reviewed else None


def zone_of(caller: Any) -> ZoneInfo:
    """Return the clock months are counted by: the insurer's, or the house's for the platform."""
    return caller.insurer.zone if caller.insurer is not None else ZoneInfo(settings.TIME_ZONE)


def flags_between(*, viewer: Viewer, first: date, last: date, zone: ZoneInfo) -> QuerySet[ClaimFlag]:
    """Return the flags raised from `first` to `last`, both inclusive, by the clock of a zone."""
    since = datetime.combine(first, time(), zone)
    until = datetime.combine(last + timedelta(days=1), time(), zone)
    rows: QuerySet[ClaimFlag] = ClaimFlag.objects.visible_to(viewer)
    return rows.filter(raised_at__gte=since, raised_at__lt=until)


def precision_by_month(
    *, viewer: Viewer, first: date, last: date, zone: ZoneInfo, rule: str = ""
) -> list[Precision]:
    """Return a row per month and rule that raised anything, the latest month first, rules as the catalogue has them."""
    rows = flags_between(viewer=viewer, first=first, last=last, zone=zone)
    if rule:
        rows = rows.filter(rule=rule)
    counted = (
        rows.annotate(month=TruncMonth("raised_at", tzinfo=zone))
        .values("rule", "family", "month")
        .annotate(
            raised=Count("pk"),
            on_trial=Count("pk", filter=Q(shadow=True)),
            confirmed=Count("pk", filter=Q(outcome=Outcome.CONFIRMED)),
            false_positive=Count("pk", filter=Q(outcome=Outcome.FALSE_POSITIVE)),
        )
    )
    found = [Precision(**{**row, "month": row["month"].astimezone(zone).date()}) for row in counted]
    return sorted(found, key=lambda row: (-row.month.toordinal(), _rank(row.rule), row.rule))


def totals_by_rule(rows: Iterable[Precision]) -> list[Precision]:
    """Add the months of each rule up, in the order of the catalogue."""
    summed: dict[str, list[Precision]] = defaultdict(list)
    for row in rows:
        summed[row.rule].append(row)
    return [_sum(summed[rule]) for rule in sorted(summed, key=lambda rule: (_rank(rule), rule))]


def _sum(rows: list[Precision]) -> Precision:
    counts: dict[str, Any] = {
        name: sum(getattr(row, name) for row in rows)
        for name in ("raised", "on_trial", "confirmed", "false_positive")
    }
    return Precision(rule=rows[0].rule, family=rows[0].family, month=min(row.month for row in rows), **counts)


def _rank(rule: str) -> int:
    """Return a rule's place in the catalogue; one that is there no more comes last."""
    return RULES.index(BY_CODE[rule]) if rule in BY_CODE else len(RULES)
