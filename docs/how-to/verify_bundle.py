"""Check an evidence bundle without planflow: python verify_bundle.py FILE [VKEY]"""

import base64
import hashlib
import io
import json
import re
import sys
import zipfile
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NAMES = ["bundle.json", "protocol.yaml"]


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def need(true, sentence):
    if not true:
        raise ValueError(sentence)


def raw_of(text):
    raw = base64.b64decode(text, validate=True)
    need(base64.b64encode(raw).decode() == text, f"{text} is bent")
    return raw


def unzip(raw):
    files, at = {}, 0
    while raw[at : at + 4] == b"PK\x03\x04":
        size, name = (int.from_bytes(raw[n : n + 4], "little") for n in (at + 18, at + 26))
        files[raw[at + 30 : at + 30 + name].decode("latin-1")] = raw[at + 30 + name :][:size]
        at += 30 + name + size
    need(list(files) == NAMES, "the archive has other files than a bundle's two")
    return files


def zipped(files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            archive.writestr(info, data)
    return made.getvalue()


def checkpoint(note, vkey):
    name, short, coded = vkey.split("+", 2)
    raw = raw_of(coded)
    need(sha(name.encode(), b"\n", raw)[:4].hex() == short, f"the key {vkey} is not whole")
    text, _, line = note.rpartition("\n\n")
    origin, size, root = text.split("\n")
    signed = re.fullmatch(rf"— {re.escape(name)} (\S+)\n", line)
    need(signed and origin.startswith(f"{name}/"), f"the checkpoint of {origin} is not by {name}")
    signature = raw_of(signed[1])
    need(signature[:4].hex() == short, f"the checkpoint of {origin} is signed by another key")
    Ed25519PublicKey.from_public_bytes(raw[1:]).verify(signature[4:], f"{text}\n".encode())
    return re.sub(r"/epoch/\d+$", "", origin), int(size), raw_of(root)


def merkle(hashes):  # RFC 9162, section 2.1
    if len(hashes) < 2:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return sha(b"\1", merkle(hashes[:half]), merkle(hashes[half:]))


def root_of(size, index, found, path):  # RFC 9162, section 2.1.3.2, from the root down
    if size == 1:
        return found if not path else b""
    half = 1 << (size - 1).bit_length() - 1
    if index < half:
        return sha(b"\1", root_of(half, index, found, path[:-1]), path[-1])
    return sha(b"\1", path[-1], root_of(size - half, index - half, found, path[:-1]))


def commitments(values):
    parts = {}
    for one in values:
        if "digest" not in one:
            one["digest"] = sha(b"\0", bytes.fromhex(one["salt"]), one["value"].encode()).hex()
        parts.setdefault(one["part"], []).append((one["number"], bytes.fromhex(one["digest"])))
    for name, several in parts.items():
        numbers, digests = zip(*several, strict=True)
        numbers, root = list(numbers), merkle(digests).hex()
        need(numbers in ([-1], list(range(len(several)))), f"the values of {name} are not in order")
        parts[name] = root if numbers == [-1] else {"root": root, "size": len(several)}
    return parts


def check_event(one, stream, seq, chain, last, heads):
    leaf, hashed = json.loads(one["leaf"]), sha(b"\0", one["leaf"].encode())
    need((leaf["stream"], leaf["seq"]) == (stream, seq), "one is missing, or was moved")
    need((seq == 1) == (chain == bytes(32)), "it begins no stream")
    need(sha(chain, hashed).hex() == one["chain"], "it does not follow the one before it")
    need(commitments(one["values"]) == leaf["commitments"], "its content was changed")
    (log, size, root), at, path = heads[one["tree"]], one["position"], [*map(raw_of, one["proof"])]
    need(at < size and root_of(size, at, hashed, path) == root, "no checkpoint proves it")
    need(log == leaf["log"], "it is of another log")
    need(leaf["recorded_at"] > last, "it is not later than the one before it")
    return leaf


def verify(file, pinned=None):
    """What was checked, in numbers. Raises ValueError: what is wrong, and where."""
    files, place = unzip(file), NAMES[0]
    counts, digests = {"events": 0, "links": 0}, set()
    try:
        bundle = json.loads(files[NAMES[0]])
        again = json.dumps(bundle, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        need(again.encode() == files[NAMES[0]], "it is not written as it should be")
        need(bundle.pop("format") == "planflow-bundle/1", "its format is not known")
        need(pinned in (None, bundle["key"]), f"{bundle['key']} signed it, and not the key named")
        place = "the checkpoints and their signatures"
        heads = [checkpoint(note, bundle["key"]) for note in bundle["trees"]]
        for run in bundle["runs"]:
            chain, last = bytes.fromhex(run["before"]), ""
            for seq, one in enumerate(run["events"], json.loads(run["events"][0]["leaf"])["seq"]):
                place = f"event {seq} of {run['stream']}"
                leaf = check_event(one, run["stream"], seq, chain, last, heads)
                counts["links"] += seq == 1 or last != ""
                chain, last = bytes.fromhex(one["chain"]), leaf["recorded_at"]
                counts["events"] += 1
                if leaf["kind"] == "cycle_opened":
                    [terms] = [told["value"] for told in one["values"] if told["part"] == "terms"]
                    digests.add(json.loads(terms)["digest"])
    except (ValueError, KeyError, TypeError, IndexError, InvalidSignature) as error:
        raise ValueError(f"{place}: {error or type(error).__name__}") from None
    need(counts["events"], "there is no event in it: nothing was checked")
    need(sha(files[NAMES[1]]).hex() in digests, f"{NAMES[1]} is not the cycle's")
    made = zipped(files)
    at = next((n for n in range(len(made)) if made[n : n + 1] != file[n : n + 1]), len(made))
    need(made == file, f"the archive itself was changed at byte {at}")
    return counts | {"signatures": len(heads), "proofs": counts["events"]}


if __name__ == "__main__":
    file, *pinned = sys.argv[1:] or sys.exit(print(__doc__, file=sys.stderr) or 2)
    try:
        print(verify(Path(file).read_bytes(), *pinned[:1]))
        print("signer pinned" if pinned else "signer NOT pinned: name the key")
    except (ValueError, OSError) as error:
        sys.exit(f"wrong: {error}")
