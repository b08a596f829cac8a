"""JSON log lines: what is in them, and what never is."""

from __future__ import annotations

import json
import logging
import logging.config
import sys
from datetime import UTC, datetime
from uuid import UUID

import pytest

from apps.core.context import bind
from apps.core.logging import JsonFormatter, dict_config

ACTOR = UUID("01930000-0000-7000-8000-000000000001")


def line(message, *args, name="apps.billing", exc_info=None, **extra):
    record = logging.LogRecord(name, logging.INFO, __file__, 1, message, args, exc_info)
    record.created = datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp()
    record.__dict__.update(extra)
    return json.loads(JsonFormatter().format(record))


class TestJsonFormatter:
    def test_writes_one_object(self):
        assert line("invoice issued", count=3, code="X") == {
            "at": "2026-11-21T12:00:00.000+00:00",
            "level": "info",
            "logger": "apps.billing",
            "message": "invoice issued",
            "count": 3,
            "code": "X",
        }

    def test_names_request_actor_and_service(self):
        with bind(request_id="r-12345678", actor_id=ACTOR, action="billing.invoice.issue"):
            written = line("invoice issued")
        assert written["request_id"] == "r-12345678"
        assert written["actor_id"] == str(ACTOR)
        assert written["action"] == "billing.invoice.issue"

    def test_binds_no_address_and_no_agent(self):
        with bind(address="203.0.113.7", user_agent="Firefox"):
            assert "203.0.113.7" not in json.dumps(line("x"))
            assert "Firefox" not in json.dumps(line("x"))

    @pytest.mark.parametrize(
        "key", ["body", "query", "email", "patient", "first_name", "path", "args", "request"]
    )
    def test_drops_keys_that_are_not_allowed(self, key):
        assert "Durand" not in json.dumps(line("x", **{key: "Durand"}))

    @pytest.mark.parametrize("value", [{"name": "Durand"}, ["Durand"], object()])
    def test_drops_values_that_are_not_plain(self, value):
        assert "code" not in line("x", code=value)

    def test_writes_only_numbers_and_ids_of_arguments(self):
        written = line("sent %d of %s to %s as %s", 3, 1.5, "Durand", ACTOR)
        assert written["message"] == f"sent 3 of 1.5 to ? as {ACTOR}"

    def test_writes_only_numbers_of_named_arguments(self):
        assert line("%(count)d for %(name)s", {"count": 2, "name": "Durand"})["message"] == "2 for ?"

    def test_survives_arguments_that_do_not_fit(self):
        assert line("%d visits", "Durand")["message"] == "%d visits"

    def test_keeps_of_a_librarys_sentence_only_its_first_words(self):
        assert line("Invalid value: jeanne@durand.fr", name="some.library")["message"] == "Invalid value:"

    def test_writes_a_fault_without_its_message(self):
        try:
            try:
                raise KeyError("Durand")
            except KeyError as error:
                raise ValueError("Key (email)=(jeanne@durand.fr) exists") from error
        except ValueError:
            written = line("failed", exc_info=sys.exc_info())
        assert written["error"] == "builtins.ValueError"
        assert written["caused_by"] == ["KeyError"]
        assert written["places"][0].startswith("tests/core/test_logging.py:")
        assert "urand" not in json.dumps(written)

    def test_cuts_long_texts(self):
        assert len(line("x" * 999)["message"]) == 200
        assert len(line("x", code="y" * 999)["code"]) == 200


class TestDictConfig:
    def test_is_a_valid_configuration_that_silences_access_logs(self):
        before = logging.root.handlers[:], logging.root.level
        try:
            logging.config.dictConfig(dict_config("WARNING"))
            assert isinstance(logging.root.handlers[0].formatter, JsonFormatter)
            assert logging.root.level == logging.WARNING
            assert not logging.getLogger("uvicorn.access").isEnabledFor(logging.INFO)
        finally:
            logging.root.handlers, logging.root.level = before
            for name in dict_config()["loggers"]:
                logger = logging.getLogger(name)
                logger.setLevel(logging.NOTSET)
                logger.propagate = True
