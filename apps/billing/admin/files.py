"""Links to a document's file and to a duplicate of it."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.translation import gettext as _


def file_links(original: str, duplicate: str, name: str) -> str:
    """Return the link to the original, and a button that prints a duplicate with the page's own form."""
    return format_html(
        '<a href="{}">{}</a> · <button type="submit" formaction="{}" formmethod="post" formnovalidate'
        ' class="underline cursor-pointer">{}</button>',
        original,
        name,
        duplicate,
        _("Print a duplicate"),
    )
