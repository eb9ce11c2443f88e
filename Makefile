# Thin on purpose: every target is a script in scripts/ or tests/, which say what they do.
# PG_CONFIG= points a target at a server you have; PG= chooses another supported version for tests.

PG ?=
PG_CONFIG ?=
DESTDIR ?=
ONLY ?=

PYTHON = PYTHONDONTWRITEBYTECODE=1 python3
SERVER = $(if $(PG),--pg "$(PG)") --pg-config "$(PG_CONFIG)"

.DEFAULT_GOAL = build
.PHONY: help build bench bench-media bench-backtest bench-dashboard demo demo-stop quality fuzz test install installcheck package update-script fmt clippy clean distclean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 14

build: ## build the extension for the server of PG_CONFIG= (or of the pg_config in PATH)
	@$(PYTHON) scripts/build.py build --pg-config "$(PG_CONFIG)"

install: ## build, and install into the server of PG_CONFIG=; DESTDIR= as usual
	@$(PYTHON) scripts/build.py install --pg-config "$(PG_CONFIG)" --destdir "$(DESTDIR)"

installcheck: ## test what is installed in the server of PG_CONFIG=, or in the running one of PGHOST/PGPORT; ONLY= as for test
	@$(PYTHON) tests/run.py --installed --pg-config "$(PG_CONFIG)" $(if $(ONLY),--only "$(ONLY)")

package: ## build a tree of the files to ship, with the paths of the server of PG_CONFIG=
	@$(PYTHON) scripts/build.py package --pg-config "$(PG_CONFIG)"

update-script: ## write sql/pg_moderation--OLD--NEW.sql anew, after a change in sql/
	@$(PYTHON) scripts/upgrade_script.py

demo: ## flagged messages on a private PostgreSQL 18, or on a private copy of the one of PG_CONFIG=
	@$(PYTHON) scripts/demo.py start --pg-config "$(PG_CONFIG)"

demo-stop: ## end the demo's cluster
	@$(PYTHON) scripts/demo.py stop

test: ## every test; PG=15|16|17|18, or PG_CONFIG=; ONLY=regress/name runs that alone
	@$(PYTHON) tests/run.py $(SERVER) $(if $(ONLY),--only "$(ONLY)")

bench: ## speed beside other matchers and plain SQL, with aims, as Markdown; QUICK=1: a smaller run
	@$(PYTHON) benches/bench.py $(if $(QUICK),--quick)

quality: ## what the engine finds, and finds wrongly, on labelled data (DATA=../shared/data)
	@cargo run --quiet --release -p pg_moderation_quality -- $(if $(DATA),"$(DATA)")

fuzz: ## one fuzz target of the engine; TARGET=find|fold|terms|parsers|open|decode|frames|hashes RUNS=10000000
	@$(PYTHON) scripts/fuzz.py $(or $(TARGET),find) $(or $(RUNS),10000000)

bench-media: ## what looking images up costs: index against scan, compiled lookups, hashing (ROWS=1000000)
	@$(PYTHON) benches/media.py $(if $(ROWS),--rows $(ROWS))

bench-backtest: ## what a backtest and a hunt through the index cost beside the scan (ROWS=1000000)
	@$(PYTHON) benches/backtest.py $(if $(ROWS),--rows $(ROWS))

bench-dashboard: ## the views and the daily refresh over many hits; about ten minutes, most of it loading (ROWS=10000000)
	@$(PYTHON) benches/dashboard.py $(if $(ROWS),--rows $(ROWS))

fmt: ## format the Rust code
	@cargo fmt --all

clippy: ## warnings as errors; PG= or PG_CONFIG= as for test
	@$(PYTHON) scripts/build.py clippy $(SERVER)

clean: ## stop the private clusters; remove them, the private servers and everything built
	@$(PYTHON) scripts/clean.py

distclean: ## clean, and remove the downloads and the tools
	@$(PYTHON) scripts/clean.py --downloads
