"""Messages."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    name = "apps.notifications"
    label = "notifications"
    verbose_name = _("Messages")

    def ready(self) -> None:
        """Bring the house's texts up to date after each migration."""
        from apps.core.admin.dashboard import index_cards
        from apps.notifications.cards import message_cards
        from apps.notifications.texts import ensure_house_texts

        index_cards.register(message_cards)
        post_migrate.connect(ensure_house_texts, sender=self, dispatch_uid="notifications-house-texts")
