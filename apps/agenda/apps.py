"""The agenda: appointments, what they occupy, absences and reminders."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AgendaConfig(AppConfig):
    name = "apps.agenda"
    label = "agenda"
    verbose_name = _("Agenda")

    def ready(self) -> None:
        """Listen to what becomes of reminders."""
        from apps.agenda.news import note_reminder
        from apps.notifications.hooks import message_status

        message_status.register(note_reminder)
