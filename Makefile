# Two commands on a fresh machine: `make run` and `make test`.
# All paths are relative, so that a space in the folder's own path does no harm.

PY := .venv/bin/python
# Checks read the settings but touch no database.
DJANGO := ENVIRONMENT=test $(PY) manage.py
JOBS ?= 2
# Caches of compiled modules make the second test run much faster.
unexport PYTHONDONTWRITEBYTECODE
# A development `.env` or shell must not lead the tests to real services.
TESTENV := env -u DATABASE_URL -u REDIS_URL -u DJANGO_SETTINGS_MODULE

.DEFAULT_GOAL := help
.PHONY: help setup setup-test run test test-restarts e2e check fmt lint types layers migrations schema-check translations \
	security audit-dependencies migrate seed demo-large schema figures bench lock

help:  ## Show the commands
	@grep -hE '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 22

setup:
	@python3 config/setup.py run

setup-test:
	@python3 config/setup.py test

run: setup  ## Set up, start everything, load demo data on first start
	@exec $(PY) manage.py dev

test: check  ## Set up, then lint, types, layers and the test suite
	$(TESTENV) $(PY) -m pytest -n $(JOBS)

test-restarts: setup-test  ## Only the starts, stops and kills of a whole development site
	$(TESTENV) $(PY) -m pytest -n 0 -m restarts

e2e: setup-test  ## Only the browser tests
	$(TESTENV) $(PY) -m pytest -n $(JOBS) -m e2e

check: setup-test lint types layers migrations schema-check translations security audit-dependencies  ## All checks but the tests

fmt: setup-test  ## Format the code and mend what the linter can mend
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

lint: setup-test  ## Formatting and lint rules
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .

types: setup-test  ## mypy, strict
	$(PY) -m mypy

layers: setup-test  ## Imports go down only
	$(PY) -c "from importlinter.cli import lint_imports_command; lint_imports_command()" --no-logo

migrations: setup-test  ## No model has changed without its migration
	@# It warns that no database answers; none is needed to compare models with migrations.
	ENVIRONMENT=test $(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

schema-check: setup-test  ## The OpenAPI schema is valid and free of warnings
	$(DJANGO) spectacular --validate --fail-on-warn --file /dev/null

translations: setup-test  ## Every text is translated
	$(PY) -m config.translations check

security: setup-test  ## bandit
	$(PY) -m bandit -q -c pyproject.toml -r apps config

audit-dependencies: setup-test  ## Known vulnerabilities, where an advisory source answers
	$(PY) -m config.audit_dependencies requirements.txt

migrate: setup  ## Bring the development database up to date
	$(PY) manage.py migrate

seed: setup  ## Load the demo practice again
	$(PY) manage.py demo

demo-large: setup  ## Load 100,000 patients and 1,000,000 appointments, times FACTOR
	$(PY) manage.py demo_large --factor $(or $(FACTOR),1)

schema: setup-test  ## Write the OpenAPI schema to docs/openapi.yaml
	$(DJANGO) spectacular --validate --fail-on-warn --file docs/openapi.yaml

figures: setup-test  ## Measure everything listed in docs/figures.md, in full
	$(TESTENV) FIGURES=full $(PY) -m pytest -n 0 -s $$(grep -rlE 'FIGURE |figure\(' tests --include='test_*.py')

bench: setup-test  ## Load test of a running site
	$(PY) -m locust -f bench/locustfile.py --headless --users 50 --spawn-rate 10 --run-time 60s --host http://127.0.0.1:$(or $(PORT),8000)

lock: setup-test  ## Compile the requirements with hashes (UPGRADE=1 for newer versions)
	env -u PIP_FIND_LINKS UV_CUSTOM_COMPILE_COMMAND="make lock" $(PY) -m config.lock $(if $(UPGRADE),--upgrade)
