"""What of an address one caller holds. Pure."""

import ipaddress


def block(address: str) -> str:
    """An address of IPv4, a network of 64 bits of IPv6, whatever port a proxy names with it.

    What is no address stays as it is.
    """
    host = _host(address)
    if ":" not in host:
        return host
    try:
        found = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), 64), strict=False))


def _host(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, rest = address.partition(":")
    return address if ":" in rest else host
