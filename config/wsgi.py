"""HTTP for servers that speak WSGI only; web sockets need asgi.py."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

from config.celery import app as celery_app  # tasks sent by the web process need the configured application

__all__ = ["application", "celery_app"]

application = get_wsgi_application()
