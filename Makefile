# The commands of this project; `make help` lists them.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
RELAB := $(VENV)/bin/relab
# Jobs call `python`, and tests `snakemake`, by name.
activated := PATH="$$PWD/$(VENV)/bin:$$PATH"

# How a run is named to relab.
run = $(if $(RUN),--directory '$(RUN)') $(if $(CONFIG),--configfile '$(CONFIG)')
folder = $(if $(RUN),$(RUN)/)

.PHONY: help report test lint bench compare plan docs picture clean environment lock lock-check
.DEFAULT_GOAL := help

help:
	@echo "make report       compute everything that is out of date and write results/report.html"
	@echo "make plan         say what make report would run, download and take"
	@echo "make compare      A=RUN B=RUN: what changed between two runs (the checkout itself is the run .)"
	@echo "make clean        remove the run's results and progress; the environment and the downloads stay"
	@echo "make test         run the tests"
	@echo "make lint         check the style of the code and of the rules"
	@echo "make bench        measure speed and memory; results go to benchmarks/RESULTS.md  (BENCH=NAME: one program,"
	@echo "                  BENCH=card: what a CUDA card makes of the full scale, in eight minutes)"
	@echo "make docs         write the configuration's documentation and schema from its code"
	@echo "make picture      take docs/report.png of the report's first screen, with Chromium"
	@echo "make environment  set up .venv; the others do it themselves"
	@echo "make lock         resolve envs/*.in anew  (UPGRADE=1: take the newest versions)"
	@echo "make lock-check   check that the lock can be installed on each platform and Python"
	@echo
	@echo "Options, given as NAME=VALUE:"
	@echo "  RUN          folder of another run, as runs/wide: report, plan, clean"
	@echo "  CONFIG       a file laid over config/config.yaml, as config/full.yaml: report, plan"
	@echo "  ARGS         more arguments for Snakemake or pytest: report, test"
	@echo "  PYTHON       the Python 3.11, 3.12 or 3.13 for .venv (default: python3)"
	@echo "  TORCH_INDEX  the package index for torch alone. On a Linux machine without an NVIDIA card, give the address"
	@echo "               of PyTorch's CPU wheel index: the build that pip takes by itself is several GB of CUDA."

report: environment
	$(RELAB) report $(run) $(if $(ARGS),-- $(ARGS))
	@if [ -f '$(folder)results/report.html' ]; then echo "The report is in $(folder)results/report.html"; fi

# In the order of folders: those of few and long tests would come last otherwise, and one worker would wait for the other.
test: environment
	$(activated) python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: environment
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/snakefmt --check Snakefile rules
	$(activated) snakemake --lint

# Each program prints one line of JSON a figure; those of a program that fails are shown and not kept.
bench: environment
	@mkdir -p benchmarks/results
	@programs=$$(grep -lw emit benchmarks/$(or $(BENCH),*).py | grep -v /common.py) || exit 1; \
	for program in $$programs; do \
	  name=$$(basename "$$program" .py); echo "benchmark: $$name" >&2; \
	  lines=$$($(activated) PYTHONPATH=scripts python "$$program") || { printf '%s\n' "$$lines" >&2; exit 1; }; \
	  if [ -n "$$lines" ]; then printf '%s\n' "$$lines" | tee -a "benchmarks/results/$$name.jsonl"; fi; \
	done; \
	$(activated) python benchmarks/table.py

compare: two-runs environment
	$(RELAB) compare '$(A)' '$(B)'

.PHONY: two-runs
two-runs:
	@if [ -z '$(A)' ] || [ -z '$(B)' ]; then \
	  echo "error: compare needs two runs, as in make compare A=. B=runs/wide" >&2; exit 2; \
	fi

plan: environment
	@$(RELAB) plan $(run)

docs: environment
	PYTHONPATH=scripts $(PY) -m relab.settings.document

picture:
	chromium --headless --no-sandbox --hide-scrollbars --window-size=1300,1000 --screenshot=docs/report.png \
	  '$(folder)results/report.html'

# Environments that Snakemake made (--sdm conda) stay, as .venv does.
clean:
	@if [ -d '$(or $(RUN),.)/results' ]; then \
	  find '$(or $(RUN),.)/results' -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +; \
	fi
	@if [ -d '$(or $(RUN),.)/.snakemake' ]; then \
	  find '$(or $(RUN),.)/.snakemake' -mindepth 1 -maxdepth 1 ! -name 'conda*' -exec rm -rf {} +; \
	fi
	@rm -rf '$(or $(RUN),.)/state'

environment:
	@command -v $(PYTHON) > /dev/null || \
	  { echo "error: no $(PYTHON) on the path; name a Python 3.11, 3.12 or 3.13 with PYTHON=" >&2; exit 1; }
	@$(PYTHON) envs/install.py --torch-index '$(TORCH_INDEX)' $(if $(filter-out file,$(origin PYTHON)),--this-python)

lock: environment
	$(PY) envs/lock.py write $(if $(UPGRADE),--upgrade)

lock-check: environment
	$(PY) envs/lock.py check
