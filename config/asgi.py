"""HTTP and web sockets."""

from __future__ import annotations

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

from config.celery import app as celery_app  # tasks sent by the web process need the configured application

__all__ = ["application", "celery_app"]

http_application = get_asgi_application()

from apps.agenda.routing import websocket_urlpatterns  # noqa: E402 - models are loaded by the line above
from apps.core.bodies import BoundedBodies  # noqa: E402

application = ProtocolTypeRouter(
    {"http": BoundedBodies(http_application), "websocket": URLRouter(websocket_urlpatterns)}
)
