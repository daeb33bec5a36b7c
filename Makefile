# On a fresh machine (Python 3.11 or newer, make, git): `make train` runs the main job, `make test` the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help train test test-slow test-exhaustive ci lint reference docs bench scorecard rollout-scorecard mutants-map faults mutants lock engine-check kube-check clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

train: $(READY) ## train, check and register the sample's model, with no account and no server
	$(BIN)/modelway sample --output data
	$(BIN)/modelway train

test: $(READY) lint ## everything but what is slow
	$(BIN)/python -m pytest -n auto

# Most of these wait for servers and timers: there is room for one more of them than there are cores.
test-slow: $(READY) ## what takes longer: races, servers, statistics, the bars on real data
	$(BIN)/python -m pytest -n $$($(BIN)/python -c 'import os; print(os.cpu_count() + 1)') --dist loadfile -rs -m "slow and not exhaustive"

test-exhaustive: $(READY) ## further cases, most of them on a Dagger engine: half an hour or more
	$(BIN)/python -m pytest -n auto --dist loadfile -m exhaustive

ci: $(READY) ## modelway's own commands on itself; ADVISORIES=FILE for an OSV export where the network has none
	@test -f data/loans.csv || $(BIN)/modelway sample --output data
	$(BIN)/modelway ci $(if $(ADVISORIES),--advisories $(ADVISORIES))

lint: $(READY) ## format, lint, types, import direction
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	cd ci/src && ../../$(BIN)/mypy --strict modelway_ci
	$(BIN)/lint-imports

reference: $(READY) ## write docs/reference anew, from the code
	$(BIN)/python -m tools.reference

docs: $(READY) ## build the documents into site/, without network
	$(BIN)/mkdocs build --strict

bench: $(READY) ## the benchmarks of bench/, paired and as ratios; ONLY="help serving" runs some
	$(BIN)/python bench/run.py $(ONLY)

scorecard: $(READY) ## all that benchmarks measured, run by run, as one page: reports/scorecard.html
	$(BIN)/python bench/scorecard.py

rollout-scorecard: $(READY) ## the rollout's decisions on simulated traffic, beside others' rules; 4 where an aim is missed
	$(BIN)/python bench/rollout_scorecard.py

LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	--no-annotate --no-header --no-emit-index-url --quiet

lock: ## make requirements.lock anew, and its parts in ci/locks (needs uv); hashed, and they name no host
	$(LOCK) --extra package --extra serve --extra ci --extra rehearse --extra dev --upgrade -o requirements.lock
	$(LOCK) --extra data -c requirements.lock --upgrade -o ci/locks/prepare.lock
	$(LOCK) --extra fit -c requirements.lock --upgrade -o ci/locks/fit.lock
	$(LOCK) --extra evaluate -c requirements.lock --upgrade -o ci/locks/evaluate.lock
	$(LOCK) --extra registry -c requirements.lock --upgrade -o ci/locks/register.lock
	for part in train check-code check-data test audit package serve monitor rehearse ray; do \
		$(LOCK) --extra $$part -c requirements.lock --upgrade -o ci/locks/$$part.lock || exit; done

mutants-map: $(READY) ## which test runs which line, for the two below; TESTS="tests/deploy" maps some again
	$(BIN)/python -m tools.mutants map $(TESTS)

faults: $(READY) ## hand-made faults of FILE=faults.json against the tests near each; LIMIT=0 for all tests that run the line
	$(BIN)/python -m tools.mutants faults $(FILE) $(if $(LIMIT),--limit $(LIMIT)) $(if $(JOBS),--jobs $(JOBS)) $(if $(FRESH),--fresh)

mutants: $(READY) ## mutants of PATHS=src/modelway/rollout, or of CHANGED=main; SAMPLE=50 SEED=1 for some; goes on where it was
	$(BIN)/python -m tools.mutants run $(PATHS) $(if $(CHANGED),--changed $(CHANGED)) $(if $(SAMPLE),--sample $(SAMPLE)) \
		$(if $(SEED),--seed $(SEED)) $(if $(LIMIT),--limit $(LIMIT)) $(if $(JOBS),--jobs $(JOBS)) $(if $(FRESH),--fresh)

engine-check: $(READY) ## which dagger CLI and engine are found, and what would be skipped without
	$(BIN)/python ci/engine_check.py

kube-check: $(READY) ## whether a real Kubernetes API server is found, and what would be skipped without
	$(BIN)/python tests/deploy/kubernetes/real_cluster

clean: ## remove the environment and what runs left
	rm -rf $(VENV) .modelway mlflow.db mlartifacts model-artifacts reports data htmlcov .coverage site

# The lock decides what is installed; nothing is resolved here. modelway itself is built with what the lock brought.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "modelway needs Python 3.11 or newer; name one with PYTHON=..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@
