# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads what libraries say when a device, or a compiler, fails."""

from __future__ import annotations

import torch

_SIGNS = (
    # torch, and what it says for cudaErrorMemoryAllocation.
    "out of memory",
    "cudaErrorMemoryAllocation",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "DEVICE_ALLOCATION_FAILED",  # CUDNN_STATUS_INTERNAL_ERROR_..., of cuDNN 9
    "Failed to allocate memory for requested buffer",  # ONNX Runtime
    # What cuDNN says after it found no memory for any of its algorithms.
    "unable to find an engine to execute this computation",
)


def is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether `error`, or one that it was raised in the wake of, means full memory."""
    while error is not None:
        if isinstance(error, torch.OutOfMemoryError):
            return True
        is_a_librarys = isinstance(error, RuntimeError) or _is_of_onnx_runtime(error)
        if is_a_librarys and any(sign in str(error) for sign in _SIGNS):
            return True
        # A failed recording raises an error of its own over the first.
        error = error.__cause__ or error.__context__
    return False


def _is_of_onnx_runtime(error: BaseException) -> bool:
    """Return whether `error` is of a class of ONNX Runtime, all of which are Exceptions alone."""
    return type(error).__module__.startswith("onnxruntime.")


def first_line(error: BaseException) -> str:
    """Return the first line of what `error` says: what follows is for programmers."""
    return f"{str(error).strip().partition(chr(10))[0]:.200}"
