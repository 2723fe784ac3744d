# The repository's chores. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-rust test-python test-compat test-local test-node test-soak test-load test-all soak fuzz check bench bench-gateway gen setup wheel clean

export PYTHON ?= python3
# The profile of the wheel that demo and tests use; dev reuses what `cargo test` built.
PROFILE ?= dev

# Built with the whole workspace, so that tests, wheel and xtask share every dependency's features and so its build.
XTASK := cargo build --quiet --workspace --bins && $${CARGO_TARGET_DIR:-target}/debug/xtask

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

demo: wheel ## Build the wheel and run a conversation with no keys and no network
	@echo "==> running examples/demo_agent.py"
	@.venv/bin/python examples/demo_agent.py

test: test-rust test-python test-compat test-local test-load ## Run the tests: Rust, Python with the newest and the oldest LiveKit, local speech, Node, a short soak

# What says little of an old LiveKit that the newest does not say: left to test-all.
LATER := $(addprefix tests/python/,gateway/test_openai_sdk.py gateway/test_gateway_trouble.py test_collector.py \
	test_examples.py test_gateway_object.py test_local_missing.py test_matrix.py test_models.py test_reconcile.py \
	test_sim_with_plugins.py)
# Half a minute of conversation with each stack: left to test-all too.
STACKS := tests/python/test_stacks.py

test-all: test fuzz ## Run the tests, longer fuzzing, and the gateway with a LiveKit in between
	@scripts/pytest .venv $(STACKS)
	@scripts/venv .venv-lk170 tests/python/requirements-1.7.0.txt
	@scripts/wheel install .venv-lk170
	@scripts/pytest .venv-lk170 tests/python/gateway
	@scripts/venv .venv-langgraph tests/python/requirements-langgraph.txt
	@scripts/wheel install .venv-langgraph
	@scripts/pytest .venv-langgraph tests/python/gateway/test_langgraph.py
	@scripts/pytest .venv-lk150 $(LATER)

test-rust: setup ## Run the Rust tests
	@echo "==> cargo test"
	@cargo test --workspace

test-python: wheel ## Run the Python tests through the wheel, with the newest LiveKit
	@echo "==> the stub against the binary, and the types"
	@.venv/bin/python -m mypy.stubtest voicegateway._native
	@.venv/bin/python -m mypy --strict python/voicegateway
	@scripts/pytest .venv --ignore $(STACKS)

test-compat: wheel ## Run the Python tests through the wheel, with the oldest LiveKit
	@scripts/venv .venv-lk150 tests/python/requirements-1.5.0.txt
	@scripts/wheel install .venv-lk150
	@scripts/pytest .venv-lk150 --ignore $(STACKS) $(addprefix --ignore ,$(LATER))

test-local: wheel ## Run local speech: the real runtimes on tiny models, in a Python of their own
	@scripts/venv .venv-local tests/python/requirements-local.txt
	@scripts/wheel install .venv-local
	@scripts/pytest .venv-local tests/python/local

test-node: wheel ## Run LiveKit's and OpenAI's Node clients against the gateway (Node >= 20.14; without one, PyPI's is used)
	@scripts/node

test-soak: wheel ## Load the gateway for a minute: memory flat, descriptors flat, ledger equal to the bill
	@echo "==> soak"
	@.venv/bin/python -m pytest tests/python/gateway/soak.py

# Both mostly wait, and each is the other's trouble.
test-load: wheel ## Run test-node and test-soak at the same time
	@scripts/node >target/node.log 2>&1 & node=$$!; status=0; \
	.venv/bin/python -m pytest tests/python/gateway/soak.py || status=$$?; \
	wait $$node || status=$$?; cat target/node.log; exit $$status

soak: test-soak ## The same for an hour at half of what two cores take, or for SOAK_SECONDS, with SOAK_CALLS at a time
soak: export SOAK_SECONDS ?= 3600
soak: export SOAK_CALLS ?= 60
soak: PROFILE := release

fuzz: setup ## Fuzz each parser of what clients and providers send for FUZZ_SECONDS (20)
	@echo "==> fuzzing"
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-20} cargo test --workspace -- fuzz

check: setup ## Check format, lints, the repository's rules and the generated files
	@echo "==> cargo fmt"
	@cargo fmt --all --check
	@echo "==> cargo clippy"
	@cargo clippy --workspace --all-targets -- --deny warnings
	@echo "==> xtask: tidy, arrows, gen --check"
	@$(XTASK) tidy
	@$(XTASK) arrows
	@$(XTASK) gen --check
	@if command -v cargo-deny >/dev/null; then echo "==> cargo deny"; cargo deny check bans licenses sources; fi
	@if command -v shellcheck >/dev/null; then echo "==> shellcheck"; shellcheck scripts/* .ci/run; fi

bench: setup ## Run the benchmarks (release build), peers included
	@scripts/venv .venv tests/python/requirements-1.8.9.txt
	@scripts/venv .venv-bench tests/python/requirements-1.8.9.txt
	@echo "==> cargo build --release (several minutes)"
	@cargo build --release --workspace --bins --examples
	@scripts/wheel build release
	@scripts/wheel install .venv-bench
	@bench/run

bench-gateway: setup ## Run the gateway's benchmarks (release build) beside nginx, LiteLLM and Portkey
	@echo "==> cargo build --release (several minutes)"
	@cargo build --release --package vg-cli --bin voicegw
	@CARGO_TARGET_DIR=$${CARGO_TARGET_DIR:-$(CURDIR)/target}/load cargo build --release --manifest-path bench/load/Cargo.toml
	@bench/gateway

gen: setup ## Write the generated references
	@$(XTASK) gen

setup: ## Install what the other targets need, or say what is missing
	@scripts/setup

wheel: setup ## Build the wheel and install it in .venv
	@scripts/venv .venv tests/python/requirements-1.8.9.txt
	@scripts/wheel build $(PROFILE)
	@scripts/wheel install .venv

clean: ## Remove everything that was built
	@rm -rf target .venv .venv-* tests/node/node_modules .pytest_cache .mypy_cache
