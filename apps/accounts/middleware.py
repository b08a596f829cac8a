"""The clock on the wall of the admin's pages."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class HouseClockMiddleware:
    """Shows and reads times on the practice's clock; people of no practice see the house's default."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith("/api/") or not request.user.is_authenticated:
            return self.get_response(request)
        practice = request.user.practice
        with timezone.override(practice.zone if practice is not None else ZoneInfo(settings.HOUSE_TIME_ZONE)):
            return self.get_response(request)
