"""What the admin's first page shows of the agenda: the visits of the day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.agenda.models import Appointment
from apps.core.admin.dashboard import Card, CardRow, admin_page
from apps.core.clock import day_bounds
from apps.core.scope import Viewer

SHOWN = 8
STILL_TO_COME = ("requested", "booked", "arrived", "in_chair")


def agenda_cards(viewer: Viewer, at: datetime) -> Sequence[Card]:
    """Return today's visits on the practice's clock, the next ones first."""
    practice = getattr(viewer, "practice", None)
    if practice is None or not viewer.has_perm("agenda.view_appointment"):
        return []
    since, until = day_bounds(at.astimezone(practice.zone).date(), practice.zone)
    today = Appointment.objects.visible_to(viewer).filter(starts_at__gte=since, starts_at__lt=until).live()
    counted = today.aggregate(all=Count("pk"), waiting=Count("pk", filter=Q(status="arrived")))
    coming = (
        today.filter(status__in=STILL_TO_COME, ends_at__gt=at)
        .with_people()
        .order_by("starts_at", "pk")[:SHOWN]
    )
    rows = [
        CardRow(
            lead=timezone.localtime(visit.starts_at, practice.zone).strftime("%H:%M"),
            text=visit.patient.display_name,
            url=admin_page("agenda_appointment_change", visit.pk),
            note=f"{visit.practitioner.display_name} · {visit.get_status_display()}",
        )
        for visit in coming
    ]
    address = admin_page("agenda_appointment_changelist") + "?day=today"
    return [
        Card(
            _("Visits today"),
            str(counted["all"]),
            "calendar_month",
            address,
            rows,
            _("No more visits today."),
            10,
        ),
        Card(
            _("In the waiting room"),
            str(counted["waiting"]),
            "airline_seat_recline_normal",
            address + "&status__exact=arrived",
            (),
            _("Patients who have arrived and are not in the chair yet."),
            20,
        ),
    ]
