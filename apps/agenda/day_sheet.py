"""The day on paper: one page per practitioner, for the front desk and the chair."""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone, translation

from apps.agenda.models import Appointment
from apps.agenda.selectors import appointments_of
from apps.core.clock import day_bounds
from apps.core.scope import Viewer
from apps.directory.models import Practice

FOLDER = settings.BASE_DIR / "templates" / "agenda"


@dataclass(frozen=True, slots=True)
class Column:
    """The day of one practitioner."""

    name: str
    visits: Sequence[Appointment]


def columns_of(*, viewer: Viewer, practice: Practice, day: date) -> list[Column]:
    """Return the visits that count on a local day, by practitioner, in order."""
    since, until = day_bounds(day, practice.zone)
    rows = appointments_of(viewer=viewer)
    visits = rows.filter(practice=practice).between(since, until).live()
    people: dict[Any, list[Appointment]] = {}
    for visit in visits:
        people.setdefault(visit.practitioner_id, []).append(visit)
    columns = [Column(rows[0].practitioner.display_name, rows) for rows in people.values()]
    return sorted(columns, key=lambda column: column.name)


def render_day_sheet(*, practice: Practice, day: date, columns: Sequence[Column], at: datetime) -> bytes:
    """Write the sheet as a PDF, on the practice's clock."""
    # Imported late: the library loads Pango, which most processes never need.
    from weasyprint import HTML

    css, fonts = stylesheet()
    with translation.override(settings.LANGUAGE_CODE), timezone.override(practice.zone):
        html = render_to_string(
            "agenda/day_sheet.html", {"practice": practice, "day": day, "columns": columns, "printed_at": at}
        )
    source = HTML(string=html, base_url=str(FOLDER), url_fetcher=refuse_fetch)
    return bytes(source.write_pdf(stylesheets=[css], font_config=fonts, pdf_variant="pdf/ua-1"))


@cache
def stylesheet() -> Any:
    """Parse the stylesheet once per process."""
    from weasyprint import CSS
    from weasyprint.text.fonts import FontConfiguration

    fonts = FontConfiguration()
    return CSS(filename=FOLDER / "day_sheet.css", font_config=fonts), fonts


# The library's own clean-up needs modules that are gone once the interpreter is shutting down.
atexit.register(stylesheet.cache_clear)


def refuse_fetch(url: str, *args: Any, **kwargs: Any) -> Any:
    """Fetch nothing: text typed by people must not make the server open files or addresses."""
    raise ValueError("the day sheet refers to nothing")
