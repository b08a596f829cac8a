"""Agreeing conventions with providers, and publishing their price lists."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.clock import day_in_calendar
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Insurer, Practice
from apps.insurance.models import Bareme, Claim, Convention
from apps.insurance.schemas import BAREME
from apps.insurance.services.guards import hold, own_insurer, own_row


class ConventionOverlap(DomainError):
    """Another convention with the provider is in force on some of these days."""

    code = "CONVENTION_OVERLAP"
    message = _("Another convention with this provider is in force in this period.")


class ConventionInUse(DomainError):
    """Claims of days that would fall outside were decided."""

    code = "CONVENTION_IN_USE"
    message = _("Claims were decided under this convention for days that would fall outside it.")


class BaremeVersionTaken(DomainError):
    """The convention has a price list of this name."""

    code = "BAREME_VERSION_TAKEN"
    message = _("There is already a price list with this version.")


class BaremeOverlap(DomainError):
    """Another price list is in force on some of these days."""

    code = "BAREME_OVERLAP"
    message = _("Another price list is in force in this period.")


class BaremeRetroactive(DomainError):
    """Claims of these days were priced by what is in force; `claims` says how many."""

    code = "BAREME_RETROACTIVE"
    message = _("Claims of this period have been priced already; prices never change backwards.")


@service("insurance.convention.agree")
def agree_convention(*, actor: Viewer, insurer: Insurer, practice: Practice, **fields: Any) -> Convention:
    """Write a convention between an insurer and a provider; refuses days another one covers (ConventionOverlap)."""
    convention = Convention(insurer=own_insurer(actor, insurer), practice=practice)
    set_fields(convention, fields)
    convention.save()
    return convention


@service("insurance.convention.change")
def change_convention(*, actor: Viewer, convention: Convention, at: datetime, **changes: Any) -> Convention:
    """Change days, liability or force of a convention; what was decided before stays as it was.

    Refuses days another one covers (ConventionOverlap), and days that leave decided claims outside (ConventionInUse).
    """
    own_row(actor, convention.insurer_id)
    convention = Convention.objects.select_for_update(no_key=True).get(pk=convention.pk)
    former = (convention.start_date, convention.end_date)
    set_fields(convention, changes)
    if (convention.start_date, convention.end_date) != former and outside(convention).exists():
        raise ConventionInUse
    convention.save()
    return convention


@service("insurance.bareme.publish")
def publish_bareme(
    *,
    actor: Viewer,
    convention: Convention,
    version: str,
    effective_from: date,
    effective_to: date | None = None,
    **content: Any,
) -> Bareme:
    """Publish a convention's prices from a day on; the list that was open until then ends there.

    Refuses content that does not fit the schema, a version in use (BaremeVersionTaken), days that another list covers
    (BaremeOverlap) and days of which claims have been priced (BaremeRetroactive).
    """
    own_row(actor, convention.insurer_id)
    day_in_calendar(effective_from)
    if effective_to is not None and effective_to <= effective_from:
        raise InvalidInput(effective_to=[_("The end must come after the start.")])
    check_content(content)
    Convention.objects.select_for_update(no_key=True).get(pk=convention.pk)
    # The full lock waits for claims under way that refer to one of these lists: what they priced counts below.
    known = list(Bareme.objects.filter(convention=convention).order_by("pk").select_for_update())
    if any(other.version == version for other in known):
        raise BaremeVersionTaken
    refuse_retroactive(convention, effective_from, effective_to)
    for other in known:
        if other.effective_to is None and other.effective_from < effective_from:
            other.effective_to = effective_from
            other.save(update_fields=["effective_to", "updated_at"])
    if any(share_days(other, effective_from, effective_to) for other in known):
        raise BaremeOverlap
    bareme = Bareme(
        insurer_id=convention.insurer_id,
        convention=convention,
        version=version,
        effective_from=effective_from,
        effective_to=effective_to,
        content=content,
        sha256=content_hash(content),
    )
    bareme.full_clean(validate_constraints=False, validate_unique=False)
    bareme.save()
    return bareme


def set_fields(convention: Convention, fields: dict[str, Any]) -> None:
    """Assign and check; writers of one pair of insurer and provider wait for each other."""
    for name, value in fields.items():
        setattr(convention, name, value)
    for day in (convention.start_date, convention.end_date):
        if day is not None:
            day_in_calendar(day)
    if convention.end_date is not None and convention.end_date < convention.start_date:
        raise InvalidInput(end_date=[_("The last day must not come before the first.")])
    convention.full_clean(validate_constraints=False, validate_unique=False)
    hold(f"convention:{convention.insurer_id}:{convention.practice_id}")
    others = Convention.objects.filter(
        Q(end_date__isnull=True) | Q(end_date__gte=convention.start_date),
        insurer=convention.insurer_id,
        practice=convention.practice_id,
        is_active=True,
    ).exclude(pk=convention.pk)
    if convention.end_date is not None:
        others = others.filter(start_date__lte=convention.end_date)
    if convention.is_active and others.exists():
        raise ConventionOverlap


def outside(convention: Convention) -> Any:
    """Return the decided claims under a convention whose day of care it no longer covers."""
    decided = Claim.objects.filter(bareme__convention=convention).holding()
    before = Q(service_date__lt=convention.start_date)
    after = Q(service_date__gt=convention.end_date) if convention.end_date is not None else Q()
    return decided.filter(before | after)


def check_content(content: dict[str, Any]) -> None:
    """Refuse content that does not fit the schema, each problem under the field it stands in."""
    problems: dict[str, list[str]] = {}
    for problem in BAREME.problems(content, "bareme"):
        path, _colon, sentence = problem.partition(": ")
        inner = path.removeprefix("bareme").removeprefix(".")
        field = inner.partition(".")[0].partition("[")[0] or next(iter(content), "acts")
        problems.setdefault(field, []).append(f"{inner}: {sentence}" if inner else sentence)
    if problems:
        raise InvalidInput(**problems)


def refuse_retroactive(convention: Convention, since: date, until: date | None) -> None:
    """Refuse days of which claims were priced by a list of this convention."""
    priced = Claim.objects.filter(bareme__convention=convention, service_date__gte=since).exclude(
        status=Claim.Status.PENDING
    )
    if until is not None:
        priced = priced.filter(service_date__lt=until)
    count = priced.count()
    if count:
        raise BaremeRetroactive(claims=count)


def share_days(bareme: Bareme, since: date, until: date | None) -> bool:
    """Whether a list is in force on some day of a half-open range."""
    return (bareme.effective_to is None or since < bareme.effective_to) and (
        until is None or bareme.effective_from < until
    )


def content_hash(content: dict[str, Any]) -> str:
    """Return the SHA-256 of the canonical form of a price list."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
