"""What of an address one caller holds. Pure."""

import ipaddress


def block(address: str) -> str:
    """An address of IPv4, a network of 64 bits of IPv6; what is no address stays as it is."""
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), 64), strict=False))
