#!/usr/bin/env bash
# Builds a message package from source for .venv with ROS 2 Kilted's wheels, where tests of messages
# that are on no package index are skipped otherwise:
#
#   test/build_messages.sh https://github.com/ros-perception/vision_msgs vision_msgs
#   . build/messages/install/share/vision_msgs/local_setup.bash
#   .venv/bin/python -m pytest test/nodes/segmentation/test_node.py -k label_info
#
# REPOSITORY is anything that git clones, PACKAGE the folder in it and the package's name. Needs git
# and a C++ compiler; takes a minute. The tools get an environment of their own beside .venv.
set -euo pipefail
repository=$1 package=$2
cd "$(dirname "$0")/.."
root=$PWD/build/messages
tools=$root/tools
mkdir -p "$root"

if ! [ -x "$tools/bin/cmake" ]; then
    "${PYTHON:-.venv/bin/python}" -m venv "$tools"
    "$tools/bin/python" -m pip --quiet --disable-pip-version-check install -r requirements/messages-kilted.txt
    # The wheels' CMake files name the Python that the wheels were built with.
    include=$("$tools/bin/python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    find "$tools/share" -name '*.cmake' -exec sed -i -E \
        -e "s#/opt/python/cp[0-9]+-cp[0-9]+/include/python3\.[0-9]+#$include#g" \
        -e "s#/opt/python/cp[0-9]+-cp[0-9]+/lib/#$tools/lib/#g" {} +
fi

rm -rf "$root/source/$package" "$root/build/$package"
git clone --quiet --depth 1 --no-checkout "$repository" "$root/source/$package"
git -C "$root/source/$package" checkout --quiet HEAD -- "$package"

export PATH="$tools/bin:$PATH" AMENT_PREFIX_PATH="$tools"
cmake -G Ninja -S "$root/source/$package/$package" -B "$root/build/$package" \
    -DCMAKE_PREFIX_PATH="$tools" -DCMAKE_INSTALL_PREFIX="$root/install" -DBUILD_TESTING=OFF \
    -DCMAKE_INSTALL_RPATH="$root/install/lib;$PWD/.venv/lib" -DPython3_EXECUTABLE="$tools/bin/python"
cmake --build "$root/build/$package" --target install
