"""Load of a running demo site: front desks, pharmacies' counters, an insurer's desk.

    make bench            50 people for a minute against http://127.0.0.1:8000 (PORT=... for another one)

Only a demo site on this machine is loaded: the accounts are the demo's, whose password is public. A refusal that the
rules give (a slot that somebody else took, a claim filed before) is an answer, not a failure; what fails is a 5xx, a 429
or an answer that is not what was asked for. Visits that were booked are cancelled again; claims stay.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import cycle
from urllib.parse import urlsplit

import requests
from locust import HttpUser, constant_throughput, events, task

API = "/api/v1"
PASSWORD = "demo-osdentaire-2026"
ACCOUNTS = ("ana", "ben", "dora", "cleo", "carl", "paula", "ines", "omar")
LINES = (1, 5, 50)
# A person is allowed 600 calls a minute; this is one person's pace at a busy counter, several share an account.
A_SECOND = 1.0

tokens: dict[str, dict[str, str]] = {}


def today():
    """Return the day, in UTC: near enough for a load."""
    return datetime.now(UTC).date()


@events.test_start.add_listener
def log_in(environment, **_kwargs):
    """Log each account in once (ten logins a minute are allowed); refuse any host but this machine."""
    if urlsplit(environment.host or "").hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise SystemExit("the bench loads a demo site on this machine only")
    for name in ACCOUNTS:
        body = {"email": f"{name}@demo.test", "password": PASSWORD}
        answer = requests.post(f"{environment.host}{API}/auth/login", json=body, timeout=60)
        if answer.status_code != 200:
            raise SystemExit(f"no demo account {name} on this site: {answer.status_code}")
        tokens[name] = {"Authorization": f"Bearer {answer.json()['access_token']}"}


class Person(HttpUser):
    """Somebody logged in; each account logs in once, as its people share one session."""

    abstract = True
    wait_time = constant_throughput(A_SECOND)
    accounts: tuple[str, ...] = ()

    def on_start(self):
        """Take the next account's session, and look up what the tasks need."""
        cls = type(self)
        if "turns" not in vars(cls):
            cls.turns = cycle(cls.accounts)
        self.headers = tokens[next(cls.turns)]
        self.prepare()

    def prepare(self):
        """Look up what the tasks need."""

    def ask(self, method, path, name, *, also=(), headers=None, **kwargs):
        """Call the API; return what a 2xx answered, None for a refusal named in `also`."""
        sent = {"headers": headers or self.headers, "name": name, "catch_response": True, **kwargs}
        with self.client.request(method, API + path, **sent) as answer:
            if answer.ok:
                answer.success()
                return answer.json()
            code = answer.json()["error"]["code"] if answer.status_code in {400, 404, 409, 422} else ""
            if code in also:
                answer.success()
            else:
                answer.failure(f"{answer.status_code} {code} {answer.text[:200]}")
        return None


class FrontDesk(Person):
    """The week, a patient on the phone, a visit booked and cancelled."""

    weight = 6
    accounts = ("ana", "ben", "dora", "cleo", "carl")

    def prepare(self):
        self.people = self.ask("GET", "/patients?page_size=100", "patients")["results"]
        people = self.ask("GET", "/practitioners", "practitioners")["results"]
        self.practitioner = next(row["id"] for row in people if row["kind"] != "assistant")
        self.type = self.ask("GET", "/appointment-types", "appointment types")["results"][0]["id"]

    @task(6)
    def look_at_the_week(self):
        monday = today() - timedelta(days=today().weekday()) + timedelta(weeks=random.randrange(4))
        days = f"from={monday}&to={monday + timedelta(days=6)}"
        self.ask("GET", f"/appointments?{days}", "week of visits")

    @task(4)
    def find_a_patient(self):
        name = random.choice(self.people)["last_name"]
        self.ask("GET", f"/patients?search={name[:-1]}", "search patients")

    @task(3)
    def open_a_file(self):
        key = random.choice(self.people)["id"]
        self.ask("GET", f"/patients/{key}", "patient")
        self.ask("GET", f"/patients/{key}/balance", "balance")

    @task(2)
    def book_and_cancel(self):
        first = today() + timedelta(days=random.randrange(60, 75))
        where = f"practitioner={self.practitioner}&type={self.type}"
        free = self.ask(
            "GET", f"/availability?{where}&from={first}&to={first + timedelta(days=6)}", "availability"
        )
        slots = (free or {}).get("results") or []
        if not slots:
            return
        chosen = random.choice(slots)
        body = {"patient": random.choice(self.people)["id"], "type": self.type, **chosen}
        taken = ("SLOT_TAKEN", "ROOM_TAKEN", "PATIENT_BUSY")
        visit = self.ask("POST", "/appointments", "book", json=body, also=taken)
        if visit is not None:
            why = {"reason": "essai de charge", "cancelled_by": "practice", "version": visit["version"]}
            self.ask("PATCH", f"/appointments/{visit['id']}/cancel", "cancel", json=why)


class Counter(Person):
    """A pharmacy's counter: may this be paid, then the claim, of one, five or fifty lines."""

    weight = 3
    accounts = ("paula",)

    def prepare(self):
        me = self.ask("GET", "/auth/me", "me")["practice"]["id"]
        insurer = tokens["ines"]
        people = self.ask("GET", "/contracts?page_size=100&status=active", "contracts", headers=insurer)
        self.contracts = [(row["id"], row["adherent"]) for row in people["results"]]
        agreed = self.ask("GET", f"/conventions?practice={me}", "conventions", headers=insurer)["results"][0]
        lists = self.ask("GET", f"/conventions/{agreed['id']}/baremes", "price lists", headers=insurer)
        self.prices = {code: act["price"] for code, act in lists["results"][0]["acts"].items()}

    def request_of(self, lines):
        contract, adherent = random.choice(self.contracts)
        codes = random.choices(sorted(self.prices), k=lines)
        return {
            "contract": contract,
            "adherent": adherent,
            "service_date": str(today() - timedelta(days=random.randrange(1, 40))),
            "items": [
                {
                    "code": code,
                    "label": code,
                    "quantity": random.randint(1, 3),
                    "unit_price": self.prices[code],
                }
                for code in codes
            ],
        }

    @task(1)
    def ask_first(self):
        self.ask("POST", "/eligibility", "eligibility", json={"care_type": "pharmacy", **self.request_of(5)})

    @task(3)
    def file_a_claim(self):
        lines = random.choices(LINES, weights=(6, 3, 1))[0]
        self.ask("POST", "/claims/pharmacy", f"claim of {lines} lines", json=self.request_of(lines))


class InsurerDesk(Person):
    """The queue of claims that wait for a person, and one of them read."""

    weight = 1
    accounts = ("ines", "omar")

    @task
    def read_the_queue(self):
        queue = self.ask("GET", "/claims?status=pending_review", "queue of claims")
        if queue and queue["results"]:
            self.ask("GET", f"/claims/{random.choice(queue['results'])['id']}", "claim")
