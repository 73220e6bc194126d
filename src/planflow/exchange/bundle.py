"""The file of an evidence bundle: an archive whose every byte follows from its content.

Stored without compression and without times: two programs write the same bytes, so that a checker
rebuilds the archive and sees a change in what no content covers.
"""

from binascii import crc32
from struct import pack as packed

from planflow.errors import Refusal

CONTENT, PROTOCOL = "bundle.json", "protocol.yaml"
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_VERSION, _DAY_ZERO = 20, 0x21  # the first day an archive can name
_UNIX, _OWNERS = 3, 0o600
_HEAD = 30


def pack(content: bytes, protocol: bytes) -> bytes:
    """The archive."""
    body, index, files = b"", b"", {CONTENT: content, PROTOCOL: protocol}
    for name, data in files.items():
        sizes = packed("<III", crc32(data), len(data), len(data))
        shared = packed("<HHHHH", _VERSION, 0, 0, 0, _DAY_ZERO) + sizes
        shared += packed("<HH", len(name), 0)
        index += _CENTRAL + packed("<BB", _VERSION, _UNIX) + shared
        index += packed("<HHHII", 0, 0, 0, _OWNERS << 16, len(body)) + name.encode()
        body += _LOCAL + shared + name.encode() + data
    counts = packed("<HHHH", 0, 0, len(files), len(files))
    return body + index + _END + counts + packed("<IIH", len(index), len(body), 0)


def unpack(raw: bytes) -> tuple[bytes, bytes]:
    """Content and protocol. Raises `Refusal` `no_bundle`; `whole` checks what stands between them."""
    found: dict[str, bytes] = {}
    at = 0
    while raw[at : at + 4] == _LOCAL:
        size = int.from_bytes(raw[at + 18 : at + 22], "little")
        name_end = at + _HEAD + int.from_bytes(raw[at + 26 : at + 28], "little")
        found[raw[at + _HEAD : name_end].decode("latin-1")] = raw[name_end : name_end + size]
        at = name_end + size
    if list(found) != [CONTENT, PROTOCOL]:
        raise Refusal("no_bundle")
    return found[CONTENT], found[PROTOCOL]


def whole(raw: bytes, content: bytes, protocol: bytes) -> None:
    """Compare the archive with the one its content makes. Raises `Refusal` `bundle_bent`."""
    again = pack(content, protocol)
    if again != raw:
        same = zip(again, raw, strict=False)
        at = next((n for n, (a, b) in enumerate(same) if a != b), min(len(again), len(raw)))
        raise Refusal("bundle_bent", {"at": at})
