"""A model is audited, or named with the reason why not; and it points down the floors only."""

from __future__ import annotations

from django.apps import apps
from django.db import models

from apps.audit.unaudited import UNAUDITED
from apps.core.models import AuditedModel

# The floors of docs/architecture.md; Django's own tables stand below all of them.
FLOORS = {
    "core": 0, "audit": 1, "directory": 2, "catalog": 3, "notifications": 3, "accounts": 4, "patients": 5,
    "inventory": 6, "agenda": 7, "clinical": 8, "imaging": 8, "insurance": 9, "billing": 10, "compliance": 11,
    "dashboard": 11, "demo": 12,
}  # fmt: skip
# Keys that point up, each with its reason.
UPWARDS = {
    ("audit.AuditEntry", "actor"): "who acted; without a constraint, so that no user is held by the trail",
    ("audit.AccessEntry", "actor"): "as above",
}


def models_of_ours() -> list[type[models.Model]]:
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model.__module__.startswith("apps.") and model._meta.app_label in FLOORS
    ]


def test_every_model_of_ours_is_audited_or_named() -> None:
    silent = {
        model._meta.label
        for model in models_of_ours()
        if not (issubclass(model, AuditedModel) and model.audited) and not model._meta.auto_created
    }
    assert silent == set(UNAUDITED)
    assert all(reason.strip() for reason in UNAUDITED.values())


def test_every_app_of_ours_has_a_floor() -> None:
    ours = {config.label for config in apps.get_app_configs() if config.name.startswith("apps.")}
    assert ours <= set(FLOORS)


def test_keys_point_down() -> None:
    up = {
        (model._meta.label, field.name)
        for model in models_of_ours()
        for field in [*model._meta.local_fields, *model._meta.local_many_to_many]
        if field.is_relation
        and isinstance(field.related_model, type)
        and field.related_model._meta.app_label in FLOORS
        and FLOORS[field.related_model._meta.app_label] > FLOORS[model._meta.app_label]
    }
    assert up == set(UPWARDS)


def test_neighbours_do_not_point_at_each_other() -> None:
    """Two apps on one floor know nothing of each other, as the import contract says."""
    crossing = {
        (model._meta.label, field.name)
        for model in models_of_ours()
        for field in model._meta.local_fields
        if field.is_relation
        and isinstance(field.related_model, type)
        and (there := field.related_model._meta.app_label) in FLOORS
        and there != model._meta.app_label
        and FLOORS[there] == FLOORS[model._meta.app_label]
    }
    assert crossing == set()
