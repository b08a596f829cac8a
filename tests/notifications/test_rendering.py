"""From a text with variables to a message."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apps.notifications.catalogue import MESSAGES
from apps.notifications.errors import BadText, MissingVariable, UnknownMessage
from apps.notifications.models import NotificationTemplate
from apps.notifications.rendering import check_text, preview, render

DST_NIGHT = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def text(body: str, **values) -> NotificationTemplate:
    given = {"key": "appointment.reminder", "channel": "sms", "language": "fr", "body": body, **values}
    return NotificationTemplate(**given)


class TestCheckText:
    @pytest.mark.parametrize(
        "body",
        [
            "{{ diagnosis }}",
            "{{ date|safe }}",
            "{{ practice.siret }}",
            "{{ date.__class__ }}",
            "{% include 'admin/base.html' %}",
            "{% load i18n %}",
            "{{ date",
            "date }}",
            "{# note #}",
            "{{ }}",
            "{{ Date }}",
        ],
    )
    def test_refuses_what_is_no_known_variable(self, body):
        with pytest.raises(BadText) as refusal:
            check_text("appointment.reminder", "sms", "", body)

        assert "body" in refusal.value.details

    def test_refuses_a_variable_of_another_message(self):
        with pytest.raises(BadText):
            check_text("patient.welcome", "email", "Bienvenue", "Facture {{ number }}")

    @pytest.mark.parametrize(
        ("channel", "subject"), [("email", ""), ("email", "a\nBcc: b@c.fr"), ("sms", "Rappel")]
    )
    def test_refuses_a_subject_that_does_not_fit_the_channel(self, channel, subject):
        with pytest.raises(BadText) as refusal:
            check_text("appointment.reminder", channel, subject, "Le {{ date }}")

        assert "subject" in refusal.value.details

    def test_refuses_an_unknown_message(self):
        with pytest.raises(UnknownMessage):
            check_text("no.such", "sms", "", "x")

    def test_accepts_variables_with_or_without_spaces(self):
        check_text("appointment.reminder", "sms", "", "{{date}} {{ time }} {{ practice_name }} 50 % {seul}")


@pytest.mark.django_db
class TestRender:
    def test_fills_values_once(self, practice):
        rendered = render(
            text("{{ date }} {{ time }}"), {"date": "{{ time }}", "time": "09:30"}, practice=practice
        )

        assert rendered.text == "{{ time }} 09:30"

    def test_reads_a_moment_on_the_practice_s_clock(self, practice):
        body = text("{{ date }} {{ time }}", simplify=False)

        before = render(body, {"starts_at": DST_NIGHT.isoformat()}, practice=practice).text
        after = render(body, {"starts_at": datetime(2026, 10, 25, 1, 30, tzinfo=UTC)}, practice=practice).text

        assert (before, after) == ("25 octobre 2026 02:30", "25 octobre 2026 02:30")

    def test_writes_dates_in_the_text_s_language(self, practice):
        body = text("{{ date }}", language="en", channel="email", subject="x")

        assert render(body, {"starts_at": DST_NIGHT}, practice=practice).text == "Sunday 25 October 2026"

    def test_counts_and_simplifies_text_messages(self, practice):
        body = "RDV à l’hôpital le {{ date }} à {{ time }}"
        values = {"date": "24/11", "time": "9h"}

        plain = render(text(body), values, practice=practice)
        kept = render(text(body, simplify=False), values, practice=practice)

        assert (plain.text, plain.encoding, plain.parts) == (
            "RDV à l'hopital le 24/11 à 9h",
            "GSM-7",
            1,
        )
        assert (kept.encoding, kept.parts) == ("UCS-2", 1)

    def test_leaves_no_holes_for_empty_values(self, practice):
        body = text(
            "Bonjour {{ first_name }},\n\n{{ link }}\n\nÀ {{ time }} {{ link }}", channel="email", subject="x"
        )

        rendered = render(body, {"date": "24/11", "time": "9h"}, practice=practice)

        assert rendered.text == "Bonjour,\n\nÀ 9h"

    def test_refuses_without_a_required_value(self, practice):
        with pytest.raises(MissingVariable):
            render(text("{{ date }}"), {"date": "24/11", "time": ""}, practice=practice)

    def test_escapes_values_in_html_and_makes_a_button_of_a_link(self, practice):
        body = text("Bonjour {{ first_name }}\n\n{{ link }}", channel="email", subject="x")
        values = {
            "date": "24/11",
            "time": "9h",
            "first_name": "<script>alert(1)</script>",
            "link": "https://example.org/r/1?a=1&b=2",
        }

        html = render(body, values, practice=practice).html

        assert "<script>alert" not in html
        assert "&lt;script&gt;alert(1)" in html
        assert 'href="https://example.org/r/1?a=1&amp;b=2"' in html
        assert "Cabinet des Lilas" in html

    def test_makes_no_button_of_another_scheme(self, practice):
        body = text("{{ link }}", channel="email", subject="x")
        values = {"date": "24/11", "time": "9h", "link": "javascript:alert(1)"}

        assert "href" not in render(body, values, practice=practice).html

    def test_hides_what_logs_in(self, practice):
        body = text("{{ link }}", key="account.password_reset", channel="email", subject="x")

        shown = render(body, {"link": "https://example.org/secret"}, practice=practice, hide_secrets=True)

        assert "secret" not in shown.text


@pytest.mark.django_db
class TestHouseTexts:
    def test_exist_in_both_languages_for_every_channel_of_a_message(self):
        for message in MESSAGES.values():
            channels = {wording.channel for wording in message.wordings}
            found = set(
                NotificationTemplate.objects.filter(key=message.key, practice=None).values_list(
                    "channel", "language"
                )
            )
            assert found == {(channel, language) for channel in channels for language in ("fr", "en")}

    def test_render_with_their_samples_and_name_no_care(self, practice):
        for template in NotificationTemplate.objects.filter(practice=None):
            rendered = preview(template, practice=practice)
            words = f"{rendered.subject} {rendered.text}".lower()
            assert "{{" not in words
            for health in (
                "extraction",
                "implant",
                "détartrage",
                "scaling",
                "caries",
                "carie",
                "couronne",
                "soin",
            ):
                assert health not in words

    def test_reminders_fit_two_parts_at_most(self, practice):
        for template in NotificationTemplate.objects.filter(channel="sms", practice=None):
            rendered = preview(template, practice=practice)
            assert (rendered.encoding, rendered.parts in {1, 2}) == ("GSM-7", True)
