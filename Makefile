# Every entry point of the repository. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# One set of flags for build and test: Go caches by flags, and Talos, Helm and Kubernetes should be compiled once.
# -buildvcs=false: the version is stamped by -ldflags; asking git fails in a checkout owned by somebody else.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -buildvcs=false

# The published image of cozy-controller, by digest, that a release installs. Empty: what is built is made into one.
CONTROLLER_IMAGE ?=
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null)

LDFLAGS := -s -w -X main.version=$(VERSION) -X main.controllerImage=$(CONTROLLER_IMAGE)
CONTROLLER_LDFLAGS := -s -w -X main.version=cozy-controller-build:$(VERSION):$(REVISION);

CONTROLLERS := bin/cozy-controller-linux-amd64 bin/cozy-controller-linux-arm64

TOOLS := bin/tools
GOTESTSUM := $(TOOLS)/gotestsum
LINTER := $(TOOLS)/golangci-lint
CONTROLLER_GEN := $(TOOLS)/controller-gen

# The levels of tests, by where they lie. What is none of these needs no set-up.
PLANE := /lab/(plane|policy|tenantbench)(/|$$)
FLEET := /lab/(fleet|wire|world|demo|storm|bringup)(/|$$)
FIRMWARE := /lab/firmware$$
TALOS := /lab/taloslab(/|$$)
HOUSE := /internal/house$$

# gotestsum prints failures in full and, at the end, each skipped test with its reason.
TEST := $(GOTESTSUM) --format pkgname --format-hide-empty-pkg --
FUZZTIME ?= 10s
ROUNDS ?= 5

##@ Use

.PHONY: build
build: bin/cozy-install $(CONTROLLERS) ## Build cozy-install and, for each platform, cozy-controller into bin/

.PHONY: bin/cozy-install $(CONTROLLERS)
bin/cozy-install:
	$(GO) build -ldflags '$(LDFLAGS)' -o $@ ./cmd/$(@F)

# cozy-install makes the image of cozy-controller from them.
$(CONTROLLERS):
	GOOS=linux GOARCH=$(@:bin/cozy-controller-linux-%=%) $(GO) build -ldflags '$(CONTROLLER_LDFLAGS)' -o $@ ./cmd/cozy-controller

.PHONY: demo
demo: build ## Run the whole bring-up against three simulated machines; files in .demo/
	$(GO) run ./lab/demo up -dir .demo

.PHONY: demo-down
demo-down: ## Stop the demo and remove what it made
	$(GO) run ./lab/demo down -dir .demo

##@ Test

.PHONY: test
test: test-house test-unit test-plane test-fleet ## Run all tests, with their set-up

.PHONY: test-house
test-house: $(GOTESTSUM) ## Check the house rules: imports, files, documents
	$(TEST) -count=1 ./internal/house

.PHONY: test-unit
test-unit: $(GOTESTSUM) ## Run the tests that need no control plane and no machines
	@packages=$$($(GO) list ./... | grep -v -E '$(PLANE)|$(FLEET)|$(HOUSE)'); $(TEST) -timeout 10m $$packages

# Packages at once, each with planes of its own: their tests wait for two thirds of their time.
PLANES ?= 2

.PHONY: test-plane
test-plane: $(GOTESTSUM) ## Run the tests on a real control plane and Cilium's policy engine; builds them at the first time
	@# This one first and by itself: it builds what all others run, and none should wait for that with its own time running.
	$(TEST) -timeout 40m ./lab/plane
	@packages=$$($(GO) list ./... | grep -E '$(PLANE)' | grep -v '/lab/plane$$'); $(TEST) -timeout 40m -p $(PLANES) $$packages

.PHONY: test-fleet
test-fleet: $(GOTESTSUM) ## Run the bring-up against simulated machines
	@packages=$$($(GO) list ./... | grep -E '$(FLEET)'); $(TEST) -timeout 40m -p 1 -parallel $(FAULTS_PARALLEL) $$packages

# Sites with faults that are played at once: they mostly wait.
FAULTS_PARALLEL ?= 6
SEED ?= 1
SEEDS ?= 100

.PHONY: soak
soak: $(GOTESTSUM) ## Play SEEDS (100) random pairs of faults, from SEED (1) on, and each fault alone on each version of Talos
	$(TEST) -count=1 -timeout 120m -parallel $(FAULTS_PARALLEL) -run '^(TestRandomPairsOfFaults|TestEachFaultAlone)$$' ./lab/world \
		-seed $(SEED) -seeds $(SEEDS) -every-version

KILLS ?= 30

.PHONY: soak-bundles
soak-bundles: $(GOTESTSUM) ## Kill the installer of a bundle on the plane at KILLS (30) random moments; SEED=0 for others each time
	$(TEST) -count=1 -timeout 60m -run '^TestInstallerThatIsKilledGoesOn$$' ./lab/plane/bundles -seed $(SEED) -kills $(KILLS)

.PHONY: soak-tenants
soak-tenants: $(GOTESTSUM) ## Kill cozy-controller on the plane at KILLS (30) random moments while tenants are made and deleted; SEED=0 for others each time
	$(TEST) -count=1 -timeout 60m -run '^TestControllerThatIsKilledGoesOn$$' ./lab/plane/tenants -seed $(SEED) -kills $(KILLS)

# Machines whose tests run; what is missing for one of them is an error. Two machines at once, for two cores.
FIRMWARE_ARCHS ?= amd64 arm64
FIRMWARE_PARALLEL ?= 2

.PHONY: firmware
firmware: $(GOTESTSUM) ## Boot machines with real firmware under QEMU (as root; FIRMWARE_ARCHS=amd64 for these alone)
	@mkdir -p .cache/firmware; packages=$$($(GO) list ./... | grep -E '$(FIRMWARE)'); COZY_FIRMWARE='$(FIRMWARE_ARCHS)' \
		$(TEST) -count=1 -timeout 60m -parallel $(FIRMWARE_PARALLEL) -artifacts -outputdir $(CURDIR)/.cache/firmware $$packages

.PHONY: firmware-install
firmware-install: ## Install QEMU, firmware images and dnsmasq, and fetch kernels and iPXE (Debian, as root)
	lab/firmware/packages.sh install files $(FIRMWARE_ARCHS)

# How many nodes, and the module below lab/tools that Talos comes from: talos is 1.12, talos113 is 1.13.
NODES ?= 1
TALOS_MODULE ?= talos

.PHONY: talos
talos: $(GOTESTSUM) ## Run Talos's own machined in containers (as root; NODES=3 for three control planes); builds Talos and Kubernetes
	@COZY_TALOSLAB=1 COZY_TALOS_NODES='$(NODES)' COZY_TALOS_MODULE='$(TALOS_MODULE)' \
		$(TEST) -count=1 -timeout 50m -p 1 $$($(GO) list ./... | grep -E '$(TALOS)')

.PHONY: talos-install
talos-install: ## Fetch the Debian packages that Talos nodes have in them (Debian, as root)
	lab/taloslab/packages.sh

.PHONY: bench
bench: ## Run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem $$(grep -rl --include='*_test.go' '^func Benchmark' . | xargs -n1 dirname | sort -u)

.PHONY: bench-netboot
bench-netboot: netboot-peers ## Measure the netboot servers against dnsmasq, tftpd-hpa and nginx; needs root
	$(GO) build -o bin/netbench ./lab/netbench
	bin/netbench -rounds $(ROUNDS)

.PHONY: netboot-peers
netboot-peers: ## Install the servers that bench-netboot compares with, without starting them
	lab/netbench/peers.sh

.PHONY: storm
storm: ## Boot 10, 100, 500 and 1000 simulated machines at once from one netboot server; print time and memory
	$(GO) run ./lab/storm

.PHONY: bench-bringup
bench-bringup: ## Measure what up adds to the machines' own time, for 3, 50 and 500 simulated nodes; fails when a limit is missed
	$(GO) run ./lab/bringup

.PHONY: bench-bundles
bench-bundles: ## Measure the installation of paas-full on the plane against its longest dependency chain, and Flux alone; fails above 1.15
	$(GO) run ./lab/bundlebench

.PHONY: bench-tenants
bench-tenants: ## Measure what 10, 100 and 1,000 tenants cost their controller on the plane, and Cilium; fails when a limit is missed
	$(GO) run ./lab/tenantbench

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (10s)
	@grep -ro --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort | while IFS=: read -r file target; do \
		echo "$$(dirname "$$file") $${target#func }"; \
		$(GO) test -run '^$$' -fuzz "^$${target#func }$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")"; \
	done

##@ Change

.PHONY: lint
lint: $(LINTER) ## Run the linters
	$(LINTER) run ./...

.PHONY: fmt
fmt: $(LINTER) ## Format the code
	$(LINTER) fmt ./...

.PHONY: generate
generate: $(CONTROLLER_GEN) ## Make deepcopy code, CRDs, the site schema and the keys that older Talos does not know again
	$(call generate-api,.)
	$(GO) test -count=1 -run '$(SCHEMA_TEST)' ./bootstrap/site -update
	$(GO) test -count=1 -run '$(KEYS_TEST)' ./lab/fleet/talosim -update

.PHONY: verify-generated
verify-generated: $(CONTROLLER_GEN) ## Fail when a generated file or go.mod is not up to date
	@again=$$(mktemp -d); trap 'rm -rf "$$again"' EXIT; \
	$(call generate-api,"$$again"); \
	for file in $(DEEPCOPY) $(CRDS); do diff -u "$$file" "$$again/$$file"; done
	$(GO) test -count=1 -run '$(SCHEMA_TEST)' ./bootstrap/site
	$(GO) test -count=1 -run '$(KEYS_TEST)' ./lab/fleet/talosim
	$(GO) mod tidy -diff

APIS := tenant/api/v1alpha1 tenant/api/definition/v1alpha1
DEEPCOPY := $(APIS:%=%/zz_generated.deepcopy.go)
CRDS := manifests/charts/tenant-api/templates/crd-kinds.yaml
# The schema is made by a test, so that the program does not link the generator.
SCHEMA_TEST := ^TestSchemaIsMadeFromTheTypes$$
# Asks three versions of Talos's machinery, which lab/tools/machinery builds.
KEYS_TEST := ^TestTheListsOfUnknownKeysAreMadeFromTheTypesOfEachVersion$$

# $(1) is the directory that stands for the root.
define generate-api
mkdir -p $(addprefix $(1)/,$(APIS) $(dir $(CRDS))); \
for api in $(APIS); do \
	$(CONTROLLER_GEN) object:headerFile=internal/house/boilerplate.go.txt paths=./$$api output:object:dir=$(1)/$$api || exit 1; \
done; \
$(CONTROLLER_GEN) crd $(APIS:%=paths=./%) output:crd:stdout > $(1)/$(CRDS)
endef

.PHONY: tools
tools: $(LINTER) $(CONTROLLER_GEN) $(GOTESTSUM) ## Build the pinned linters and generators into bin/tools/

# Each is pinned by a tool directive of lab/tools/dev, a module of its own.
$(GOTESTSUM): PACKAGE := gotest.tools/gotestsum
$(LINTER): PACKAGE := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(CONTROLLER_GEN): PACKAGE := sigs.k8s.io/controller-tools/cmd/controller-gen

$(GOTESTSUM) $(LINTER) $(CONTROLLER_GEN): lab/tools/dev/go.mod lab/tools/dev/go.sum
	cd lab/tools/dev && $(GO) build -o $(CURDIR)/$@ $(PACKAGE)
	@touch $@

.PHONY: clean
clean: ## Remove what make built; a running demo is stopped by demo-down
	rm -rf bin .cache

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z][a-z-]*:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
