# Two commands do all the set-up: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
TEST := ENV=test DATA_DIR=.clinic/test

.PHONY: run test bench faults check format data-model picture image requirements clean

run: $(VENV)/program
	$(BIN)/python -m clinic_api serve

test: $(VENV)/ready
	$(BIN)/pytest -q

bench: $(VENV)/ready
	$(BIN)/python -m benchmarks

faults: $(VENV)/ready
	$(BIN)/python -W ignore -m tests.faults

picture: $(VENV)/ready
	$(BIN)/python -m tests.browser.picture

check: $(VENV)/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_house.py
	$(TEST) $(BIN)/alembic upgrade head
	$(TEST) $(BIN)/alembic check

image:
	docker build --tag clinic-api $(if $(BASE),--build-arg BASE=$(BASE)) \
		--label org.opencontainers.image.version=$(shell sed -n 's/__version__ = "\(.*\)"/\1/p' clinic_api/__init__.py) \
		--label org.opencontainers.image.revision=$(shell git rev-parse HEAD) \
		--label org.opencontainers.image.created=$(shell git log -1 --format=%cI) .

format: $(VENV)/ready
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

data-model: $(VENV)/ready
	$(BIN)/python -m tests.docs.data_model

requirements: $(VENV)/ready
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev pyproject.toml -o requirements.txt

# The program, with requests for the examples; and then what tests and checks need.
$(VENV)/program: requirements.txt pyproject.toml
	@echo "Making the environment in $(VENV) (once, about a minute) …"
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed: make PYTHON=python3.12 …')"
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) --editable . requests --constraint requirements.txt
	@touch $@

$(VENV)/ready: $(VENV)/program
	@$(INSTALL) -r requirements.txt
	@touch $@

clean:
	rm -rf $(VENV) .clinic
