"""Hooks between floors."""

from __future__ import annotations

from uuid import uuid4

import pytest

from apps.core.hooks import Hook, declared_hooks


@pytest.fixture
def hook():
    return Hook(f"test_{uuid4().hex}")


class TestHook:
    def test_gathers_answers_in_the_order_of_registration(self, hook):
        hook.register(lambda *, patient: f"visits of {patient}")
        hook.register(lambda *, patient: f"invoices of {patient}")
        assert hook.gather(patient="p1") == ["visits of p1", "invoices of p1"]

    def test_gathers_nothing_when_nobody_registered(self, hook):
        assert hook.gather(patient="p1") == []

    def test_sends_to_everyone(self, hook):
        heard = []
        hook.register(lambda *, word: heard.append(("first", word)))
        hook.register(lambda *, word: heard.append(("second", word)))
        hook.send(word="paid")
        assert heard == [("first", "paid"), ("second", "paid")]

    def test_registers_the_same_function_once(self, hook):
        @hook.register
        def answer():
            return 1

        hook.register(answer)
        assert hook.gather() == [1]

    def test_forgets_an_unregistered_function(self, hook):
        answer = hook.register(lambda: 1)
        hook.unregister(answer)
        assert hook.gather() == []

    def test_lets_a_refusal_reach_the_caller(self, hook):
        def refuse():
            raise LookupError("no")

        hook.register(refuse)
        with pytest.raises(LookupError):
            hook.send()

    def test_refuses_a_second_declaration_of_a_name(self, hook):
        with pytest.raises(ValueError, match=hook.name):
            Hook(hook.name)

    def test_is_listed_by_name(self, hook):
        assert declared_hooks()[hook.name] is hook
