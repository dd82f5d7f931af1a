# Two commands for daily use: `make site` and `make test`. See README.md for the three depths.
SHELL := /bin/bash
PYTHON := .venv/bin/python
PAGES := _site/index.html _site/appendix/index.html _site/404.html

.PHONY: site serve test validate check-evidence renew mutants reproduce train lock-hub setup system python clean
.NOTPARALLEL: # each step of set-up needs the one before it, whatever MAKEFLAGS says
.DEFAULT_GOAL := site

site: setup ## what is stale, then the page (about a minute on a fresh clone, set-up apart; SOURCE=hub: from published models)
	$(PYTHON) -m doit $(if $(SOURCE),source=$(SOURCE))
	bundle exec jekyll build
	@echo "the page: _site/index.html (make serve previews it)"

serve: site ## preview at http://127.0.0.1:4000
	bundle exec jekyll serve --skip-initial-build --no-watch

test: setup ## ruff, and pytest in two processes, a file of tests at a time (minutes)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

validate: setup ## the built pages by html-validate, the Nu checker (needs Java) and Lighthouse, performance apart (a minute, with 160 MB of packages)
	@npm ci --loglevel=error && touch node_modules/installed
	npx html-validate $(PAGES)
	java -jar node_modules/vnu-jar/build/dist/vnu.jar --errors-only $(PAGES)
	node benchmarks/lighthouse.mjs --runs 1 --no-performance

renew: setup ## evidence stale because of source alone, where today's code is shown to make the same (minutes)
	$(PYTHON) -m pipeline renew

mutants: setup ## small mistakes in the arithmetic, one at a time: which do the tests miss? (half an hour; resumable; benchmarks/mutants.md)
	$(PYTHON) tests/mutants.py

check-evidence: setup ## what was forged with its digests: all that follows from something else, and a random sample played again (a minute)
	$(PYTHON) -m pipeline check

reproduce: setup ## all evidence again from the checkpoints, and a verdict on each result (minutes; ALL=1 plays every shard, SOURCE=hub published models)
	$(PYTHON) -m pipeline reproduce $(if $(ALL),--all) $(if $(SOURCE),--source $(SOURCE))

train: setup ## data and models from nothing (hours on a CPU; resumable)
	$(PYTHON) -m doit train

lock-hub: setup ## record the commits and sums of the published models as the hub has them now, into hub.lock
	$(PYTHON) -m pipeline lock-hub

setup: system python .venv/installed node_modules/installed
	@bundle check > /dev/null 2>&1 || bundle install

python: # an environment whose Python is gone is made anew, and one whose folder was renamed finds itself again
	@.venv/bin/python -c '' 2> /dev/null || rm -f .venv/installed

.venv/installed: requirements.lock
	@echo "installing Python packages into .venv (once, some minutes)"
	@.venv/bin/python -m pip --version > /dev/null 2>&1 || python3 -m venv --clear .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock || \
	  { echo "error: the Python packages could not be installed; give the same command again once the package index can be reached" >&2; exit 1; }
	@touch $@

node_modules/installed: package-lock.json
	@npm ci --omit=dev --no-audit --no-fund --loglevel=error || \
	  { echo "error: the npm packages could not be installed; give the same command again once the registry can be reached" >&2; exit 1; }
	@touch $@

system: ## programs from Debian: installed where that is allowed, otherwise named
	@[ -w . ] || { echo "error: $(CURDIR) cannot be written, and set-up and page are made in it: copy it to where you may write" >&2; exit 1; }
	@missing=(); \
	have() { command -v "$$1" > /dev/null || missing+=("$$2"); }; \
	have jekyll jekyll; have bundle ruby-bundler; have node nodejs; have npm npm; have chromium chromium; \
	python3 -c 'import ensurepip, venv' 2> /dev/null || missing+=(python3-venv); \
	printf '#include <math.h>\n' | cc -E -x c - > /dev/null 2>&1 || missing+=(gcc libc6-dev); \
	PATH=$$PATH:/usr/sbin:/sbin ldconfig -p 2> /dev/null | grep -q libOSMesa || missing+=(libosmesa6); \
	if [ $${#missing[@]} -gt 0 ]; then \
	  if command -v apt-get > /dev/null && [ "$$(id -u)" = 0 ]; then \
	    echo "installing $${missing[*]}"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$${missing[@]}" ruby-jekyll-seo-tag > /dev/null || \
	    { echo "error: the programs could not be installed; give the same command again once Debian's packages can be reached" >&2; exit 1; }; \
	  else \
	    echo "missing programs; install them with: sudo apt-get install --no-install-recommends $${missing[*]} ruby-jekyll-seo-tag" >&2; exit 1; \
	  fi; \
	fi

clean: ## forget what is rebuilt; installed packages and data stay
	rm -rf _site .jekyll-cache build
