"""Users, roles and sessions."""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    label = "accounts"
    verbose_name = _("Users")

    def ready(self) -> None:
        """Mirror the role matrix into Django's groups after each migration; check the settings."""
        from apps.accounts.checks import required_roles_exist
        from apps.accounts.groups import mirror_roles

        register(required_roles_exist, Tags.security)
        post_migrate.connect(mirror_roles, sender=self, dispatch_uid="accounts-mirror-roles")
