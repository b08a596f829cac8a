"""Web sockets of the agenda."""

from __future__ import annotations

from django.urls import path

from apps.agenda.consumers import AgendaConsumer

websocket_urlpatterns = [path("ws/agenda/", AgendaConsumer.as_asgi())]
