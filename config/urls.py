"""All routes: the API by app, the admin, files and probes."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView, TemplateView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from apps.agenda.pages import answer_page, offer_page
from apps.billing.pages import quote_page
from apps.core.api.health import HealthViewSet
from apps.core.files import serve_file
from apps.core.health import healthz
from apps.core.metrics import metrics_view

APPS = (
    "accounts",
    "audit",
    "directory",
    "catalog",
    "notifications",
    "patients",
    "agenda",
    "clinical",
    "insurance",
    "billing",
    "compliance",
)


def api_routes() -> list[URLPattern | URLResolver]:
    """Collect each app's `api/urls.py`."""
    routes: list[URLPattern | URLResolver] = []
    for name in APPS:
        if find_spec(f"apps.{name}.api.urls"):
            routes += import_module(f"apps.{name}.api.urls").urlpatterns
    return routes


def favicon(request: HttpRequest) -> HttpResponseRedirect:
    """Lead browsers that ask at the root to the icon."""
    return HttpResponseRedirect(static("admin-extra/tooth.svg"))


handler400 = "apps.core.api.handlers.bad_request"
handler403 = "apps.core.api.handlers.forbidden"
handler404 = "apps.core.api.handlers.not_found"
handler500 = "apps.core.api.handlers.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("favicon.ico", favicon, name="favicon"),
    path("healthz", healthz, name="healthz"),
    path("_health", healthz, name="front-health"),
    path("metrics", metrics_view, name="metrics"),
    path("files/<path:token>", serve_file, name="private-file"),
    path(
        "account/password",
        TemplateView.as_view(template_name="account/password.html"),
        name="account-password",
    ),
    path("r/<str:token>", answer_page, name="reminder-answer"),
    path("w/<str:token>", offer_page, name="waitlist-offer"),
    path("q/<str:token>", quote_page, name="quote-answer"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("api/v1/health", HealthViewSet.as_view({"get": "show"}), name="health"),
    path("api/v1/", include((api_routes(), "api"))),
]
if settings.EXPOSE_DOCS:
    urlpatterns += [
        path("api/v1/schema", SpectacularAPIView.as_view(), name="schema"),
        path("api/v1/docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    ]
