"""Clinical record."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ClinicalConfig(AppConfig):
    name = "apps.clinical"
    label = "clinical"
    verbose_name = _("Clinical record")

    def ready(self) -> None:
        """Answer what the patient file asks."""
        from apps.clinical.selectors import timeline_of
        from apps.clinical.services import move_to_patient
        from apps.patients.hooks import patient_merge, patient_timeline

        patient_timeline.register(timeline_of)
        patient_merge.register(move_to_patient)
