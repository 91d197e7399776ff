# Portico's habits, one word each: `make` alone lists them.
# Every path is relative and every expansion quoted, so that a checkout may live under a name with spaces.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

TOOLS := .cache/bin

##@ Help

.PHONY: help
help: ## List what can be made.
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

##@ Tools

.PHONY: tools
tools: $(TOOLS)/sqlc $(TOOLS)/golangci-lint $(TOOLS)/govulncheck ## Build the pinned tools into .cache/bin.

# Without cgo sqlc brings its Postgres parser as WebAssembly, so that no C compiler is asked for.
$(TOOLS)/sqlc: PACKAGE := github.com/sqlc-dev/sqlc/cmd/sqlc
$(TOOLS)/golangci-lint: PACKAGE := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(TOOLS)/govulncheck: PACKAGE := golang.org/x/vuln/cmd/govulncheck
$(TOOLS)/sqlc $(TOOLS)/golangci-lint $(TOOLS)/govulncheck: tools/go.mod tools/go.sum
	CGO_ENABLED=0 go build -C tools -trimpath -o "../$@" $(PACKAGE)
	@touch "$@"
