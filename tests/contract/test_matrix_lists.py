"""No list shows a row of another house: each is read by every role with both houses full of rows."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Model

from tests.contract.routes import routes
from tests.contract.scenery import KINDS, Stage, build_stage
from tests.contract.test_permissions import expected as permitted

# What a list needs to be asked for to hold the rows of the stage, and a kind of row that its readers find in it
# (a dash: it shows no rows of the stage).
LISTS = {
    "/absences": ("", "absence"),
    "/acts": ("page_size=200", "act"),
    "/appointment-types": ("", "type"),
    "/appointments": ("from=2026-11-20&to=2026-12-20", "appointment"),
    "/audit": ("page_size=200", "-"),
    "/appointments/changes": ("since=0", "-"),
    "/appointments/day-sheet.pdf": ("", "-"),
    "/auth/me": ("", "-"),
    "/auth/sessions": ("", "session"),
    "/availability": ("type=<type>&from=2026-11-23&to=2026-12-20", "-"),
    "/data-requests": ("", "data_request"),
    "/health": ("", "-"),
    "/insurers": ("", "-"),
    "/accounting/fec": ("", "-"),
    "/accounting/journal.csv": ("", "-"),
    "/accounting/receivables": ("", "-"),
    "/calendar-tokens": ("", "calendar"),
    "/closings": ("", "-"),
    "/training": ("", "-"),
    "/open-holidays": ("", "holiday"),
    "/recall-types": ("", "recall_type"),
    "/quotes": ("", "offer"),
    "/instalment-plans": ("", "plan"),
    "/invoice-reminders": ("", "bill_reminder"),
    "/dunning-policy": ("", "-"),
    "/bank-account": ("", "-"),
    "/insurer-transfers": ("", "bank_transfer"),
    "/invoices": ("", "draft"),
    "/notifications/jobs": ("", "job"),
    "/notifications/logs": ("", "-"),
    "/notifications/templates": ("", "template"),
    "/patients": ("", "patient"),
    "/patients/export.csv": ("", "-"),
    "/payments": ("", "receipt"),
    "/pinboard": ("", "pinned"),
    "/practitioners": ("", "practitioner"),
    "/recalls": ("", "recall"),
    "/rooms": ("", "room"),
    "/waitlist": ("", "waiting"),
    "/users": ("page_size=200", "user"),
    # Providers list nobody, and find by exact key whichever insurer: tests/insurance.
    "/adherents": ("", "-"),
    "/contracts": ("", "-"),
    "/conventions": ("", "convention"),
    "/claims": ("", "claim"),
    "/claim-flags": ("", "flag"),
    "/reconciliations": ("", "reconciliation"),
    "/claim-flags/precision": ("", "-"),
    "/fhir/Claim": ("", "claim"),
    "/fhir/ClaimResponse": ("", "claim"),
    "/fhir/CodeSystem": ("", "-"),
    "/fhir/Coverage": ("", "-"),
    "/fhir/Organization": ("", "-"),
    "/fhir/Patient": ("", "-"),
    "/fhir/PaymentReconciliation": ("", "reconciliation"),
    "/fhir/metadata": ("", "-"),
}
# Settings and accounts of all houses: what the platform's administrator is there for.
OPEN_TO_THE_PLATFORM = {
    "/appointment-types",
    "/audit",
    "/claim-flags",
    "/fhir/Organization",
    "/practitioners",
    "/rooms",
    "/users",
    "/auth/me",
}
# Rows everybody may know of.
EVERYBODYS = {"act", "insurer"}
MARK = "Etranger"


@pytest.fixture
def stage(ana, cleo, house, other_house, insurer, other_insurer, at) -> Stage:
    return build_stage({"ana": ana, "cleo": cleo}, house, other_house, (insurer, other_insurer), at)


def fill(stage: Stage, side: str, role: str) -> dict[str, Model]:
    """Make a row of every kind on one side."""
    kinds = [*KINDS, "user", "template", "draft", "receipt", "noted", "failed_job", "offer", "plan"]
    kinds += ["adherent", "contract", "membership", "convention", "bareme", "claim", "flag", "reconciliation"]
    return {kind: stage.make(kind, side, role) for kind in kinds}


def whole_list_paths() -> list[str]:
    return sorted(path for method, path, _named in routes() if method == "GET" and "{}" not in path)


class TestLists:
    def test_are_all_named(self) -> None:
        asked_by_a_signature = {path for (_method, path), roles in permitted().items() if roles == {"signed"}}
        assert set(whole_list_paths()) - asked_by_a_signature == set(LISTS)

    @pytest.mark.django_db
    def test_show_nothing_of_another_house(self, stage: Stage, api, acting, cleo) -> None:
        people = {
            "practice": fill(stage, "foreign", "assistant"),
            "insurer": fill(stage, "foreign", "insurer_agent"),
        }
        foreign = {
            str(row.pk): kind
            for rows in people.values()
            for kind, row in rows.items()
            if kind not in EVERYBODYS
        }
        foreign[str(stage.practice("foreign").pk)] = "practice"
        marked = people["practice"]["patient"]
        with acting(cleo):
            type(marked).objects.filter(pk=marked.pk).update(last_name=MARK)
        own = {role: fill(stage, "own", role) for role in ("assistant", "insurer_agent")}
        wrong: list[Any] = []
        for role, user in stage.people.items():
            client = api(user)
            mine = own["insurer_agent" if role.startswith("insurer") else "assistant"]
            for path, (query, shown) in LISTS.items():
                wanted = query.replace("<type>", str(mine["type"].pk))
                answer = client.get(f"/api/v1{path}?{wanted}")
                if answer.status_code == 403:
                    continue
                assert answer.status_code == 200, (role, path, answer.content)
                text = answer.getvalue().decode(errors="replace")
                if role != "admin" or path not in OPEN_TO_THE_PLATFORM:
                    wrong += [(role, path, kind) for key, kind in foreign.items() if key in text]
                    wrong += [(role, path, MARK)] if MARK in text else []
                row = str(mine[shown].pk) if shown in mine else ""
                if row not in text:
                    wrong.append((role, path, f"its own {shown} is missing"))
        assert wrong == []
