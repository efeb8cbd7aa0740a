# Needs GNU make and Go; the race detector needs a C compiler too.

# Where it stands alone a path is relative, so that a clone may lie anywhere.
BIN         := bin
PREFIX      ?= /usr/local
DESTDIR     ?=
PODMAN      ?= podman
TESTFLAGS   ?=
FUZZTIME    ?= 30s
BENCH       ?= .
RUNS        ?= 5
PEERFLAGS   ?=
BENCHDIR    ?= docs/benchmarks
IOFLAGS     ?=
SOAKFLAGS   ?=
IDLE        ?= 1000,10000
LOGINS      ?= 300

LINT_VERSION := v2.15.0
LINT         := $(BIN)/tools/$(LINT_VERSION)/golangci-lint

# Each directory is a module.
MODULES := . bench

# The server runs on every Unix, the client on Windows too.
UNIX_TARGETS   := linux/386 linux/arm64 darwin/arm64 freebsd/amd64 openbsd/amd64 netbsd/amd64 illumos/amd64
CLIENT_TARGETS := windows/amd64
# The selector alone is vetted for these.
SELECTOR_TARGETS := dragonfly/amd64 solaris/amd64
CLIENT_PACKAGES := ./client/... ./protocol/... ./selector/...

# in-modules runs a command in the directory of each module, also after it failed in one.
in-modules = failed=0; for module in $(MODULES); do (cd $$module && $(1)) || failed=1; done; test $$failed = 0

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build both programs and serve ./share on 127.0.0.1:2120
	@mkdir -p share
	@exec $(BIN)/ftpd --root ./share

.PHONY: build
build: ## build bin/ftpd and bin/ftpc, static
	@mkdir -p $(BIN)
	CGO_ENABLED=0 go build -trimpath -o $(BIN)/ ./server/ftpd ./client/ftpc

.PHONY: install
install: build ## install both programs in PREFIX/bin (PREFIX=/usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BIN)/ftpd $(BIN)/ftpc $(DESTDIR)$(PREFIX)/bin/

.PHONY: image-files
image-files: build ## lay out in bin/image what the container image holds
	@rm -rf $(BIN)/image
	@mkdir -p $(BIN)/image/bin $(BIN)/image/srv $(BIN)/image/state
	@cp $(BIN)/ftpd $(BIN)/ftpc $(BIN)/image/bin/

.PHONY: image
image: image-files ## build the container image ftpd with PODMAN (podman)
	$(PODMAN) build --format docker -t ftpd -f packaging/Containerfile $(BIN)/image

.PHONY: test
test: ## run all tests, with the race detector where there is a C compiler
	@race=-race; go build -race runtime/race 2>/dev/null || { race=; echo "no C compiler: testing without the race detector"; }; \
	$(call in-modules,go test $$race $(TESTFLAGS) ./...)

.PHONY: allocations
allocations: ## run the tests of what a transfer allocates, which the race detector disturbs
	go test -count=1 $(TESTFLAGS) -run '^TestAllocations$$' ./protocol ./server/session ./server

# SELECTORS are those of this system, unless some are named.
SELECTORS = $$(go run ./server/ftpd --help | sed -n 's/.*with KIND: auto, \([a-z, -]*\).*/\1/p' | tr -d ,)

.PHONY: test-selectors
test-selectors: ## run the server's tests on each selector of this system
	@set -e; for kind in $(SELECTORS); do \
		echo "selector $$kind"; FTPD_SELECTOR=$$kind go test -count=1 $(TESTFLAGS) ./server ./server/reactor; done

.PHONY: test-secure
test-secure: ## run the server's tests once more, inside TLS
	@FTPD_TLS=true go test -count=1 $(TESTFLAGS) ./server

.PHONY: race
race: ## run all tests with the race detector
	@$(call in-modules,CGO_ENABLED=1 go test -race $(TESTFLAGS) ./...)

.PHONY: check
check: format vet lint tidy house cross ## all that is checked without running the product

.PHONY: format
format: $(LINT)
	@$(call in-modules,"$(CURDIR)/$(LINT)" fmt --diff)

.PHONY: vet
vet:
	@$(call in-modules,go vet ./...)

.PHONY: lint
lint: $(LINT) ## run the linter
	@$(call in-modules,"$(CURDIR)/$(LINT)" run)

$(LINT):
	GOBIN="$(CURDIR)/$(@D)" go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

.PHONY: tidy
tidy:
	@$(call in-modules,go mod tidy -diff)

# The arrows between packages, lengths, documentation and dependencies.
.PHONY: house
house:
	go test -count=1 .

.PHONY: cross
cross:
	@set -e; for target in $(UNIX_TARGETS); do echo "vet $$target"; \
		$(call in-modules,GOOS=$${target%/*} GOARCH=$${target#*/} CGO_ENABLED=0 go vet ./...); done
	@set -e; for target in $(CLIENT_TARGETS); do echo "vet $$target"; \
		GOOS=$${target%/*} GOARCH=$${target#*/} CGO_ENABLED=0 go vet $(CLIENT_PACKAGES); done
	@set -e; for target in $(SELECTOR_TARGETS); do echo "vet $$target"; \
		GOOS=$${target%/*} GOARCH=$${target#*/} CGO_ENABLED=0 go vet ./selector; done

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s)
	@set -e; targets=$$(go test -list '^Fuzz' ./...); printf '%s\n' "$$targets" | \
	awk '/^Fuzz/ { names[n++] = $$1 } /^ok/ { while (n > 0) print $$2, names[--n] }' | \
	while read -r package name; do \
		echo "$$package $$name"; go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$package; done

.PHONY: bench
bench: ## run every benchmark that matches BENCH
	@$(call in-modules,go test -run '^$$' -bench '$(BENCH)' -benchmem ./...)

.PHONY: bench-peers
bench-peers: build ## measure ftpd and its peers side by side, RUNS times each, into docs/benchmarks
	@cd bench && go build -o ../$(BIN)/bench-peers ./peers
	@$(BIN)/bench-peers -bin $(BIN) -cache $(BIN)/peers -out $(BENCHDIR) -runs $(RUNS) $(PEERFLAGS)

.PHONY: bench-latency
bench-latency: build ## the same for ftpd and rsync through delays of 0, 10 and 100 ms each way
	@cd bench && go build -o ../$(BIN)/bench-peers ./peers
	@$(BIN)/bench-peers -latency -bin $(BIN) -cache $(BIN)/peers -out $(BENCHDIR) -runs $(RUNS) $(PEERFLAGS)

.PHONY: bench-mirror
bench-mirror: build ## ftpc mirror and rsync on 100,000 files that are the same at both ends, into docs/benchmarks
	@cd bench && go build -o ../$(BIN)/bench-mirror ./mirror
	@$(BIN)/bench-mirror -bin $(BIN) -cache $(BIN)/peers -out $(BENCHDIR)/mirror.md -runs $(RUNS)

.PHONY: try-mirror
try-mirror: build ## mirror Go's own source both ways, interrupted, killed and changed in between; needs rsync
	@bench/mirror/use.sh $(BIN) "$$(go env GOROOT)/src"

.PHONY: bench-stat
bench-stat: build ## how soon a stat is answered beside downloads, a slow disk and 1,000 slow clients
	@cd bench && go build -o ../$(BIN)/service ./service
	@$(BIN)/service -stat

.PHONY: bench-idle
bench-idle: build ## the server's memory for IDLE (1000,10000) idle connections
	@cd bench && go build -o ../$(BIN)/service ./service
	@$(BIN)/service -bin $(BIN) -idle $(IDLE)

.PHONY: bench-login
bench-login: build ## whether the time of LOGINS (300) failing logins of each sort tells who is a user, and what a flood of them does
	@cd bench && go build -o ../$(BIN)/service ./service
	@$(BIN)/service -bin $(BIN) -login $(LOGINS)

.PHONY: iomodels
iomodels: ## measure every I/O model within ten minutes, or IOFLAGS=-quick in one, into bin/io-models
	@cd bench && go build -o ../$(BIN)/iomodels ./iomodels
	@$(BIN)/iomodels -out $(BIN)/io-models $(IOFLAGS)

.PHONY: cover
cover: ## total coverage, and bin/cover.html
	@mkdir -p $(BIN)
	go test -coverpkg=./... -coverprofile=$(BIN)/cover.out ./...
	@go tool cover -html=$(BIN)/cover.out -o $(BIN)/cover.html
	@go tool cover -func=$(BIN)/cover.out | tail -n 1

.PHONY: demo
demo: build ## put a large file and a tree, get them back, compare
	@go run ./internal/demo -bin $(BIN)

.PHONY: soak
soak: build ## kill, damage and change what is transferred, for ten minutes at most, and print the figures; SOAKFLAGS=
	@go build -o $(BIN)/soak ./internal/soak
	@$(BIN)/soak -bin $(BIN) $(SOAKFLAGS)

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BIN)
