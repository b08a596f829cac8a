"""Makes Django use the house's admin site in place of the stock one."""

from django.contrib.admin.apps import AdminConfig


class HouseAdminConfig(AdminConfig):
    default_site = "apps.core.admin.site.HouseAdminSite"
