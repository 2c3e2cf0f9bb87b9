# Two commands: `make search` finds a network, `make test` runs the tests.
# Both make the environment in .venv first; an existing .venv is reused.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FIRST_RUN := runs/first-search
# Tests share out the cores, a process each, on one thread each.
PYTEST = OMP_NUM_THREADS=1 $(1)/bin/python -m pytest -n auto --dist worksteal

.PHONY: help search test test-slow docs check check-integrations check-without-torch check-wheel check-lowest check-newest clean

help:
	@echo "make search   make the environment, then search a network for handwritten digits"
	@echo "make test     make the environment, then run the tests"
	@echo "make check    lint, types, import rules, documentation, tests without torch, the wheel"
	@echo "make docs     build the documentation into site/"
	@echo "make clean    remove what these commands made, runs/ excepted"

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "swarmnas needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

search: $(READY)
	$(BIN)/swarmnas search --preset digits --out $(FIRST_RUN) --overwrite
	$(BIN)/swarmnas compare $(FIRST_RUN)

test: $(READY)
	$(call PYTEST,$(VENV))

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

# Warnings are errors, links are checked, and every public name must be in the reference.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

$(VENV)/.docs: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(MAKE) docs check-integrations check-without-torch check-wheel

# Everything below the networks works, and is tested, without torch.
WITHOUT_TORCH := tests/test_core.py tests/conformance tests/optimizers tests/spaces tests/phases tests/problems tests/runs tests/bench tests/golden
check-without-torch:
	$(PYTHON) -m venv --clear $(VENV)-core
	$(VENV)-core/bin/python .ci/dependencies.py --without torch torchvision rich typer scikit-learn > $(VENV)-core/requirements.txt
	$(VENV)-core/bin/python -m pip install --quiet --disable-pip-version-check -r $(VENV)-core/requirements.txt
	$(VENV)-core/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	$(VENV)-core/bin/python -c 'import importlib.util as u; assert u.find_spec("torch") is None, "torch is installed here"'
	$(call PYTEST,$(VENV)-core) $(WITHOUT_TORCH)

# The tests with the lowest and with the newest version of every dependency. WITHOUT names packages
# to leave out; without torch, only the tests of what works without it run. BORROW names an
# environment whose torch, gigabytes, is used as it is instead of being fetched.
check-lowest check-newest: check-%:
	$(PYTHON) -m venv --clear $(VENV)-$*
	$(VENV)-$*/bin/python .ci/dependencies.py $(if $(filter lowest,$*),--lowest) $(if $(BORROW),--borrow $(BORROW)) --without $(WITHOUT) > $(VENV)-$*/requirements.txt
	$(VENV)-$*/bin/python -m pip install --quiet --disable-pip-version-check -r $(VENV)-$*/requirements.txt
	$(VENV)-$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	$(call PYTEST,$(VENV)-$*) -W ignore::DeprecationWarning $(if $(filter torch,$(WITHOUT)),$(WITHOUT_TORCH))

# Adapters against the real packages that are light enough; tests of the others skip.
check-integrations: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[optuna,dask,pymoo,tensorboard]' coco-experiment
	$(BIN)/python -m pytest tests/integrations swarmnas/integrations

# The wheel works on its own: built, installed in an environment that holds neither the checkout
# nor its editable install, run outside the checkout. What it depends on, torch among it, is
# borrowed from .venv, for a second copy takes gigabytes; pip refuses if the wheel asks for more.
check-wheel: $(READY)
	rm -rf dist
	$(BIN)/python -m build --wheel > /dev/null
	$(PYTHON) -m venv --clear --without-pip $(VENV)-wheel
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > borrowed.pth
	mv borrowed.pth $$($(VENV)-wheel/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
	$(BIN)/python -m pip --python $(VENV)-wheel/bin/python install --quiet --disable-pip-version-check --no-deps --ignore-installed dist/*.whl
	$(BIN)/python -m pip --python $(VENV)-wheel/bin/python --disable-pip-version-check check
	cd $(VENV)-wheel && bin/python -c 'import swarmnas, sys; assert swarmnas.__file__.startswith(sys.prefix), swarmnas.__file__' \
		&& bin/swarmnas --version && bin/swarmnas --help && bin/swarmnas policy show g-icso-nas \
		&& bin/swarmnas search --preset digits --epochs 3 --train-images 200 --out run --overwrite

clean:
	rm -rf $(VENV) $(VENV)-core $(VENV)-wheel $(VENV)-lowest $(VENV)-newest dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
