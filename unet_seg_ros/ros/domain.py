# Copyright 2026 the unet_seg_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A DDS domain that nobody on this machine uses, for demonstrations and tests."""

from __future__ import annotations

import errno
import random
import socket

# DDSI-RTPS 2.3, section 9.6.1.1: PB + DG * domain + d1 is where the domain's first participant
# listens for discovery.
_PORT_BASE = 7400
_DOMAIN_GAIN = 250
_UNICAST_DISCOVERY = 10
# Above 101 the ports reach Linux's ephemeral ones.
_DOMAIN_IDS = range(1, 102)


def free_domain_id() -> int:
    """Return a domain id of 1 to 101 in which no participant of this machine is.

    Raises:
        OSError: every domain is in use.
    """
    for domain_id in random.sample(_DOMAIN_IDS, len(_DOMAIN_IDS)):
        port = _PORT_BASE + _DOMAIN_GAIN * domain_id + _UNICAST_DISCOVERY
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return domain_id
    raise OSError(errno.EADDRINUSE, "every DDS domain from 1 to 101 is in use on this machine")
