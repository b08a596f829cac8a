"""The page behind mailed links: no script inside, the token never sent with the page."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.test import Client


class TestPasswordPage:
    def test_is_where_the_mailed_links_lead(self) -> None:
        assert settings.PASSWORD_LINK.endswith("/account/password")

    @pytest.mark.parametrize(("language", "word"), [("fr", "Mot de passe"), ("en", "password")])
    def test_opens_for_anybody_in_their_language(self, language: str, word: str) -> None:
        answer = Client().get("/account/password", HTTP_ACCEPT_LANGUAGE=language)
        assert answer.status_code == 200
        assert word.lower() in answer.content.decode().lower()
        assert 'data-url="/api/v1/auth/password/reset"' in answer.content.decode()

    def test_holds_no_inline_script(self) -> None:
        answer = Client().get("/account/password")
        assert re.findall(r"<script(?![^>]*\bsrc=)", answer.content.decode()) == []
        assert "unsafe-inline" not in re.search(
            r"script-src ([^;]*)", answer["Content-Security-Policy"]
        ).group(1)
