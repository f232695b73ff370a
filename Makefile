# Every target works on a machine that has only Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
WHEEL := build/wheel
RUN := $(VENV)/bin/python -m
# What reads every kind of file that a wheel must hold, and runs every stage.
WHEEL_TESTS := tests/demo tests/render tests/rules tests/test_cli.py tests/test_orchestrate.py \
	tests/test_packaging.py tests/test_queries.py tests/test_sql.py tests/ingest/test_multiline.py

.PHONY: help demo test test-all test-wheel node-tools browser accuracy live bench check docs format clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

# Installing also builds the scanner, where there is a C compiler.
$(VENV)/.installed: pyproject.toml hatch_build.py pipeline/ingest/scan.c
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(RUN) pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: $(VENV)/.installed  ## write the logs of a 21-container stack and analyse them
	$(RUN) pipeline demo -o out/demo

# Two workers have a core each: threads of theirs would only wait for one another.
test: $(VENV)/.installed-dev  ## the tests, about six minutes on two cores
	POLARS_MAX_THREADS=1 $(RUN) pytest -q -n 2 --dist loadfile

test-all: $(VENV)/.installed-dev  ## the slow tests too
	$(RUN) pytest -q -n 2 --dist loadfile -m ""

# The tests run from a copy, isolated (-I), so that a file that is missing in the wheel is noticed.
test-wheel: $(VENV)/.installed-dev  ## tests of every stage against the built wheel
	rm -rf $(WHEEL)
	mkdir -p $(WHEEL)
	$(RUN) pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir $(WHEEL) .
	$(PYTHON) -m venv $(WHEEL)/venv
	wheel=$$(ls $(WHEEL)/*.whl) && \
	$(WHEEL)/venv/bin/python -m pip install --quiet --disable-pip-version-check "$$wheel[dev]"
	cp -R tests fixtures docs pyproject.toml $(WHEEL)
	cd $(WHEEL) && venv/bin/python -I -m pytest -q -n 2 --dist loadfile -o pythonpath=. $(WHEEL_TESTS)

node-tools:  ## what some tests need of npm; without it they are skipped
	npm install --no-package-lock --no-audit --no-fund --prefix tests/tools

browser: $(VENV)/.installed-dev node-tools  ## reports in chromium: needs node and chromium
	$(RUN) pytest -q -m browser tests/browser

accuracy: $(VENV)/.installed-dev  ## how right reading is on real logs beside the repository (../shared/logs)
	$(RUN) benchmarks.accuracy

live:  ## run the stack of fixtures/live, nine minutes: needs postgresql, redis-server and nginx-light
	$(PYTHON) fixtures/live/run.py -o build/live

bench: $(VENV)/.installed-dev  ## false alarms, power, onsets, templates and the report in full: an hour and a half
	$(RUN) benchmarks.detection
	$(RUN) benchmarks.templates
	$(RUN) benchmarks.report

check: $(VENV)/.installed-dev  ## style, types, import contract, SQL
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/sqlfluff lint queries

docs: $(VENV)/.installed-dev  ## rewrite the pages that are made from the code
	AFTERSHOCK_UPDATE_DOCS=1 $(RUN) pytest -q tests/test_docs.py tests/test_queries.py

format: $(VENV)/.installed-dev  ## rewrite the sources in the project's style
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

clean:  ## remove what make made
	rm -rf $(VENV) out build dist pipeline/ingest/_scan.so
