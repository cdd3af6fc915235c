# pg_affiliate: build with PGXS.  `make help` lists the targets.

EXTENSION  = pg_affiliate
MODULE_big = pg_affiliate
PGFILEDESC = "pg_affiliate - affiliate tracking, attribution and commissions"

EXT_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" pg_affiliate.control)

OBJS := $(patsubst %.cpp,%.o,$(sort $(wildcard src/core/*.cpp src/pg/*.cpp)))

# The install script: all parts of src/sql in the order of their numbers.
SQL_PARTS      := $(sort $(wildcard src/sql/[0-9]*.sql))
SQL_SCRIPT     := build/pg_affiliate--$(EXT_VERSION).sql
# Upgrades: what src/sql/upgrade/ says of a step, and then every function as it is now.
UPGRADES       := $(patsubst src/sql/upgrade/%,build/pg_affiliate--%,$(wildcard src/sql/upgrade/*--$(EXT_VERSION).sql))
DATA           := $(sort $(wildcard src/sql/release/*.sql))
DATA_built     := $(SQL_SCRIPT) $(UPGRADES)

# `install`, when there is one, creates the extension for the tests that follow; pg_regress does it otherwise.
REGRESS_NAMES := $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS       := $(filter install,$(REGRESS_NAMES)) $(filter-out install,$(REGRESS_NAMES))
REGRESS_OPTS   = $(if $(filter install,$(REGRESS_NAMES)),,--load-extension=pg_affiliate)

PG_CONFIG ?= pg_config

# Server headers are system headers: their warnings are not ours.
PG_CPPFLAGS  = -isystem $(shell $(PG_CONFIG) --includedir-server) -Isrc
CXX_WARNINGS = -Wall -Wextra -Wconversion -Wold-style-cast -Wnon-virtual-dtor -Wno-register
# For g++ alone: its -Wmaybe-uninitialized sees ghosts in std::optional; clang's -Wshadow minds the
# members of a local class.
CXX_GNU_ONLY = $(if $(findstring clang,$(CXX)),,-Wshadow -Wno-maybe-uninitialized)
PG_CXXFLAGS  = -std=c++20 -O2 $(CXX_WARNINGS) -fvisibility=hidden -fvisibility-inlines-hidden \
               $(CXX_GNU_ONLY) -MMD -MP $(if $(filter-out 0,$(WERROR)),-Werror) $(if $(filter no,$(debug_info)),-g0)

SHLIB_LINK    = -lstdc++
SHLIB_EXPORTS = src/pg/exports.txt

CORE_LIBRARY = build/libaffiliate_core.a

EXTRA_CLEAN = $(OBJS:.o=.d) src/pg/exports.list $(wildcard build/pg_affiliate--*.sql) $(CORE_LIBRARY)

.DEFAULT_GOAL := all

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS leaves PG_CXXFLAGS out when it compiles bitcode, which clang does.
BITCODE_CXXFLAGS += $(filter-out -MMD -MP $(CXX_GNU_ONLY),$(PG_CXXFLAGS))

# Debian's servers are built without --enable-depend. Bitcode follows its object.
-include $(OBJS:.o=.d)
$(OBJS:.o=.bc): %.bc: %.o

# The library knows its version, to compare it with the installed schema's.
src/pg/module.o src/pg/module.bc: override CPPFLAGS += -DPG_AFFILIATE_VERSION='"$(EXT_VERSION)"'
src/pg/module.o: pg_affiliate.control

# Written whole or not at all, so that an interrupted build leaves nothing half made.
$(SQL_SCRIPT): $(SQL_PARTS) pg_affiliate.control Makefile
	@mkdir -p $(@D)
	cat $(SQL_PARTS) > $@.new
	mv -f $@.new $@

# Functions are replaced where they are, so that what uses them stays; types are the business of the step.
build/pg_affiliate--%--$(EXT_VERSION).sql: src/sql/upgrade/%--$(EXT_VERSION).sql $(SQL_PARTS) Makefile
	@mkdir -p $(@D)
	{ cat $<; sed -e '/^CREATE TYPE/,/;$$/d' -e 's/^CREATE \(FUNCTION\|PROCEDURE\)/CREATE OR REPLACE \1/' \
	    $(filter-out %/00_header.sql,$(SQL_PARTS)); } > $@.new
	mv -f $@.new $@

# The core as it is in the module, for its unit tests.
$(CORE_LIBRARY): $(filter src/core/%,$(OBJS))
	@mkdir -p $(@D)
	rm -f $@
	$(AR) rcs $@ $^

.PHONY: help print-version
print-version:
	@echo $(EXT_VERSION)

help:
	@echo 'make                     build the module and the install script'
	@echo 'make install             install into the PostgreSQL of PG_CONFIG'
	@echo 'make installcheck        run the regression tests against a running server (PGHOST, PGPORT, PGUSER)'
	@echo 'make uninstall | clean'
	@echo
	@echo 'PG_CONFIG=/path/pg_config   which PostgreSQL (default: the first in PATH)'
	@echo 'with_llvm=no                build no bitcode (when clang is not there)'
	@echo 'WERROR=1                    warnings are errors'
	@echo 'debug_info=no               no debug information: compiles a quarter faster'
	@echo
	@echo 'scripts/demo             build, start a private server, show the product'
	@echo 'scripts/check            build and run all tests on a private server'
	@echo 'scripts/sandbox start    build and keep a private server to work with'
