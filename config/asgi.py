"""HTTP and web sockets."""

from __future__ import annotations

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

from config.celery import app as celery_app  # tasks sent by the web process need the configured application

__all__ = ["application", "celery_app"]

application = ProtocolTypeRouter({"http": get_asgi_application()})
