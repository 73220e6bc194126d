"""What of an address one caller holds."""

from __future__ import annotations

import pytest

from planflow.access.addresses import block


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:0:1:aaaa::1", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:bbbb::2%eth0", "2001:db8:0:1::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:50123", "192.0.2.7"),
        ("[2001:db8:0:1:aaaa::1]:50123", "2001:db8:0:1::/64"),
        ("[2001:db8:0:1:aaaa::1]", "2001:db8:0:1::/64"),
        ("no:address:at:all", "no:address:at:all"),
        ("", ""),
    ],
)
def test_one_caller_holds_a_whole_network_of_ipv6(address: str, expected: str) -> None:
    assert block(address) == expected
