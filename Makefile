# What can be done here. The scripts say what they install; nothing is installed twice.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Cargo's progress bars are for people who watch; a log wants lines.
export CARGO_TERM_PROGRESS_WHEN ?= never

SCRIPTS := $(wildcard scripts/*.sh scripts/*/*.sh) .ci/run

.PHONY: help
help: ## Prints this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Builds the release binary, target/release/tollgate
	cargo build --release --locked

.PHONY: image
image: ## Builds the container image, target/image/tollgate.tar; podman load and docker load take it
	@scripts/tools.sh image
	@scripts/image.sh

.PHONY: sandbox
sandbox: ## Runs everything on this machine against simulated vendors, and shows a first code arriving
	cargo run --release --locked -- sandbox

.PHONY: test
test: ## Installs what is needed, then runs every check and every test, with one closing count
	@scripts/test.sh

.PHONY: test-cluster
test-cluster: ## Builds a Kubernetes control plane, once, and tries the chart on it: install, upgrade, rollback, uninstall
	@scripts/cluster.sh

.PHONY: tools
tools: ## Installs what the checks and tests need beside Rust
	@scripts/tools.sh

.PHONY: fmt
fmt: ## Formats the code
	cargo fmt

.PHONY: lint
lint: check-format clippy ## Checks format and lints

.PHONY: check-format
check-format: ## Checks the format of the code
	cargo fmt --check

.PHONY: clippy
clippy: ## Runs clippy on everything, with warnings denied
	cargo clippy --all-targets --locked -- -D warnings

.PHONY: doc
doc: ## Builds the code's documentation, private items too, with warnings denied
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked --document-private-items

.PHONY: proto
proto: ## Lints proto/ and checks its format
	@scripts/tools.sh proto
	.cache/buf/node_modules/.bin/buf lint
	.cache/buf/node_modules/.bin/buf format --diff --exit-code

.PHONY: chart
chart: ## Writes what is generated of the chart anew: the schema of its values, and their list in its README
	@scripts/tools.sh helm
	UPDATE_CHART=1 cargo test --locked --test chart -- the_schema_is_up_to_date the_readme_lists_every_value

.PHONY: deny
deny: ## Checks licences, bans and sources of every dependency
	@scripts/tools.sh dependencies
	@echo "advisories are left out here: their database may be out of reach. 'make advisories' checks them."
	.cache/cargo-deny --locked --log-level error check licenses bans sources
	@cargo tree --locked --duplicates --depth 0 --prefix none | awk 'NF && !seen[$$1 $$2]++ { count[$$1]++ } \
		END { for (name in count) if (count[name] > 1) print name }' | sort | xargs echo "in more than one version:"

.PHONY: advisories
advisories: ## Checks every dependency for known vulnerabilities; fetches the database
	@scripts/tools.sh dependencies
	.cache/cargo-deny --locked check advisories

.PHONY: check-scripts
check-scripts: ## Checks the shell scripts
	@scripts/tools.sh scripts
	shellcheck --external-sources $(SCRIPTS)

.PHONY: bench
bench: ## Measures Tollgate beside the least that could do its job, and prints one table
	@scripts/bench.sh

.PHONY: profile
profile: ## Records anew what the shipped program is compiled by: how often each part of it runs
	@scripts/profile.sh

.PHONY: fraud
fraud: ## Measures the guard with made-up attacks and crowds, and prints one table
	@scripts/fraud.sh

.PHONY: bench-guard
bench-guard: ## Measures the guard with ten million live destinations: memory, and time per message
	cargo bench --locked --bench guard
