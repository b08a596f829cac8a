"""A real browser against a real server; every page is watched for script errors and policy violations."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from apps.agenda.services import create_type
from apps.catalog.importer import import_acts
from apps.core.scope import SystemActor
from tests.cast import PASSWORD, House
from tests.contract.test_first_day import ACTS_FILE

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run --disable-dev-shm-usage"
).split()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless; closed with its module, because its event loop holds this thread."""
    if shutil.which(CHROMIUM) is None:
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium")
    # Playwright's loop lives in this thread; Django would take it for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@dataclass
class Desk:
    """A person at a browser."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def log_in(self, email: str) -> None:
        """Log in to the admin as a person does."""
        self.page.goto(f"{self.url}/admin/login/?next=/admin/")
        self.page.fill("input[name=username]", email)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("#login-form button[type=submit]")
        self.page.wait_for_url(f"{self.url}/admin/")

    def open(self, path: str) -> None:
        """Open a page of the site."""
        answer = self.page.goto(self.url + path)
        assert answer is not None
        assert answer.status == 200, (path, answer.status)

    def save(self) -> None:
        """Send the form as a click on its button does, wherever the button has scrolled to."""
        self.page.locator("button[name=_save]").dispatch_event("click")

    def accessibility_faults(self) -> list[str]:
        """Return axe's critical and serious findings."""
        found = (
            Axe()
            .run(self.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag22aa"]})
            .response["violations"]
        )
        return [
            f"{rule['id']}: {node['html'][:120]}"
            for rule in found
            if rule["impact"] in {"critical", "serious"}
            for node in rule["nodes"][:2]
        ]


@pytest.fixture
def desk(browser: Browser, live_server) -> Iterator[Desk]:
    """A fresh browser window in French."""
    context = browser.new_context(locale="fr-FR", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    person = Desk(page, live_server.url)

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error":
            person.complaints.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: person.complaints.append(str(error)))
    yield person
    context.close()
    assert person.complaints == []


@pytest.fixture
def stage(house: House, insurer, ana, ben, dora) -> House:
    """The practice before it opens."""
    actor = SystemActor("test-stage")
    import_acts(actor=actor, content=ACTS_FILE.read_bytes())
    create_type(actor=actor, practice=house.practice, name="Contrôle", duration_minutes=30)
    return house
