"""Transition tables."""

from __future__ import annotations

import pytest
from django.db import models

from apps.core.errors import DomainError
from apps.core.transitions import IllegalTransition, Table, Transition


class Status(models.TextChoices):
    DRAFT = "draft"
    SENT = "sent"
    PAID = "paid"
    VOID = "void"


class NotBalanced(DomainError):
    code = "NOT_BALANCED"


def balanced(subject):
    if not subject["balanced"]:
        raise NotBalanced


@pytest.fixture
def table():
    return Table(
        "test.bill",
        [
            Transition((Status.DRAFT,), "send", Status.SENT, "test.send_bill", balanced),
            Transition((Status.SENT,), "pay", Status.PAID, "test.pay_bill"),
            Transition((Status.DRAFT, Status.SENT), "void", Status.VOID, "test.void_bill"),
        ],
        states=Status.values,
    )


class TestTable:
    def test_leads_to_the_target(self, table):
        assert table.next_state("sent", "pay") == "paid"
        assert table.next_state(Status.SENT, "void") == "void"
        assert type(table.next_state(Status.SENT, "void")) is str

    def test_names_what_is_allowed_when_it_refuses(self, table):
        with pytest.raises(IllegalTransition) as refusal:
            table.next_state("draft", "pay")
        assert refusal.value.code == "ILLEGAL_TRANSITION"
        assert refusal.value.status == 409
        assert refusal.value.details == {"status": "draft", "allowed": ["send", "void"]}

    def test_allows_nothing_from_an_end_state(self, table):
        with pytest.raises(IllegalTransition) as refusal:
            table.next_state("paid", "pay")
        assert refusal.value.details == {"status": "paid", "allowed": []}

    def test_asks_the_guard(self, table):
        with pytest.raises(NotBalanced):
            table.next_state("draft", "send", {"balanced": False})
        assert table.next_state("draft", "send", {"balanced": True}) == "sent"

    def test_lists_verbs_of_a_state(self, table):
        assert table.verbs_from("draft") == ["send", "void"]
        assert table.verbs_from(Status.SENT) == ["pay", "void"]
        assert table.verbs == ("send", "pay", "void")

    def test_tells_the_permission_of_a_step(self, table):
        assert table.find("sent", "void").permission == "test.void_bill"

    def test_stumbles_over_a_state_it_does_not_know(self, table):
        with pytest.raises(ValueError, match="unknown state 'lost'"):
            table.next_state("lost", "pay")

    def test_renders_itself(self, table):
        assert table.to_markdown() == (
            "| from | verb | to | permission | guard |\n"
            "|---|---|---|---|---|\n"
            "| draft | send | sent | test.send_bill | balanced |\n"
            "| sent | pay | paid | test.pay_bill |  |\n"
            "| draft, sent | void | void | test.void_bill |  |\n"
        )


class TestTableAtImport:
    def test_refuses_the_same_step_twice(self):
        with pytest.raises(ValueError, match="written twice"):
            Table("t", [Transition(("a",), "go", "b", "t.go"), Transition(("c", "a"), "go", "d", "t.go")])

    def test_allows_one_verb_from_different_states(self):
        table = Table("t", [Transition(("a",), "go", "b", "t.go"), Transition(("b",), "go", "c", "t.go")])
        assert (table.next_state("a", "go"), table.next_state("b", "go")) == ("b", "c")

    @pytest.mark.parametrize(("source", "target"), [("drift", "sent"), ("draft", "snet")])
    def test_refuses_a_misspelt_state(self, source, target):
        with pytest.raises(ValueError, match="unknown states"):
            Table("t", [Transition((source,), "send", target, "t.send")], states=Status.values)

    @pytest.mark.parametrize(
        "transition",
        [
            Transition((), "go", "b", "t.go"),
            Transition("a", "go", "b", "t.go"),
            Transition(("a",), "Go!", "b", "t.go"),
            Transition(("a",), "go", "b", ""),
            Transition(("a",), "go", "b", "go"),
        ],
    )
    def test_refuses_a_malformed_line(self, transition):
        with pytest.raises(ValueError):
            Table("t", [transition])
