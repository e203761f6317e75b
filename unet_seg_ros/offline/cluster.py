# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Spreads bags over a Ray cluster: each worker has an engine of its own and takes bag after bag.

A bag is segmented by one worker exactly as it would be here. Bags and checkpoint have to lie at the
same paths on all machines.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from unet_seg_ros.bags.writer import BagError
from unet_seg_ros.offline.segment_bag import BagOutcome, MaskSettings, segment_bag

if TYPE_CHECKING:
    from unet_seg_ros.inference.segmenter import Segmenter

LOCAL = "local"


def segment_on_cluster(
    targets: Mapping[Path, Path],
    make_segmenter: Callable[[], Segmenter],
    settings: MaskSettings,
    address: str,
    device: str,
) -> Iterator[tuple[Path, BagOutcome | BagError]]:
    """Segment bags; yield each source with what came of it, in the order in which they are done.

    Args:
        targets: For every bag, the one to write; absolute paths.
        make_segmenter: Called once in each worker; it and what it holds can be pickled.
        settings: What to add.
        address: Of the cluster: "HOST:PORT", "auto" for one that this machine is part of, or LOCAL
            to begin one here, that ends with this.
        device: What the network runs on. Workers take a GPU each, or on "cpu" and where the
            cluster has no GPU a core each.

    Raises:
        ValueError: Ray is not installed.
        ConnectionError: There is no cluster at the address, or a worker fails.
    """
    try:
        import ray
        from ray.util import ActorPool
    except ImportError as error:
        raise ValueError("--ray needs Ray: pip install ray") from error

    ray.init(
        address=address,
        log_to_driver=False,
        logging_level=logging.ERROR,
        # Only a cluster that begins here can be told to do without its web page.
        include_dashboard=False if address == LOCAL else None,
    )
    try:
        resources = ray.cluster_resources()
        gpus = 0 if device == "cpu" else int(resources.get("GPU", 0))
        count = min(len(targets), gpus or int(resources["CPU"]))
        worker = ray.remote(_Worker).options(num_cpus=1, num_gpus=1 if gpus else 0)
        pool = ActorPool([worker.remote(make_segmenter) for _ in range(count)])
        yield from pool.map_unordered(
            lambda actor, item: actor.segment.remote(*item, settings), list(targets.items())
        )
    except ray.exceptions.RayError as error:
        reason = str(error).strip().rpartition("\n")[2]
        raise ConnectionError(f"a worker of the Ray cluster failed: {reason:.300}") from error
    finally:
        ray.shutdown()


class _Worker:
    """An engine, in a process of its own."""

    def __init__(self, make_segmenter: Callable[[], Segmenter]) -> None:
        self._segmenter = make_segmenter()

    def segment(
        self, source: Path, target: Path, settings: MaskSettings
    ) -> tuple[Path, BagOutcome | BagError]:
        """Segment one bag."""
        try:
            return source, segment_bag(source, target, self._segmenter, settings)
        except BagError as error:
            return source, error
