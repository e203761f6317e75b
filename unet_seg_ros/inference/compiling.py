# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network compiled for shapes of pictures: before frames come, or while they do."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch
from torch import Tensor, nn

Network = Callable[[Tensor, "tuple[int, int] | None", bool], "tuple[Tensor, Tensor | None]"]

# Versions of the network that the compiler makes in one process, whatever the checkpoint. Its own
# limit is 8; isolate_recompiles would lift it, but mixes up the versions when one thread compiles
# while another runs (torch 2.13).
MAX_COMPILED = 64

# The compiler's settings are those of the process.
_one_at_a_time = threading.Lock()


class CompiledNetworks:
    """What torch.compile makes of a network, once for each of the shapes that it is prepared for.

    Args:
        network: What is compiled.
        in_background: Whether `prepare` returns while the compiler works.
        limit: For how many shapes compiled networks are kept: those prepared for last.
        on_failure: Called with what the compiler raised, in its thread; it must `clear`.
    """

    def __init__(
        self,
        network: nn.Module,
        in_background: bool,
        limit: int,
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._network = network
        self._in_background = in_background
        self._limit = limit
        self._on_failure = on_failure
        self._ready: OrderedDict[Hashable, Network] = OrderedDict()
        self._under_way: dict[Hashable, object] = {}
        # `clear` may come while a network that is ready takes its place.
        self._changing = threading.Lock()

    @property
    def is_compiling(self) -> bool:
        """Whether something is to be compiled that is not ready yet."""
        return bool(self._under_way)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._ready

    def __len__(self) -> int:
        return len(self._ready)

    def get(self, key: Hashable) -> Network | None:
        """Return the network that is compiled for the shapes `key`, None where there is none."""
        return self._ready.get(key)

    def prepare(self, key: Hashable, run: Callable[[Network], object]) -> None:
        """Compile for the shapes `key`, or begin to; `run` runs a network on such shapes once."""
        if key in self._ready or key in self._under_way:
            return
        self._under_way[key] = ticket = object()
        if self._in_background:
            arguments = (key, ticket, run)
            # A daemon does not keep the process from ending, which may be minutes earlier.
            threading.Thread(
                target=self._compile, args=arguments, name="compiler", daemon=True
            ).start()
        else:
            self._compile(key, ticket, run)

    def clear(self) -> None:
        """Let the compiled networks go, and those that are not ready yet when they are."""
        with self._changing:
            self._under_way.clear()
            self._ready.clear()

    def _compile(self, key: Hashable, ticket: object, run: Callable[[Network], object]) -> None:
        compiled: Network = torch.compile(  # type: ignore[call-overload]
            self._network, dynamic=False, recompile_limit=MAX_COMPILED
        )
        try:
            with _one_at_a_time:
                if self._under_way.get(key) is not ticket:  # cleared meanwhile
                    return
                # Compiling happens in the first run. Frozen weights are constants to the compiler,
                # which packs them for the CPU; as an option of torch.compile this comes too late.
                with torch._inductor.config.patch(freezing=True):
                    run(compiled)
        except Exception as error:
            # Compiling runs much foreign code, which raises whatever it likes.
            self._on_failure(error)
        with self._changing:
            if self._under_way.get(key) is ticket:
                self._ready[key] = compiled
                if len(self._ready) > self._limit:
                    self._ready.popitem(last=False)
                del self._under_way[key]
