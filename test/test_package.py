# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What an installation of the package contains."""

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from unet_seg_ros import __version__

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the prefix of a `pip install .`."""
    prefix = tmp_path_factory.mktemp("prefix")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    source = tmp_path_factory.mktemp("build") / "source"
    unwanted = shutil.ignore_patterns(".*", "build", "demo_output", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, source, ignore=unwanted)
    subprocess.run(
        [*install, "--no-build-isolation", "--ignore-installed", "--prefix", str(prefix), "."],
        cwd=source,
        check=True,
    )
    return prefix


def test_launch_and_config_files_land_in_share(installation: Path) -> None:
    share = installation / "share" / "unet_seg_ros"
    assert (share / "package.xml").is_file()
    assert (share / "launch" / "segmentation.launch.py").is_file()
    assert (share / "config" / "segmentation.yaml").is_file()
    index = installation / "share/ament_index/resource_index/packages/unet_seg_ros"
    assert index.is_file()


def test_data_that_the_code_reads_is_installed_beside_it(installation: Path) -> None:
    [package] = installation.glob("lib/python3*/site-packages/unet_seg_ros")
    for name in (
        "labels/mappings/camvid11_to_carla29.yaml",
        "labels/label_sets/carla29.yaml",
        "ros/fastdds.xml",
        "evaluation/report_page.html",
        "weights/carla29-small.safetensors",
    ):
        assert (package / name).is_file(), name


def test_every_node_and_the_command_are_installed(installation: Path) -> None:
    scripts = {path.name for path in (installation / "bin").iterdir()}
    assert not (installation / "lib" / "unet_seg_ros").exists()
    assert {
        "unet-seg",
        "segmentation_node",
        "camera_node",
        "evaluation_node",
        "recorder_node",
    } <= scripts


def test_the_manifest_the_setup_and_the_code_agree_on_the_version() -> None:
    version = ElementTree.parse(ROOT / "package.xml").findtext("version")
    setup = [sys.executable, "setup.py", "--version"]
    result = subprocess.run(setup, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split()[-1] == version == __version__


def named_in(file: str) -> set[str]:
    """Return the packages that a file in requirements/ names, with those of files it includes."""
    names = set()
    for line in (ROOT / "requirements" / file).read_text().splitlines():
        if line.startswith("-r "):
            names |= named_in(line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            names.add(line.partition("==")[0].lower())
    return names


def test_a_workspace_keeps_the_numpy_and_opencv_of_the_installation() -> None:
    assert not [name for name in named_in("workspace.txt") if re.match("numpy|opencv", name)]


def test_what_the_setup_requires_is_in_the_requirements() -> None:
    setup = (ROOT / "setup.py").read_text()
    required = setup.partition("install_requires=[")[2].partition("]")[0]
    names = {name.lower() for name in re.findall(r'"([A-Za-z0-9]+)>=', required)}
    assert {"torch", "mcap", "pyyaml"} <= names
    assert names | {"opencv-python-headless"} == named_in("base.txt")


def test_rosdep_knows_every_name_in_the_manifest() -> None:
    """`rosdep install` stops at the first that it does not know, or that it must ask pip for."""
    known = yaml.safe_load((ROOT / "test" / "rosdep_keys.yaml").read_text())
    manifest = ElementTree.parse(ROOT / "package.xml").getroot()
    named = {element.text for element in manifest if element.tag.endswith("depend")}
    assert named <= {*known["apt"], *known["packages"]}


def test_pytest_starts_beside_the_plugins_of_a_ros_installation(tmp_path: Path) -> None:
    """launch_testing's, on the PYTHONPATH of every one, ends pytest 9 before it collects a test."""
    information = tmp_path / "plugins-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: plugins\nVersion: 1.0\n")
    names = ("launch_testing", "launch_pytest", "launch_ros")
    plugins = "".join(f"{name} = of_older_pytest\n" for name in names)
    (information / "entry_points.txt").write_text(f"[pytest11]\n{plugins}")
    hook = "def pytest_pycollect_makemodule(path, parent):\n    return None\n"
    (tmp_path / "of_older_pytest.py").write_text(hook)
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "test/test_memory.py"]
    search = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": search}
    done = subprocess.run(
        collect, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
