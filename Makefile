# README's two commands are `make demo` and `make test`. Each sets up what it needs in .venv, from a Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
# Modules are compiled when they are first imported, not the many that never are. The pip that comes with Python takes longer.
PIP := $(BIN)/python -m pip --disable-pip-version-check
DEMO := build/demo
SAMPLE := data/samples/paraphrase

.PHONY: demo test check lint types tests bench soak docs synonyms clean

demo: .venv/base
	rm -rf $(DEMO)
	$(BIN)/xlt-augment build --m 10 --p 0.1 --out $(DEMO)/train-10
	$(BIN)/xlt-augment verify $(DEMO)/train-10
	for seed in 1 2 3; do for method in baseline rs-da; do \
	  $(BIN)/xlt-train fit --data $(DEMO)/train-10 --method $$method --model nano --dev $(SAMPLE)/dev-en.tsv --seed $$seed \
	    --output_dir $(DEMO)/runs/$$method-$$seed || exit 1; \
	  $(BIN)/xlt-train evaluate $(DEMO)/runs/$$method-$$seed --test-dir $(SAMPLE) --pairs all || exit 1; \
	done; done
	for method in baseline rs-da; do \
	  $(BIN)/xlt-train probe $(DEMO)/runs/$$method-1 --test-dir $(SAMPLE) --data $(DEMO)/train-10 || exit 1; \
	done
	$(BIN)/xlt-train compare '$(DEMO)/runs/baseline-*' '$(DEMO)/runs/rs-da-*'
	$(BIN)/xlt-train report $(DEMO)/runs --against published --out $(DEMO)/report

# mypy needs a core for a minute, so the tests do not wait for it.
test: .venv/dev lint
	$(MAKE) --no-print-directory --jobs 2 types tests

check: lint types

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev
	$(BIN)/mypy

tests: .venv/dev
	$(BIN)/python -m pytest -n 2

bench: .venv/dev
	for script in build scale store tokens memory startup train train_tokens train_step evaluate calibration synonyms service; do $(BIN)/python benchmarks/$$script.py || exit 1; done

# The long forms: every hypothesis property on many more examples.
soak: .venv/dev
	HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest -n 2 --timeout 3600

# docs/commands.md is generated from the help texts; a test compares it.
docs: .venv/dev
	$(BIN)/python -m tests.contract.command_docs > docs/commands.md

# The default synonym set, from WordNet (Debian: wordnet-base and wordnet-sense-index, or nltk's corpus); four minutes.
synonyms: .venv/dev
	$(BIN)/python data/synonyms/make_english.py

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(PIP) install --quiet --no-compile --constraint constraints.txt --upgrade pip

.venv/base: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) install --quiet --no-compile --constraint constraints.txt --editable '.[train,report,service]'
	touch $@

.venv/dev: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	touch .venv/base $@

clean:
	rm -rf .venv build dist
