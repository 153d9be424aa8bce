# The one builder of pg_realtime.so (PGXS). Everything else is built by CMakeLists.txt; both read src/sources.mk.
#
#   make                 build for the server that pg_config belongs to (PG_CONFIG=... picks another one)
#   make install         install into that server; DESTDIR=... into a folder
#   make installcheck    the SQL tests against the running server at PGHOST/PGPORT
#   make check           every test, in private clusters; installs missing packages first
#   make demo            the changes of one tenant, live, in a private cluster
#   make format dist     format the sources; pack the committed tree
#
#   WERROR=yes  warnings are errors          LTO=no  no link-time optimisation

PG_CONFIG ?= pg_config
WERROR ?= no
LTO ?= yes

EXTENSION = pg_realtime
EXTVERSION := $(shell sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" $(EXTENSION).control)

.DEFAULT_GOAL = all

# These goals are scripts. They must work on a machine that has no pg_config yet, and PGXS brings a "check" of its own,
# so PGXS stays out as soon as one of them is asked for.
SCRIPT_GOALS = check demo format dist
BUILD_GOALS = $(filter-out $(SCRIPT_GOALS),$(MAKECMDGOALS))

ifneq (,$(filter $(SCRIPT_GOALS),$(MAKECMDGOALS)))

.PHONY: $(SCRIPT_GOALS) $(BUILD_GOALS)
.NOTPARALLEL:

check:
	@test/run

demo:
	@demo/run

format:
	@test/checks/format --write

dist:
	git archive --format=zip --prefix=$(EXTENSION)-$(EXTVERSION)/ -o $(EXTENSION)-$(EXTVERSION).zip HEAD

$(BUILD_GOALS):
	@$(MAKE) $@

else

include src/sources.mk

# Rooms that never see a PostgreSQL header, and the one that does.
PURE_OBJS = $(patsubst %.cpp,%.o,$(WIRE_SOURCES) $(VALUE_SOURCES) $(METRIC_SOURCES) $(ALERT_SOURCES) $(MONITOR_SOURCES))
PG_OBJS = $(patsubst %.cpp,%.o,$(PG_SOURCES))

MODULE_big = $(EXTENSION)
OBJS = $(PURE_OBJS) $(PG_OBJS)
DEPENDENCIES = $(OBJS:.o=.d)
INSTALL_SCRIPT_SQL = $(EXTENSION)--$(EXTVERSION).sql
# The parts of the install script, in the order of their numbers.
INSTALL_SCRIPT_PARTS = $(sort $(wildcard extension/[0-9][0-9]_*.sql))
DATA = $(wildcard extension/$(EXTENSION)--*--*.sql)
DATA_built = $(INSTALL_SCRIPT_SQL)
EXTRA_CLEAN = $(DEPENDENCIES) $(wildcard $(EXTENSION)--*.sql) build

# pg_regress is given the names in the order of the schedule.
REGRESS = $(shell sed -n 's/^test: *//p' sql/schedule 2>/dev/null)
REGRESS_OPTS = --encoding=UTF8 --no-locale

# PGXS links with the C compiler. Only what the server looks up by name leaves the library: no other one that is loaded into
# the same server can put its own function in the place of ours. (-fvisibility=hidden would do it from PostgreSQL 16 on; in
# 15 it hides the entry points, too.)
SHLIB_LINK = -lstdc++ -Wl,--version-script=build/exported-symbols $(OPTIMISE_LINK)

# Bitcode would be compiled with flags that know nothing of C++20, and there is nothing to inline for the JIT compiler.
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq (,$(wildcard $(PGXS)))
$(error no PGXS: "$(PG_CONFIG)" does not lead to the server's development files; run "setup/packages build" or set PG_CONFIG)
endif
include $(PGXS)

# Link-time optimisation lets the change loop of src/pg inline what it calls in src/wire and src/value. Only GCC: clang
# would need a linker plugin that is often not installed.
ifeq ($(LTO) $(findstring clang,$(CXX)$(CC)),yes )
OPTIMISE = -flto=auto
OPTIMISE_LINK = -flto=auto -O2
endif

OUR_CXXFLAGS = -std=gnu++20 -O2 -Wall -Wextra -Wno-register -fno-plt -fno-semantic-interposition $(OPTIMISE) $(COPT)
ERROR_FLAGS = $(if $(filter yes,$(WERROR)),-Werror)
VERSION_FLAGS = -DPG_REALTIME_VERSION='"$(EXTVERSION)"'
DEPENDENCY_FLAGS = -MMD -MP

COMPILE_PURE = $(CXX) $(CXXFLAGS) $(OUR_CXXFLAGS) -Isrc $(filter-out -I%,$(CPPFLAGS))
COMPILE_PG = $(CXX) $(CXXFLAGS) $(OUR_CXXFLAGS) -Isrc -isystem $(includedir_server) $(CPPFLAGS)

$(PURE_OBJS): %.o: %.cpp build/compile-flags
	$(COMPILE_PURE) $(ERROR_FLAGS) $(VERSION_FLAGS) $(DEPENDENCY_FLAGS) -c -o $@ $<

$(PG_OBJS): %.o: %.cpp build/compile-flags
	$(COMPILE_PG) $(ERROR_FLAGS) $(VERSION_FLAGS) $(DEPENDENCY_FLAGS) -c -o $@ $<

-include $(DEPENDENCIES)

# Objects are rebuilt when the flags, the server's version or our own version differ from those they were compiled with.
build/compile-flags: FORCE
	@mkdir -p build
	@printf '%s\n' '$(COMPILE_PURE)' '$(COMPILE_PG)' '$(EXTVERSION)' '$(VERSION)' > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(INSTALL_SCRIPT_SQL): $(INSTALL_SCRIPT_PARTS) $(EXTENSION).control
	names=$$(sed -nE -e 's/^CREATE (TABLE|VIEW|TYPE|FUNCTION|AGGREGATE) @extschema@\.([a-z0-9_]+).*/\2/p' \
	    -e 's/^CREATE INDEX ([a-z0-9_]+) .*/\1/p' $(INSTALL_SCRIPT_PARTS) | sort -u | paste -sd, -) && \
	    sed "s/@names@/$$names/" $(INSTALL_SCRIPT_PARTS) > $@

build/exported-symbols: Makefile
	@mkdir -p build
	@echo '{ global: _PG_*; Pg_magic_func; pg_finfo_*; $(EXTENSION)_*; local: *; };' > $@

# The library of another set of sources must not pass for up to date.
$(MODULE_big)$(DLSUFFIX): src/sources.mk build/exported-symbols

.PHONY: FORCE
FORCE:

endif
