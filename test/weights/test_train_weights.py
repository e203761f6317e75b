# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`docs/train_weights.sh`, with a `unet-seg train` that reads its options and learns nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from unet_seg_ros import weights

SCRIPT = Path(__file__).parents[2] / "docs" / "train_weights.sh"
IN_THE_BOX = sorted(path.stem for path in Path(weights.__file__).parent.glob("*.safetensors"))

# Like `unet-seg`, but `train` only leaves behind what tells that it was there; where it finds a
# file `interrupt` it leaves what an interrupted training does.
UNET_SEG = f"""#!{sys.executable}
import sys
from pathlib import Path
from unet_seg_ros.cli import main, train

def learn(options):
    run = options.resume or options.out
    state = run / "state.safetensors"
    with open("trained", "a") as stream:
        print("resume" if options.resume else "start", run, file=stream)
    if options.resume:
        state.unlink()
    elif Path("interrupt").exists():
        Path("interrupt").unlink()
        run.mkdir(parents=True)
        state.touch()
        return 130
    else:
        run.mkdir(parents=True)
    if "/" in options.init:
        assert Path(options.init).is_file(), options.init
    (run / "best.safetensors").touch()
    (run / "best.md").touch()
    return 0

train.run = learn
sys.exit(main.main())
"""


def train_weights(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script in `folder`."""
    command = folder / "bin" / "unet-seg"
    if not command.exists():
        command.parent.mkdir()
        command.write_text(UNET_SEG)
        command.chmod(0o755)
    return subprocess.run(
        ["sh", str(SCRIPT), *arguments],
        cwd=folder,
        env={**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def make_pictures(folder: Path) -> Path:
    """Return a data folder with one of the pictures that regions were drawn in."""
    (folder / "data" / "carla_drive").mkdir(parents=True)
    (folder / "data" / "carla_sequence_1280x960").mkdir()
    (folder / "data" / "carla_drive" / "Town01_001020.jpg").touch()
    return folder / "data"


@pytest.mark.parametrize("name", IN_THE_BOX)
def test_every_checkpoint_in_the_box_can_be_trained_again(name: str, tmp_path: Path) -> None:
    result = train_weights(tmp_path, name, str(make_pictures(tmp_path)))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "runs" / name / "best.safetensors").exists()


def test_pictures_are_laid_beside_the_regions_drawn_in_them(tmp_path: Path) -> None:
    data = make_pictures(tmp_path)
    assert train_weights(tmp_path, "carla29-small", str(data)).returncode == 0
    regions = tmp_path / "runs" / "carla_regions"
    assert len(list(regions.glob("*/*/*.json"))) == 175
    assert [path.stem for path in regions.glob("*/*/*.jpg")] == ["Town01_001020"]


def test_what_was_interrupted_goes_on_where_it_stopped(tmp_path: Path) -> None:
    (tmp_path / "interrupt").touch()
    assert train_weights(tmp_path, "nuclei2", "data").returncode == 130
    assert train_weights(tmp_path, "nuclei2", "data").returncode == 0
    assert train_weights(tmp_path, "nuclei2", "data").returncode == 0
    assert (tmp_path / "trained").read_text().splitlines() == [
        "start runs/nuclei2_1",
        "resume runs/nuclei2_1",
        "start runs/nuclei2_2",
        "start runs/nuclei2",
    ]


@pytest.mark.parametrize("arguments", [(), ("nuclei2",), ("unheard_of", "data")])
def test_a_wrong_call_is_told_how_to_call(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = train_weights(tmp_path, *arguments)
    assert result.returncode == 2
    assert "usage: sh docs/train_weights.sh carla29-small|" in result.stderr
