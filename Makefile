# Two commands for daily use: `make site` and `make test`. See README.md for the three depths.
SHELL := /bin/bash
PYTHON := .venv/bin/python
PYTHON3 ?= python3
PIP := $(PYTHON) -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes --requirement
PAGES := _site/index.html _site/appendix/index.html _site/404.html
LOG := build/setup.log
comma := ,

.PHONY: site serve test api validate check-evidence renew mutants reproduce train lock-hub locks sbom setup system python compiler drawing browser clean
.NOTPARALLEL: # each step of set-up needs the one before it, whatever MAKEFLAGS says
.DEFAULT_GOAL := site

# $(call fail,what was to be installed,where from): what the installer said, and one sentence on why, by its words
define fail
{ cat $(LOG); \
  proxy=$$(for name in https_proxy HTTPS_PROXY http_proxy HTTP_PROXY all_proxy ALL_PROXY; do [ -z "$${!name}" ] || { echo " (asked through the proxy that $$name names)"; break; }; done); \
  case "$$(cat $(LOG))" in \
    *"No space left"*|*ENOSPC*) why="the disk is full" ;; \
    *"DO NOT MATCH THE HASHES"*|*EINTEGRITY*|*"Hash Sum mismatch"*) why="$(2) gave a file with other bytes than the lock file names, and it was refused" ;; \
    *"Could not get lock"*) why="another program is installing packages: wait for it, then give the same command again" ;; \
    *"ermission denied"*|*EACCES*) why="a place named above cannot be written" ;; \
    *"connection broken"*|*"Could not resolve"*|*"Could not connect"*|*"Could not reach"*|*"Could not fetch"*|*"Network error"*|*"Failed to fetch"*|*"timed out"*|*ECONNREFUSED*|*ECONNRESET*|*ENOTFOUND*|*EAI_AGAIN*|*ETIMEDOUT*) \
      why="give the same command again once $(2) can be reached$$proxy" ;; \
    *"No matching distribution"*) why="$(2) has no such file for $$($(PYTHON) -V) on this machine, or pip's settings forbid to ask" ;; \
    *) why="the reason is above" ;; \
  esac; \
  echo "error: $(1) could not be installed: $$why"; } >&2; exit 1
endef

# $(call ask,checks): each check is `have PROGRAM PACKAGE`, or adds to `missing`; what is missing is installed where that is allowed
define ask
missing=(); have() { command -v "$$1" > /dev/null || missing+=("$$2"); }; \
$(1); \
if [ $${#missing[@]} -gt 0 ]; then \
  packages="$${missing[*]}"; case " $$packages " in *" jekyll "*) packages+=" ruby-jekyll-seo-tag" ;; esac; \
  if ! command -v apt-get > /dev/null; then \
    echo "error: programs are missing, by the names of Debian's packages $${missing[*]}: install them as this system does, and give the same command again" >&2; exit 1; \
  elif [ "$$(id -u)" = 0 ]; then \
    echo "installing $${missing[*]}"; mkdir -p build; \
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$packages; } > $(LOG) 2>&1 || \
    { $(call fail,the programs,Debian's packages); }; \
  elif command -v sudo > /dev/null; then \
    echo "error: programs are missing; install them with: sudo apt-get install --no-install-recommends $$packages" >&2; exit 1; \
  else \
    echo "error: programs are missing, and there is no sudo here; as root: apt-get install --no-install-recommends $$packages" >&2; exit 1; \
  fi; \
fi
endef

site: setup ## what is stale, then the page (about a minute on a fresh clone, set-up apart; SOURCE=hub: from published models)
	$(PYTHON) -m doit $(if $(SOURCE),source=$(SOURCE))
	bundle exec jekyll build
	@echo "the page: _site/index.html (make serve previews it)"

serve: site ## preview at http://127.0.0.1:4000
	bundle exec jekyll serve --skip-initial-build --no-watch

test: setup compiler drawing browser ## ruff, and pytest in two processes, a file of tests at a time (minutes)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

validate: setup ## the built pages by html-validate, the Nu checker (needs Java) and Lighthouse, performance apart (a minute, with 160 MB of packages)
	@npm ci --loglevel=error && touch node_modules/installed
	npx html-validate $(PAGES)
	java -jar node_modules/vnu-jar/build/dist/vnu.jar --errors-only $(PAGES)
	node benchmarks/lighthouse.mjs --runs 1 --no-performance

api: python .venv/installed ## a page of all that the library makes public, into _site/api/, from what a wheel would hold
	$(PYTHON) setup.py --quiet build --build-base build/library
	cd build/library/lib && $(abspath $(PYTHON)) -c 'import pathlib, pdoc, sequence_rl; [getattr(sequence_rl, name) for name in sequence_rl.__all__]; \
	  pdoc.render.configure(show_source=False); pdoc.pdoc("sequence_rl", output_directory=pathlib.Path("$(CURDIR)/_site/api"))'

renew: setup compiler drawing ## evidence stale because of source alone, where today's code is shown to make the same (minutes)
	$(PYTHON) -m pipeline renew

mutants: setup compiler ## small mistakes in the arithmetic, one at a time: which do the tests miss? (half an hour; resumable; benchmarks/mutants.md)
	$(PYTHON) tests/mutants.py

check-evidence: setup compiler drawing ## what was forged with its digests: all that follows from something else, and a random sample played again (a minute)
	$(PYTHON) -m pipeline check

reproduce: setup compiler drawing ## evidence again from the checkpoints, drawn at random, and a verdict on each result (half an hour; MINUTES=0 everything, ALL=1 every shard too, SOURCE=hub published models)
	$(PYTHON) -m pipeline reproduce $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(ALL),--all) $(if $(SOURCE),--source $(SOURCE))

train: setup compiler drawing ## data and models from nothing (hours on a CPU; resumable)
	$(PYTHON) -m doit train

lock-hub: setup ## record the commits and sums of the published models as the hub has them now, into hub.lock
	$(PYTHON) -m pipeline lock-hub

locks: setup build/tools/installed ## the lock files of Python's packages from pyproject.toml (a minute; UPGRADE=1: newest versions, with which evidence is to be made again)
	build/tools/bin/python locks.py $(if $(UPGRADE),--upgrade)

sbom: setup build/tools/installed ## all that is installed, as CycloneDX: build/sbom.python.json and build/sbom.npm.json
	build/tools/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-format JSON --output-file build/sbom.python.json $(PYTHON)
	npm sbom --sbom-format cyclonedx --package-lock-only --omit=dev > build/sbom.npm.part && mv build/sbom.npm.part build/sbom.npm.json

setup: system python .venv/installed node_modules/installed
	@bundle check > /dev/null 2>&1 || { mkdir -p build; \
	  { [ "$$(id -u)" = 0 ] || bundle config set --local path vendor/bundle; } && bundle install < /dev/null > $(LOG) 2>&1; } || \
	  { $(call fail,the gems,RubyGems); }

python: # an environment whose Python is gone or too old is made anew, and one whose folder was renamed finds itself again
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || rm -f .venv/installed

# A half-finished environment is made anew; what is missing from a whole one is added. Torch first: the CPU's build where pip finds it.
.venv/installed: requirements.lock requirements-cpu.lock requirements-cuda.lock
	@echo "installing Python packages into .venv (once, some minutes)"
	@mkdir -p build
	@{ [ -e $@ ] && $(PYTHON) -m pip --version > /dev/null 2>&1; } || $(PYTHON3) -m venv --clear .venv
	@rm -f $@
	@$(PIP) requirements-cpu.lock > $(LOG) 2>&1 || { \
	  ! grep -q "connection broken" $(LOG) && \
	  echo "no build of torch for CPUs that requirements-cpu.lock knows is found by pip; installing PyPI's, of gigabytes on Linux" && \
	  $(PIP) requirements-cuda.lock > $(LOG) 2>&1; } || { $(call fail,the Python packages,the package index); }
	@$(PIP) requirements.lock > $(LOG) 2>&1 || { $(call fail,the Python packages,the package index); }
	@$(PYTHON) -m pip --disable-pip-version-check check > $(LOG) 2>&1 || { $(call fail,the Python packages,the package index); }
	@touch $@

build/tools/installed: requirements-tools.lock
	@mkdir -p build && $(PYTHON3) -m venv --clear build/tools
	@build/tools/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes --requirement $< > $(LOG) 2>&1 || \
	  { $(call fail,the tools,the package index); }
	@touch $@

node_modules/installed: package-lock.json
	@mkdir -p build
	@npm ci --omit=dev --no-audit --no-fund --loglevel=error > $(LOG) 2>&1 || { $(call fail,the npm packages,the registry); }
	@touch $@

system: ## what the page needs, from Debian: installed where that is allowed, otherwise named
	@[ -w . ] || { echo "error: $$PWD cannot be written, and set-up and page are made in it: copy it to where you may write" >&2; exit 1; }
	@$(call ask,have jekyll jekyll; have bundle ruby-bundler; have node nodejs; have npm npm; have $(PYTHON3) python3; \
	  ! command -v apt-get > /dev/null || $(PYTHON3) -c 'import ensurepip$(comma) venv' 2> /dev/null || missing+=(python3-venv))
	@$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON3) is $$($(PYTHON3) -V 2>&1), and 3.11 or later is needed: name one, as in make PYTHON3=python3.12" >&2; exit 1; }

compiler: # for planning, and so for what plays
	@$(call ask,printf '\043include <math.h>\n' | cc -E -x c - > /dev/null 2>&1 || missing+=(gcc libc6-dev))

drawing: # for films; macOS has a library of its own (MUJOCO_GL=cgl)
	@[ "$$(uname)" = Darwin ] || { $(call ask,PATH=$$PATH:/usr/sbin:/sbin ldconfig -p 2> /dev/null | grep -q libOSMesa || missing+=(libosmesa6)); }

browser: # for the tests of the page
	@$(call ask,have chromium chromium)

clean: ## forget what is rebuilt; installed packages and data stay
	rm -rf _site .jekyll-cache build
