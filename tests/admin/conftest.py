"""A logged-in browser of the admin, without a screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User

Browser = Callable[[User], Client]


@pytest.fixture
def browser(acting: Any) -> Browser:
    """Return a client with an admin session of the user."""

    def logged_in(user: User) -> Client:
        client = Client()
        with acting(user):
            client.force_login(user)
        return client

    return logged_in
