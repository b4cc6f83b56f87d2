# What one does with this project. `make` alone lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help deps build demo test lint bench

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## Install what building, testing and the lab need (Debian 12; only what is missing)
	@scripts/deps.sh

build: ## Build the program
	cargo build

demo: deps ## See the tool at work on three throw-away hosts (root)
	@scripts/demo.sh

lint: deps ## Check format, lints, documentation and scripts
	cargo fmt --check
	find modules -name '*.rs' -exec rustfmt --check --edition 2024 {} +
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --lib --document-private-items --quiet
	scripts/shellcheck.sh

test: lint ## Check everything, on real hosts too (root)
	cargo test --doc
	cargo nextest run

bench: deps ## Measure beside the peers (root)
	@scripts/bench.sh
