# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network compiled for shapes of pictures: before frames come, or while they do."""

from __future__ import annotations

import contextlib
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from types import FunctionType, MethodType

import torch
from torch import Tensor, nn
from torch._C._dynamo.eval_frame import reset_code

Network = Callable[[Tensor, "tuple[int, int] | None", bool], "tuple[Tensor, Tensor | None]"]

# Versions that the compiler makes of a network for one shape, one for each number of threads, say;
# beyond that it runs uncompiled without a word.
MAX_COMPILED = 8

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
        compiled = _compilable(self._network)
        try:
            with _one_at_a_time:
                if self._under_way.get(key) is not ticket:  # cleared meanwhile
                    return
                # Compiling happens in the first run. Frozen weights are constants to the compiler,
                # which packs them for the CPU; as an option of torch.compile this comes too late.
                with torch._inductor.config.patch(freezing=True), _forgetful_compiler():
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


def _compilable(network: nn.Module) -> Network:
    """Return a function that is compiled in its first run, and with which all of that goes.

    The compiler keeps what it made, and its count of versions, by the code that it was made of, for
    good: with the code of all networks in common, it would keep their weights, and soon compile no
    further one.
    """
    forward = type(network).forward
    code = forward.__code__.replace()  # a copy
    # It adds what it made to the globals, too.
    own = FunctionType(code, dict(forward.__globals__), forward.__name__, forward.__defaults__)
    compiled: Network = torch.compile(  # type: ignore[call-overload]
        MethodType(own, network), dynamic=False, recompile_limit=MAX_COMPILED
    )
    # Whoever runs the function holds it, so that this does not come in the middle of a run.
    weakref.finalize(compiled, reset_code, code).atexit = False
    return compiled


@contextlib.contextmanager
def _forgetful_compiler() -> Iterator[None]:
    """Take away the modules that the compiler generates, which have the frozen weights in them.

    It keeps them for good. What is compiled needs their functions alone.
    """
    # Seconds to import, and torch.compile needs it as well.
    from torch._inductor.codecache import PyCodeCache

    count = len(PyCodeCache.modules)
    try:
        yield
    finally:
        for module in PyCodeCache.modules[count:]:
            sys.modules.pop(module.__name__, None)
        del PyCodeCache.modules[count:]
