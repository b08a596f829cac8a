"""Mirrors the role matrix into Django's groups, for people to read."""

from __future__ import annotations

from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

from apps.accounts.roles import Role, permissions_of


def mirror_roles(sender: Any, using: str = "default", **kwargs: Any) -> None:
    """Make the groups equal to the matrix: one group a role, no other group, no other permission."""
    for config in installed.get_app_configs():
        create_permissions(config, verbosity=0, using=using)
    known = {
        f"{perm.content_type.app_label}.{perm.codename}": perm
        for perm in Permission.objects.using(using).select_related("content_type")
    }
    for role in Role:
        group, _created = Group.objects.using(using).get_or_create(name=role.value)
        group.permissions.set([known[name] for name in permissions_of(role) if name in known])
    Group.objects.using(using).exclude(name__in=[role.value for role in Role]).delete()
