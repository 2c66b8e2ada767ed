# The one task runner; CI calls only these targets. `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

CARGO ?= cargo
PYTHON ?= python3
NODE ?= node
NPM ?= npm

# Where builds go; set CARGO_TARGET_DIR to keep them elsewhere.
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
WEIR := $(TARGET)/debug/weir
UPSTREAM := $(TARGET)/debug/weir-upstream

# make quickstart LISTEN=127.0.0.1:18080
LISTEN ?= 127.0.0.1:8080
ADMIN_LISTEN ?= 127.0.0.1:9090

# make images
IMAGES := $(TARGET)/images
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
TAG ?= $(VERSION)
REGISTRY ?=

VENV := .venv
VENV_READY := $(VENV)/.ready
NODE_READY := tests/sdk/node/node_modules/.ready

.PHONY: help
help: ## Lists the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

.PHONY: quickstart
quickstart: weir ## Serves examples/quickstart until Ctrl-C: no account, no cluster
	@exec $(WEIR) up examples/quickstart --listen $(LISTEN) --admin-listen $(ADMIN_LISTEN)

.PHONY: quickstart-check
quickstart-check: weir $(VENV_READY) $(NODE_READY) ## The same on free ports: curl, the SDKs, a thousand requests; then ends it
	tests/sdk/run $(WEIR) $(VENV)/bin/python $(NODE) many

# cargo test has built weir's binary too, not the upstream's.
.PHONY: test
test: $(VENV_READY) $(NODE_READY) ## All tests that need neither root nor a cluster
	$(CARGO) test --workspace --locked
	tests/sdk/run $(WEIR) $(VENV)/bin/python $(NODE)
	$(CARGO) build --workspace --locked --bin weir-upstream
	tests/sdk/both $(WEIR) $(UPSTREAM) $(VENV)/bin/python

# MODELS=over-chat for a part of it.
.PHONY: test-sdk
test-sdk: weir $(VENV_READY) ## Both vendors' SDKs over models of either API
	$(CARGO) build --locked -p weir-upstream
	tests/sdk/both $(WEIR) $(UPSTREAM) $(VENV)/bin/python $(MODELS)

# PODS=1 for a node that runs pods: that wants root, and what `weir-cluster build --node` names if it isn't there.
.PHONY: cluster
cluster: $(if $(PODS),$(VENV_READY)) ## A real control plane with our kinds until Ctrl-C (wants Go; the first time takes minutes); PODS=1 with a node
	@$(CARGO) build --locked --quiet -p weir-cluster $(if $(PODS),-p weir-operator -p weir-source-kube) --bins
	@exec $(TARGET)/debug/weir-cluster $(if $(PODS),--node)

# What the machine lacks is said before anything is built for minutes. Pods run the images of a release here; of
# `make test-node` alone, what cargo has built for tests.
.PHONY: test-cluster
test-cluster: export WEIR_CLUSTER_ARCHIVES := $(IMAGES)/weir-operator.tar:$(IMAGES)/weir-gateway.tar
test-cluster: machine images test-plane test-node ## The tests that need a real cluster: test-plane, test-node

# What the tests run is built first, where one sees it; with the test, so that libraries are as `make test` builds them.
.PHONY: test-plane
test-plane: ## The tests that need a real control plane: no root, no node (wants Go)
	$(CARGO) build --locked --workspace --features weir-cluster/cluster --bins --test cluster
	$(TARGET)/debug/weir-cluster build
	$(CARGO) test --locked --workspace --features weir-cluster/cluster --test cluster

# TESTS="pods:: --nocapture" for a part of it.
.PHONY: test-node
test-node: machine $(VENV_READY) ## The tests that need pods: root, containerd and more of Debian (wants Go)
	$(CARGO) build --locked --workspace --features weir-cluster/cluster --bins --test node --test node-leftovers
	$(TARGET)/debug/weir-cluster build --node
	$(CARGO) test --locked --workspace --features weir-cluster/cluster --test node --test node-leftovers -- $(TESTS)

.PHONY: machine
machine:
	$(CARGO) build --locked --workspace --features weir-cluster/cluster --bins
	$(TARGET)/debug/weir-cluster machine

.PHONY: check
check: ## Format, lints, promises, and licences if cargo-deny is there
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --features weir-cluster/cluster --locked -- -D warnings
	scripts/promises
	if command -v cargo-deny >/dev/null; then cargo-deny check bans licenses sources; else echo "cargo-deny is not installed: licences and sources are not checked"; fi

.PHONY: gen
gen: ## Writes what is generated from the code: the CRDs, the pages of codes and conditions
	$(CARGO) run --locked --quiet -p weir-crds --bin crdgen
	$(CARGO) run --locked --quiet -p weir-compile --bin codesgen

.PHONY: gen-kustomize
gen-kustomize: ## Writes what deploy/kustomize has from the chart (wants Go)
	$(CARGO) run --locked --quiet -p weir-cluster --bin weir-cluster -- kustomize

# BENCH="--only W1 --rounds 3" for a part of it.
.PHONY: bench
bench: ## What Weir costs beside HAProxy (wants haproxy and valgrind)
	$(CARGO) build --locked --release -p weir -p weir-tests --bin weir --bin weir-bench
	$(TARGET)/release/weir-bench --weir $(TARGET)/release/weir $(BENCH)

# BENCH="--keys 10000 --changes 50" for a part of it.
.PHONY: bench-cluster
bench-cluster: ## How long an applied object takes to reach traffic, and what the operator costs (wants Go)
	$(CARGO) build --locked --release -p weir-operator -p weir-source-kube -p weir-cluster --bins
	$(TARGET)/release/weir-cluster build
	$(TARGET)/release/weir-bench-cluster $(BENCH)

# REGISTRY=registry.example.com/team TAG=1.0.0-rc.1 for another name.
.PHONY: images
images: ## The images weir-gateway and weir-operator as OCI archives; no engine, no root (takes minutes)
	images/build $(IMAGES)/programs
	for program in weir-gateway weir-operator; do \
		$(PYTHON) images/oci.py --name $(REGISTRY:%=%/)$$program:$(TAG) --entrypoint /$$program \
			--label org.opencontainers.image.source=https://github.com/weir-dev/weir \
			--label org.opencontainers.image.version=$(VERSION) --label org.opencontainers.image.licenses=Apache-2.0 \
			--out $(IMAGES)/$$program.tar $(IMAGES)/programs/$$program=/$$program; \
	done
	images/check $(IMAGES)/weir-gateway.tar $(IMAGES)/weir-operator.tar

.PHONY: sbom
sbom: ## What is in the images, as CycloneDX, beside them (builds cargo-cyclonedx the first time)
	images/sbom $(IMAGES)

.PHONY: weir
weir:
	$(CARGO) build --locked -p weir

# Each is made once, and again when what it is made from changes.
$(VENV_READY): tests/sdk/requirements.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(NODE_READY): tests/sdk/node/package.json tests/sdk/node/package-lock.json
	cd tests/sdk/node && $(NPM) ci --silent
	touch $@
