"""What every admin page of the house is made of: rows through `visible_to`, writes through services."""

from apps.core.admin.actions import service_action
from apps.core.admin.base import ServiceModelAdmin
from apps.core.admin.inlines import ServiceStackedInline, ServiceTabularInline

__all__ = ["ServiceModelAdmin", "ServiceStackedInline", "ServiceTabularInline", "service_action"]
