"""Data protection."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ComplianceConfig(AppConfig):
    name = "apps.compliance"
    label = "compliance"
    verbose_name = _("Data protection")

    def ready(self) -> None:
        """Answer what the patient file asks."""
        from apps.compliance.selectors import timeline_of
        from apps.compliance.services import move_to_patient, open_erasure
        from apps.patients.hooks import erasure_requested, patient_merge, patient_timeline

        erasure_requested.register(open_erasure)
        patient_merge.register(move_to_patient)
        patient_timeline.register(timeline_of)
