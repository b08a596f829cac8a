"""A model is audited, or named with the reason why not."""

from __future__ import annotations

from django.apps import apps

from apps.audit.unaudited import UNAUDITED
from apps.core.models import AuditedModel


def test_every_model_of_ours_is_audited_or_named() -> None:
    silent = {
        model._meta.label
        for model in apps.get_models(include_auto_created=True)
        if model.__module__.startswith("apps.")
        and not (issubclass(model, AuditedModel) and model.audited)
        and not model._meta.auto_created
    }
    assert silent == set(UNAUDITED)
    assert all(reason.strip() for reason in UNAUDITED.values())
