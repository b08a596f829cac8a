"""Insurance: the payer network."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InsuranceConfig(AppConfig):
    name = "apps.insurance"
    label = "insurance"
    verbose_name = _("Insurance")

    def ready(self) -> None:
        """Answer what the directory and the patient file ask."""
        from apps.core.admin.dashboard import index_cards
        from apps.core.api.errors import refusal_elsewhere
        from apps.core.health import add_check
        from apps.directory.insurer_config import insurer_config_problems
        from apps.insurance.api.fhir.refusals import refuse_in_fhir
        from apps.insurance.cards import network_cards
        from apps.insurance.rule_settings import fraud_problems
        from apps.insurance.schemas import default_bareme_problems
        from apps.insurance.services.coverages import move_coverages
        from apps.insurance.verification import check_network
        from apps.patients.hooks import patient_merge

        insurer_config_problems.register(default_bareme_problems)
        insurer_config_problems.register(fraud_problems)
        patient_merge.register(move_coverages)
        refusal_elsewhere.register(refuse_in_fhir)
        index_cards.register(network_cards)
        add_check("network", check_network)
