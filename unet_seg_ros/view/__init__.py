# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The view in the browser: what is shown, how it is laid out, and who serves it. Needs Rerun."""

from __future__ import annotations

from importlib.util import find_spec


class ViewError(RuntimeError):
    """The view cannot be had, or not any longer; the message says why and what to do."""


def require_rerun() -> None:
    """Do nothing where Rerun is installed.

    Raises:
        ViewError: it is not.
    """
    if find_spec("rerun") is None or find_spec("rerun_cli") is None:
        raise ViewError(
            "the view needs Rerun: pip install 'rerun-sdk==0.41.*' (Python 3.11 or later)"
        )
