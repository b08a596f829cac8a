"""Patients."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PatientsConfig(AppConfig):
    name = "apps.patients"
    label = "patients"
    verbose_name = _("Patients")

    def ready(self) -> None:
        """Say whose messages are not for everybody, and record what is read under an emergency access."""
        from apps.core.access import rows_shown
        from apps.notifications.causes import hidden_causes
        from apps.patients.selectors import hidden_from
        from apps.patients.services.emergencies import record_emergency_reads

        hidden_causes.register(hidden_from)
        rows_shown.register(record_emergency_reads)
