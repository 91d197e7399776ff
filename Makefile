# The tasks of the project. `make` without a target lists them.
# Paths are relative and expansions quoted, so that the checkout's path may contain spaces.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# The Go tool and npm use all cores themselves; running two at once would only need more memory.
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules --no-print-directory

TOOLS := .cache/bin
# Where `make demo` and `make run` keep their database, repositories and runs.
DATA ?= .data

# -buildvcs=false: Git refuses a checkout that belongs to another user, and the Go tool would fail to stamp the
# revision.
VERSION = $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS = -s -w -X main.version=$(VERSION)

# One stamp for each directory with npm packages; npm writes it after installing the lock file.
NPM_LOCKS := $(shell find * -name node_modules -prune -o -name package-lock.json -print)
NPM_STAMPS := $(NPM_LOCKS:package-lock.json=node_modules/.package-lock.json)
WEB_SOURCES := $(shell find web \( -name node_modules -o -name dist -o -name e2e -o -name test-results \) -prune -o -type f ! -name '*.go' -print)

##@ Use

.PHONY: demo
demo: build ## Start everything and run the golden path; USERS=1 signs people in, EXIT=1 stops afterwards.
	bin/portico dev --data "$(DATA)" --config examples/app-config.yaml --demo$(if $(filter 1,$(USERS)), --users)$(if $(filter 1,$(EXIT)), --exit)

# The parts that make no newcomer wait are left to `make demo`.
.PHONY: demo-onboarding
demo-onboarding: build $(TOOLS)/vault-server $(TOOLS)/kube-apiserver ## Build and start Kubernetes and Vault too, and run the onboarding template; EXIT=1 stops afterwards.
	bin/portico dev --data "$(DATA)-onboarding" --config examples/app-config.yaml --config examples/onboarding.yaml \
		--with kubernetes,vault,argocd,pagerduty,slack --demo --demo-template onboarding$(if $(filter 1,$(EXIT)), --exit)

.PHONY: run
run: build ## Start everything; USERS=1 signs people in.
	bin/portico dev --data "$(DATA)" --config examples/app-config.yaml$(if $(filter 1,$(USERS)), --users)

##@ Build

# Without -trimpath: tests and linters could not reuse its build cache, and the Temporal server would be
# compiled twice.
.PHONY: build
build: prerequisites web/dist/index.html ## Build the portal and bin/portico.
	go build -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/portico ./cmd/portico

# Vite does not empty the directory, because .gitkeep has to stay.
web/dist/index.html: $(WEB_SOURCES) web/node_modules/.package-lock.json
	find web/dist -mindepth 1 ! -name .gitkeep -delete
	npm --prefix web run build
	@touch "$@"

%/node_modules/.package-lock.json: %/package-lock.json
	npm --prefix "$*" ci --no-audit --no-fund
	@touch "$@"

.PHONY: generate
generate: $(TOOLS)/sqlc tools/openapi-types/node_modules/.package-lock.json ## Generate all code again, and complete npm's lock files.
	$(TOOLS)/sqlc generate
	go generate ./...
	node tools/complete-npm-locks.mjs

##@ Check

# The databases of tests are in memory where there is enough of it. Phases run one after the other: beside tests with the race
# detector, workflows and browsers waited for a processor for seconds.
.PHONY: test
test: test-needs build test-servers ## Install what the tests need and run all of them.
	tools/in-memory.sh "$(MAKE)" test-web test-browser test-go-plain test-go-race

.PHONY: test-go
test-go: build test-servers ## Run the Go tests, with the race detector wherever it is affordable.
	tools/in-memory.sh "$(MAKE)" test-go-plain test-go-race

.PHONY: test-servers
test-servers: $(TOOLS)/vault-server $(TOOLS)/s3-server $(TOOLS)/kube-apiserver

.PHONY: test-needs
test-needs: prerequisites $(NPM_STAMPS)
	tools/test-needs.sh
	tools/mkdocs.sh

GO_TESTS := test-go-plain test-go-race
# The binary for tests that start the whole program.
$(GO_TESTS) test-browser: export PORTICO_BINARY = $(CURDIR)/bin/portico
# The comparison with the real Nunjucks must not be skipped here.
$(GO_TESTS): export PORTICO_REQUIRE_NODE = 1
# The tests with a Vault, a Kubernetes API server or a server of S3's protocol must not be skipped here either.
$(GO_TESTS) test-browser: export PORTICO_VAULT = $(CURDIR)/$(TOOLS)/vault-server
$(GO_TESTS): export PORTICO_S3 = $(CURDIR)/$(TOOLS)/s3-server
$(GO_TESTS) test-browser: export PORTICO_KUBE = $(CURDIR)/$(TOOLS)/kube-apiserver

# Packages that link the embedded Temporal server are tested without the race detector: with it, the server takes
# a quarter of an hour to compile, and its timers are late. `make lint` vets, so go test does not.
.PHONY: $(GO_TESTS)
test-go-plain: build test-servers $(NPM_STAMPS)
	packages=$$(tools/test-packages.sh plain); go test -vet=off -timeout 20m $$packages
test-go-race: web/dist/index.html test-servers $(NPM_STAMPS)
	packages=$$(tools/test-packages.sh race); go test -race -vet=off -timeout 20m $$packages

# What the tests have shown of each action: the tests of each package compare it with its testdata/conformance.json.
.PHONY: conformance
conformance: export PORTICO_REQUIRE_NODE = 1
conformance: export PORTICO_VAULT = $(CURDIR)/$(TOOLS)/vault-server
conformance: export PORTICO_S3 = $(CURDIR)/$(TOOLS)/s3-server
conformance: export PORTICO_KUBE = $(CURDIR)/$(TOOLS)/kube-apiserver
conformance: web/dist/index.html $(TOOLS)/vault-server $(TOOLS)/s3-server $(TOOLS)/kube-apiserver $(NPM_STAMPS) ## Run the tests of the actions, and write what they have shown.
	packages=$$(git grep -l 'actiontest.Main(' -- activities | xargs -rn1 dirname | sort -u | sed 's|^|./|'); go test -timeout 20m $$packages -update
	go generate ./cmd/portico

.PHONY: test-web
test-web: web/dist/index.html ## Run the portal's own tests, and check the size of a first visit.
	npm --prefix web test
	npm --prefix web run budget

.PHONY: test-browser
test-browser: build $(TOOLS)/vault-server $(TOOLS)/kube-apiserver web/node_modules/.package-lock.json ## Drive the real binary with a real browser.
	npm --prefix web run e2e

# FUZZTIME is in minutes. `make test` has fixed seeds; this uses new ones, before an issue is resolved.
FUZZTIME ?= 30
.PHONY: fuzz
fuzz: prerequisites $(NPM_STAMPS) ## Fuzz for FUZZTIME=30 minutes, with new seeds.
	tools/fuzz.sh "$(FUZZTIME)"

# The tag slim is the production image's.
.PHONY: lint
lint: $(TOOLS)/golangci-lint $(TOOLS)/workflowcheck web/node_modules/.package-lock.json ## Lint Go, workflows and TypeScript.
	$(TOOLS)/golangci-lint run
	$(TOOLS)/workflowcheck ./workflows/...
	go vet -tags slim ./cmd/portico
	npm --prefix web run lint
	npm --prefix web run typecheck

.PHONY: format
format: $(TOOLS)/golangci-lint web/node_modules/.package-lock.json ## Format Go and TypeScript.
	$(TOOLS)/golangci-lint fmt
	npm --prefix web run format

.PHONY: verify
verify: $(TOOLS)/sqlc ## Check that generated code, module files and formatting are up to date.
	$(TOOLS)/sqlc diff
	tools/unchanged.sh make generate
	tools/formatted.sh
	go mod tidy -diff

# promtool evaluates each alert with series that should and should not make it fire.
.PHONY: alerts
alerts: $(TOOLS)/promtool ## Test the alerts of deploy/prometheus.
	$(TOOLS)/promtool check rules deploy/prometheus/alerts.yaml
	$(TOOLS)/promtool test rules deploy/prometheus/alerts_test.yaml

.PHONY: vuln
vuln: $(TOOLS)/govulncheck ## Check for known vulnerabilities that the code can reach.
	tools/vulnerabilities.sh

.PHONY: ci
ci: prerequisites verify lint alerts vuln test ## Run all checks that a change must pass.

.PHONY: bench
bench: build ## Run the Go benchmarks.
	packages=$$(tools/test-packages.sh benchmarks); go test -run '^$$' -bench . -benchmem $$packages

.PHONY: bench-nunjucks
bench-nunjucks: bench/nunjucks/node_modules/.package-lock.json ## Render a skeleton of 1,000 files, compared with Nunjucks on node.
	cd bench/nunjucks && go run .

.PHONY: bench-techdocs
bench-techdocs: ## Build generated documentation, compared with MkDocs; TREES="DIR..." compares the pages of other trees.
	tools/mkdocs.sh
	go run ./bench/techdocs
	$(if $(TREES),go run ./bench/techdocs/compare -v $(TREES))

.PHONY: bench-peer
bench-peer: build ## Compare with a Backstage that is set up in PEER_DIR.
	go run ./bench/peer -portico bin/portico -peer "$(PEER_DIR)" $(PEER_FLAGS)

.PHONY: prerequisites
prerequisites: ## Report which of go, node, npm and git is missing or too old.
	@tools/prerequisites.sh

##@ Tools

.PHONY: tools
tools: $(TOOLS)/sqlc $(TOOLS)/golangci-lint $(TOOLS)/workflowcheck $(TOOLS)/govulncheck $(TOOLS)/promtool ## Build the pinned tools into .cache/bin.

# Without cgo, sqlc uses its Postgres parser as WebAssembly and needs no C compiler.
$(TOOLS)/sqlc: PACKAGE := github.com/sqlc-dev/sqlc/cmd/sqlc
$(TOOLS)/golangci-lint: PACKAGE := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(TOOLS)/workflowcheck: PACKAGE := go.temporal.io/sdk/contrib/tools/workflowcheck
$(TOOLS)/govulncheck: PACKAGE := golang.org/x/vuln/cmd/govulncheck
$(TOOLS)/%: tools/go.mod tools/go.sum
	CGO_ENABLED=0 go build -C tools -trimpath -o "../$@" $(PACKAGE)
	@touch "$@"

# A separate module, because it needs other versions of dependencies than the tools above.
$(TOOLS)/promtool: tools/promtool/go.mod tools/promtool/go.sum
	CGO_ENABLED=0 go build -C tools/promtool -trimpath -o "../../$@" github.com/prometheus/prometheus/cmd/promtool
	@touch "$@"

# A Vault for tests: a module of its own, because it needs other versions of many dependencies.
VAULT_SERVER := internal/testkit/vaulttest/server
$(TOOLS)/vault-server: $(wildcard $(VAULT_SERVER)/*)
	CGO_ENABLED=0 go build -C $(VAULT_SERVER) -trimpath -o "$(CURDIR)/$@" .
	@touch "$@"

# A server of S3's protocol for tests: a module of its own, because it needs other versions of dependencies.
S3_SERVER := internal/testkit/s3test/server
$(TOOLS)/s3-server: $(wildcard $(S3_SERVER)/*)
	CGO_ENABLED=0 go build -C $(S3_SERVER) -trimpath -o "$(CURDIR)/$@" .
	@touch "$@"

# An OpenSearch for the tests of search/elastic, of its jars on Maven Central. It needs a JDK 17 and Maven, so other tests do without it.
OPENSEARCH_SERVER := internal/testkit/opensearchtest/server
$(TOOLS)/opensearch-server: $(wildcard $(OPENSEARCH_SERVER)/*)
	mvn -q -B -f $(OPENSEARCH_SERVER) dependency:copy-dependencies -DoutputDirectory="$(CURDIR)/.cache/opensearch"
	javac -nowarn -cp '.cache/opensearch/*' -d .cache/opensearch $(OPENSEARCH_SERVER)/OpenSearchServer.java
	cp $(OPENSEARCH_SERVER)/log4j2.properties .cache/opensearch/
	@mkdir -p $(TOOLS)
	printf '%s\n' '#!/bin/sh' 'exec java -Xms256m -Xmx512m -XX:+UseSerialGC -cp "$(CURDIR)/.cache/opensearch:$(CURDIR)/.cache/opensearch/*" OpenSearchServer' > "$@"
	chmod +x "$@"

# A Kubernetes API server for tests and `portico dev --with kubernetes`: a module of its own, because it needs other
# versions of dependencies, and ten minutes to compile for the first time.
KUBE_SERVER := internal/testkit/kubetest/server
$(TOOLS)/kube-apiserver: $(wildcard $(KUBE_SERVER)/*)
	CGO_ENABLED=0 go build -C $(KUBE_SERVER) -trimpath -ldflags '-s -w' -o "$(CURDIR)/$@" .
	@touch "$@"

##@ Tidy up

.PHONY: clean
clean: ## Remove build results, but not data.
	rm -rf bin .cache
	find web/dist -mindepth 1 ! -name .gitkeep -delete

.PHONY: clean-data
clean-data: ## Remove the data of `make demo` and `make run`.
	rm -rf "$(DATA)"

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
