"""How the admin looks and speaks (django-unfold)."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

# Whose clock is shown to people who belong to no practice.
HOUSE_TIME_ZONE = "Europe/Paris"

LOGIN_REDIRECT_URL = "admin:index"
FORMAT_MODULE_PATH = ["config.formats"]
ADMIN_OWN_PASSWORD_FORM = "apps.accounts.forms.OwnPasswordForm"


def stylesheet(_request: Any) -> str:
    """Return the address of what the theme's compiled styles lack."""
    return static("admin-extra/admin.css")


def label_script(_request: Any) -> str:
    """Return the address of the script that names the theme's search boxes for screen readers."""
    return static("admin-extra/labels.js")


def favicon(_request: Any) -> str:
    """Return the address of the tab's icon."""
    return static("admin-extra/tooth.svg")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "OSdentaire",
    "SITE_HEADER": "OSdentaire",
    "SITE_SUBHEADER": _("Dental practice"),
    "SITE_SYMBOL": "dentistry",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": favicon}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "DASHBOARD_CALLBACK": "apps.core.admin.dashboard.dashboard",
    "LOGIN": {"form": "apps.accounts.forms.EmailLoginForm"},
    "STYLES": [stylesheet],
    "SCRIPTS": [label_script],
    "COLORS": {
        # Teal: 700 on white and white on 600 both reach 4.5:1.
        "primary": {
            "50": "#effcfb",
            "100": "#cff7f3",
            "200": "#a2eee8",
            "300": "#6bded8",
            "400": "#33c3be",
            "500": "#17a3a1",
            "600": "#0d7a7c",
            "700": "#0f686a",
            "800": "#125355",
            "900": "#134547",
            "950": "#04292c",
        },
    },
    "COMMAND": {"search_models": False, "show_history": False},
    "SIDEBAR": {
        "show_search": True,
        "command_search": False,
        "show_all_applications": False,
        "navigation": "apps.core.admin.navigation.navigation",
    },
}
