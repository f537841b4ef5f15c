# make demo    train a network on the CPU and move it to another device and back, live
# make test    all tests; those that compare with PyTorch need it (TENSORPLUG_ORACLE=1 installs it), those of OpenCL
#              and CUDA their libraries (TENSORPLUG_DEVICES=1 installs pyopencl, CuPy, oneDNN and JAX)
# make lint    ruff, mypy, pyright, import-linter, and the workflows
# make build   compile what changed
# make bench   overhead and training speed, against PyTorch where it is installed
#
# Everything lives in $(VENV); PYTHON chooses the interpreter that it is made from.

VENV ?= .venv
PYTHON ?= $(firstword $(foreach name,python3.13 python3.12 python3.11 python3,$(if $(shell \
	$(name) -c 'import sys; print(sys.version_info >= (3, 11) or "")' 2>/dev/null | grep True),$(name))))
JOBS ?= 2
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check install --quiet
STAMPS = $(VENV)/stamps

.PHONY: demo test lint build bench clean
.DELETE_ON_ERROR:

demo: $(STAMPS)/demo build
	$(VENV)/bin/tensorplug demo

test: $(STAMPS)/test build $(if $(filter 1,$(TENSORPLUG_ORACLE)),$(STAMPS)/oracle) \
	$(if $(filter 1,$(TENSORPLUG_DEVICES)),$(STAMPS)/devices)
	$(VENV)/bin/python -m pytest -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

lint: $(STAMPS)/lint build
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check --quiet .
	$(VENV)/bin/mypy
	$(VENV)/bin/pyright --pythonpath $(VENV)/bin/python
	$(VENV)/bin/lint-imports
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(VENV)/bin/zizmor --offline --quiet .github/workflows

bench: $(STAMPS)/test build
	$(VENV)/bin/python benchmarks/overhead.py
	$(VENV)/bin/python benchmarks/mlp.py

build: $(STAMPS)/build
	@$(VENV)/bin/python hatch_build.py

clean:
	rm -rf build dist out $(VENV) backends/cpu/tensorplug_cpu/generated backends/cpu/tensorplug_cpu/.cache
	find frontend dispatcher backends plugins -name '*.so' -delete

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed; name it with PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The build tools go into the environment, so that later builds take no isolated one. The package itself is installed
# by hand-over of its metadata; the compiled parts are made by hatch_build.py.
$(STAMPS)/build: pyproject.toml | $(VENV)/bin/python
	@mkdir -p $(STAMPS)
	$(PIP) "cffi>=1.17" "cython>=3.1" "editables>=0.5" "hatchling>=1.26"
	$(PIP) --no-build-isolation --editable .
	@touch $@

$(STAMPS)/demo: pyproject.toml | $(STAMPS)/build
	$(PIP) --no-build-isolation --editable '.[demo]'
	@touch $@

$(STAMPS)/test: pyproject.toml | $(STAMPS)/build
	$(PIP) --no-build-isolation --editable '.[demo,test]'
	@touch $@ $(STAMPS)/demo

$(STAMPS)/lint: pyproject.toml | $(STAMPS)/build
	$(PIP) --no-build-isolation --editable '.[lint]'
	@touch $@

$(STAMPS)/devices: pyproject.toml | $(STAMPS)/build
	$(PIP) --no-build-isolation --editable '.[opencl,nvrtc,onednn,strangers]'
	@touch $@

$(STAMPS)/oracle: pyproject.toml | $(STAMPS)/build
	$(PIP) --no-build-isolation --editable '.[oracle]'
	@touch $@
