"""What every answer says to browsers, page by page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User

OUR_PAGES = (
    "/api/v1/health",
    "/api/v1/docs",
    "/api/v1/schema",
    "/api/v1/nothing",
    "/r/not-a-token",
    "/nothing",
    "/healthz",
)
INLINE = re.compile(r"<script(?![^>]*\ssrc=)([^>]*)>", re.IGNORECASE)
HANDLER = re.compile(r"<[^>]+\son\w+\s*=", re.IGNORECASE)


def policy(answer: Any) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in answer.headers["Content-Security-Policy"].split(";"))
    return {name: value for name, _space, value in parts}


@pytest.mark.django_db
class TestPages:
    @pytest.mark.parametrize("path", OUR_PAGES)
    def test_run_no_inline_script(self, path: str) -> None:
        answer = Client().get(path)
        assert policy(answer)["script-src"] == "'self'"
        if answer.headers["Content-Type"].startswith("text/html"):
            assert INLINE.findall(answer.content.decode()) == []
            assert HANDLER.findall(answer.content.decode()) == []

    @pytest.mark.parametrize("path", [*OUR_PAGES, "/admin/login/"])
    def test_stand_in_no_frame_and_load_from_nowhere_else(self, path: str) -> None:
        answer = Client().get(path)
        said = policy(answer)
        assert (said["frame-ancestors"], said["object-src"], said["default-src"]) == (
            "'none'",
            "'none'",
            "'self'",
        )
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] in {"same-origin", "no-referrer"}
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"

    def test_of_the_docs_start_with_a_script_of_their_own(self) -> None:
        page = Client().get("/api/v1/docs").content.decode()
        start = re.findall(r'<script src="(/api/v1/docs[^"]*)"', page)
        assert len(start) == 1
        script = Client().get(start[0].replace("&amp;", "&"))
        assert script.headers["Content-Type"].startswith("application/javascript")
        assert b"SwaggerUIBundle" in script.content

    def test_of_the_admin_run_what_bears_the_nonce(self, root: User, acting) -> None:
        browser = Client()
        with acting(root):
            browser.force_login(root)
        for path in ("/admin/", "/admin/accounts/user/", "/admin/accounts/user/add/"):
            answer = browser.get(path)
            nonce = re.search(r"'nonce-([^']+)'", policy(answer)["script-src"])
            assert answer.status_code == 200
            assert "'unsafe-inline'" not in policy(answer)["script-src"]
            for attributes in INLINE.findall(answer.content.decode()):
                assert (nonce and f'nonce="{nonce[1]}"' in attributes) or "application/json" in attributes, (
                    path,
                    attributes,
                )


@pytest.mark.django_db
class TestApi:
    @pytest.mark.parametrize("path", ["/auth/me", "/patients", "/patients/export.csv", "/health", "/nothing"])
    def test_answers_are_not_stored(self, path: str, dora: User, api) -> None:
        assert "no-store" in api(dora).get(f"/api/v1{path}").headers["Cache-Control"]

    def test_cookies_of_a_login_are_closed_to_scripts(self, ana: User, settings) -> None:
        settings.SESSION_COOKIE_SECURE = True
        body = {"email": ana.email, "password": "correct horse battery staple"}
        answer = Client().post(
            "/api/v1/auth/login?cookie=1", body, content_type="application/json", secure=True
        )
        assert answer.status_code == 200
        cookies = {name: answer.cookies[name] for name in ("osd_access", "osd_refresh")}
        for cookie in cookies.values():
            assert cookie["httponly"]
            assert cookie["secure"]
            assert cookie["samesite"] in {"Lax", "Strict"}
