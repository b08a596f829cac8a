"""The agenda: appointments, what they occupy, absences and reminders."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AgendaConfig(AppConfig):
    name = "apps.agenda"
    label = "agenda"
    verbose_name = _("Agenda")

    def ready(self) -> None:
        """Answer what the patient file asks, listen to what becomes of reminders, show the day on the admin's first page."""
        from apps.agenda.cards import agenda_cards
        from apps.agenda.files import follow_reach, hidden_from, move_to_patient, timeline_of
        from apps.agenda.news import note_reminder
        from apps.core.admin.dashboard import index_cards
        from apps.notifications.causes import hidden_causes
        from apps.notifications.hooks import message_status
        from apps.patients.hooks import patient_merge, patient_reach_changed, patient_timeline

        patient_timeline.register(timeline_of)
        patient_merge.register(move_to_patient)
        patient_reach_changed.register(follow_reach)
        message_status.register(note_reminder)
        hidden_causes.register(hidden_from)
        index_cards.register(agenda_cards)
