# Everything below works on a fresh machine with Python 3.11, make and a package index.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DEMO := demo

.PHONY: setup secrets demo results docs stub test test-system gpu-check lint clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

# Sweeps the laptop trio and draws how robust each model is: about 14 minutes on two cores.
demo: $(STAMP)
	mkdir -p $(DEMO)
	cd $(DEMO) && ../$(BIN)/sweep run --model vit_p_1mf --model vit_c_1mf --model regnety_1mf --n 64
	@cd $(DEMO) && ../$(BIN)/sweep cdf --absolute --out edf-absolute.pdf >/dev/null
	@cd $(DEMO) && ../$(BIN)/sweep scatter --out scatter.pdf >/dev/null
	@cd $(DEMO) && ../$(BIN)/sweep report --out report.html >/dev/null
	@echo
	@cd $(DEMO) && ../$(BIN)/sweep cdf --out edf.pdf
	@echo
	@echo "$(DEMO)/edf.pdf: for each model, the share of its 64 trials that came within x points of its optimum."
	@echo "A curve that rises at once is a model that is easy to train. With the error itself: edf-absolute.pdf;"
	@echo "every trial: scatter.pdf; everything on one page: report.html."
	@echo "Next:  cd $(DEMO) && ../$(BIN)/sweep compare     or     ../$(BIN)/sweep ui"

# The studies of docs/results/digits: hyperparameters, lengths and optimizers, an hour or two on two cores.
results: $(STAMP)
	$(BIN)/python benchmarks/results.py --recipe digits

# Random passwords and a token for the cluster of docker/compose.yaml, in docker/.env.
secrets:
	sh docker/secrets

# The documentation as a website, in docs/_build/html. Warnings are errors; nothing is downloaded.
docs: $(STAMP)
	$(BIN)/python -m sphinx -W --keep-going -E -a -q -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

# What editors and type checkers see of the Python API, made of its options.
stub: $(STAMP)
	PYTHONPATH=. $(BIN)/python tests/support/api_stub.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Two at once: many tests wait for Ray or MLflow to start.
test: lint
	$(BIN)/pytest -n 2 --dist worksteal

# What needs a browser, servers or Debian packages; those are installed where that is possible.
test-system: $(STAMP)
	sh tests/install-system-packages
	$(BIN)/pytest -m system

# What only a GPU can tell, in at most eight minutes: gpu-check.md. Needs torch, torchvision and timm only.
gpu-check:
	PYTHONPATH=. $(PYTHON) benchmarks/gpu_check.py --out gpu-check

clean:
	rm -rf .venv build *.egg-info docs/_build $(DEMO)
