"""From a text with variables to a message.

The syntax is `{{ name }}` and nothing else: no tags, no filters, no attributes, so a text written by a
practice can neither read what it was not given nor do anything. An unknown variable is refused when the text
is saved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from apps.directory.models import Practice
from apps.notifications.catalogue import MESSAGES, Message
from apps.notifications.errors import BadText, MissingVariable, UnknownMessage
from apps.notifications.models import Channel, NotificationTemplate
from apps.notifications.sms_text import measure, simplify

_VARIABLE: Final = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}")
_FOREIGN: Final = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")
_LINK: Final = re.compile(r"https?://[^\s<>\"']+")
HIDDEN: Final = "•••"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message ready to leave."""

    subject: str
    text: str
    html: str = ""
    encoding: str = ""
    parts: int | None = None


def message_of(key: str) -> Message:
    """Return the message of a key; raise `UnknownMessage`."""
    try:
        return MESSAGES[key]
    except KeyError:
        raise UnknownMessage(template=[_("There is no such message.")]) from None


def check_text(key: str, channel: str, subject: str, body: str) -> None:
    """Raise `BadText` with a sentence per field when a text could not be rendered or sent."""
    allowed = message_of(key).variables
    found: dict[str, list[Any]] = {}
    for name, text in (("subject", subject), ("body", body)):
        if problems := list(_problems(text, allowed)):
            found[name] = problems
    if channel == Channel.EMAIL and (not subject.strip() or "\n" in subject or "\r" in subject):
        found.setdefault("subject", []).append(_("An email needs a subject of one line."))
    if channel == Channel.SMS and subject:
        found.setdefault("subject", []).append(_("A text message has no subject."))
    if found:
        raise BadText(**found)


def _problems(text: str, allowed: tuple[str, ...]) -> Iterator[Any]:
    unknown = sorted({name for name in _VARIABLE.findall(text) if name not in allowed})
    for name in unknown:
        yield _("Unknown variable: %(name)s. Known ones: %(known)s.") % {
            "name": name,
            "known": ", ".join(allowed),
        }
    if _FOREIGN.search(_VARIABLE.sub("", text)):
        yield _("Write variables as {{ name }}; nothing else may stand in braces.")


def check_context(message: Message, context: Mapping[str, Any]) -> None:
    """Raise `MissingVariable` when a required value is not there."""
    given = {name for name, value in context.items() if value not in (None, "")}
    if "starts_at" in given:
        given |= {"date", "time"}
    if missing := sorted(set(message.required) - given):
        raise MissingVariable(variables=missing)


def values_of(
    message: Message, context: Mapping[str, Any], *, practice: Practice | None, channel: str, language: str
) -> dict[str, str]:
    """Return every variable of a message as the text shows it; optional ones not given are empty."""
    check_context(message, context)
    values = dict.fromkeys(message.variables, "")
    if practice is not None:
        values["practice_name"] = practice.name
        phone = practice.phone.as_national if practice.phone else ""
        # A number stays on one line where lines break by themselves.
        values["practice_phone"] = phone.replace(" ", "\u00a0") if channel == Channel.EMAIL else phone
    moment = _moment(context.get("starts_at"))
    if moment is not None:
        local = moment.astimezone(practice.zone if practice else ZoneInfo("Europe/Paris"))
        with override(language):
            values["date"] = date_format(local, "l j F Y" if channel == Channel.EMAIL else "j F Y")
        values["time"] = local.strftime("%H:%M")
    values |= {name: str(value) for name, value in context.items() if name in values and value is not None}
    return values


def render(
    template: NotificationTemplate,
    context: Mapping[str, Any],
    *,
    practice: Practice | None,
    hide_secrets: bool = False,
) -> Rendered:
    """Fill a text; raise `MissingVariable`. With `hide_secrets`, links and codes that log in are left out."""
    message = message_of(template.key)
    values = values_of(
        message, context, practice=practice, channel=template.channel, language=template.language
    )
    if hide_secrets and message.secret:
        values |= dict.fromkeys(message.required, HIDDEN)
    body = _tidy(_fill(template.body, values))
    if template.channel == Channel.SMS:
        text = simplify(body) if template.simplify else body
        length = measure(text)
        return Rendered("", text, encoding=length.encoding, parts=length.parts)
    subject = " ".join(_fill(template.subject, values).split())
    html = _html(body, subject, message, practice=practice, language=template.language)
    return Rendered(subject, body, html=html)


def preview(template: NotificationTemplate, *, practice: Practice | None) -> Rendered:
    """Fill a text with sample values; the text of a message that is no more is shown as it stands."""
    if template.key not in MESSAGES:
        return Rendered(template.subject, template.body)
    return render(template, message_of(template.key).sample, practice=practice)


def _fill(text: str, values: Mapping[str, str]) -> str:
    # One pass: a value that itself reads like a variable stays what it is.
    return _VARIABLE.sub(lambda match: values.get(match.group(1), ""), text)


def _tidy(text: str) -> str:
    """Drop what empty optional values leave behind: spaces at line ends, paragraphs without words."""
    lines = [" ".join(line.split(" ")).rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    collapsed = re.sub(r"[ ]{2,}", " ", "\n".join(lines))
    return re.sub(r"\n{3,}", "\n\n", re.sub(r" +([,.])", r"\1", collapsed)).strip()


def _html(body: str, subject: str, message: Message, *, practice: Practice | None, language: str) -> str:
    """Lay the same words out in HTML; a paragraph that is one link becomes a button."""
    paragraphs = []
    for block in body.split("\n\n"):
        text = block.strip()
        link = _LINK.fullmatch(text)
        paragraphs.append({"link": text} if link else {"lines": text.split("\n")})
    with override(language):
        return render_to_string(
            "notifications/email.html",
            {
                "subject": subject,
                "sender": practice.name if practice else "OSdentaire",
                "practice": practice,
                "paragraphs": paragraphs,
                "button": str(message.button) or str(_("Open")),
                "language": language,
            },
        )


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        value = parse_datetime(value)
    return value if isinstance(value, datetime) and value.tzinfo is not None else None
