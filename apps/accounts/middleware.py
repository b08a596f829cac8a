"""Clock and language of the admin's pages."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone, translation

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class HouseClockMiddleware:
    """Shows and reads times on the practice's clock, in the user's language unless the browser chose another.

    People of no practice see the house's default clock.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith("/api/") or not request.user.is_authenticated:
            return self.get_response(request)
        if settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
            translation.activate(request.user.language)
        practice = request.user.practice
        with timezone.override(practice.zone if practice is not None else ZoneInfo(settings.HOUSE_TIME_ZONE)):
            return self.get_response(request)
