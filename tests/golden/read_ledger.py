#!/usr/bin/env python3
"""Checks a ledger, going by daemon/src/ledger/FORMAT.md alone.

    read_ledger.py FOLDER
    read_ledger.py ENTRIES.jsonl

Prints one JSON object: entries, root, kinds; of a folder also checkpoint, parts, erased. Exits 1 and says why if
anything does not fit.
"""

import base64
import ctypes
import ctypes.util
import hashlib
import json
import os
import struct
import sys
import zlib


def need(holds, what):
    if not holds:
        sys.exit(f"broken: {what}")


def sha256(data):
    return hashlib.sha256(data).digest()


# Zstandard, from the C library where Python (before 3.14) has none.

def decompress(data, size):
    try:
        from compression import zstd
        return zstd.decompress(data)
    except ImportError:
        library = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
    library.ZSTD_decompress.restype = ctypes.c_size_t
    out = ctypes.create_string_buffer(max(size, 1))
    count = library.ZSTD_decompress(out, ctypes.c_size_t(size), data, ctypes.c_size_t(len(data)))
    need(count == size, "a block does not decompress")
    return out.raw[:size]


# The tree of RFC 6962.

def root_of(leaves):
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\x01" + root_of(leaves[:split]) + root_of(leaves[split:]))


def frontier_of(leaves):
    hashes, at = [], 0
    for bit in reversed(range(len(leaves).bit_length())):
        if len(leaves) >> bit & 1:
            hashes.append(root_of(leaves[at:at + (1 << bit)]))
            at += 1 << bit
    return hashes


# Ed25519, RFC 8032: verification only.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def recover(encoded):
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    need(y < P and (x * x - x2) % P == 0, "not a point of the curve")
    return (P - x if x & 1 != sign else x, y)


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    return ((x1 * y2 + x2 * y1) * pow(1 + t, P - 2, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, P - 2, P) % P)


def times(n, point):
    total = (0, 1)
    while n:
        if n & 1:
            total = add(total, point)
        point, n = add(point, point), n >> 1
    return total


def is_signed(public, message, signature):
    base = recover(bytes([0x58]) + b"\x66" * 31)
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return s < L and times(s, base) == add(recover(signature[:32]), times(h, recover(public)))


# Files.

def read_sealed(path, magic):
    data = open(path, "rb").read()
    kind, form, _epoch, first, entries, extra, crc = struct.unpack_from("<8sIIQQQI", data)
    need(kind == magic and form == 1 and crc == zlib.crc32(data[:40]), f"{path}: header")
    need(data[-8:] == b"EVSEALED" and sha256(data[:-40]) == data[-40:-8], f"{path}: digest")
    length, crc = struct.unpack_from("<II", data, len(data) - 48)
    foot = data[len(data) - 48 - length:-48]
    need(zlib.crc32(foot) == crc, f"{path}: foot")
    count = struct.unpack("<I", foot[-4:])[0]
    blocks = []
    for at in range(count):
        offset, stored, raw, crc = struct.unpack_from("<QIII", foot, len(foot) - 4 - 20 * (count - at))
        block = data[offset:offset + stored]
        need(zlib.crc32(block) == crc, f"{path}: block {at}")
        blocks.append(decompress(block, raw))
    return first, entries, extra, blocks, foot[:len(foot) - 4 - 20 * count]


# RFC 8785. Entries have no fractions, and keys of ASCII: their order is that of bytes.

def is_canonical(entry):
    def whole(text):
        need(abs(int(text)) < 2**53, f"{text} is no integer of a double")
        return int(text)

    def fraction(text):
        sys.exit(f"broken: {text} is no integer")

    value = json.loads(entry, parse_int=whole, parse_float=fraction)
    written = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return written.encode() == entry


class Ledger:
    def __init__(self, folder):
        self.folder = folder
        self.entries, self.leaves = [], []
        self.parts, self.erased = {}, set()

    def take(self, entry):
        need(len(entry) <= 4096, "an entry is too long")
        need(is_canonical(entry), f"entry {len(self.entries)} is not canonical")
        self.entries.append(entry)
        self.leaves.append(sha256(b"\x00" + entry))

    def file_part(self, digest):
        path = os.path.join(self.folder, "parts", digest.hex()[:2], digest.hex())
        self.part(digest, open(path, "rb").read())

    def part(self, digest, content):
        need(sha256(content) == digest, f"part {digest.hex()}")
        self.parts[digest] = content[16:]

    def read_packs(self):
        folder = os.path.join(self.folder, "packs")
        for number, name in enumerate(sorted(name for name in os.listdir(folder) if name.endswith(".pack"))):
            need(name == f"{number:010}.pack", f"{name}: a pack is missing before it")
            first, size, _frame, blocks, foot = read_sealed(os.path.join(folder, name), b"EVPACK\r\n")
            need(first == number * size and len(blocks) == 16, f"{name}: shape")
            for block in blocks:
                count = size // 16
                at = 2 * count
                for length in struct.unpack_from(f"<{count}H", block):
                    self.take(block[at:at + length])
                    at += length
                need(at == len(block), f"{name}: entries do not fill their block")
            leaves, group = self.leaves[first:], max(1, size // 256)
            roots = [root_of(leaves[at:at + group]) for at in range(0, size, group)]
            need(foot == b"".join(roots) + root_of(leaves), f"{name}: hashes")

    def read_journal(self):
        folder, number = os.path.join(self.folder, "journal"), None
        for name in sorted(name for name in os.listdir(folder) if name.endswith(".journal")):
            data = open(os.path.join(folder, name), "rb").read()
            magic, form, _epoch, frame, _first, crc = struct.unpack_from("<8sIIQQI", data)
            need(magic == b"EVJRNL\r\n" and form == 1 and crc == zlib.crc32(data[:32]), f"{name}: header")
            need(number in (None, frame) and name == f"{frame:016}.journal", f"{name}: a file is missing")
            number, at = frame, 36
            while at < len(data):
                length, found, crc = struct.unpack_from("<IQI", data, at)
                payload = data[at + 16:at + 16 + length]
                need(found == number and crc == zlib.crc32(data[at:at + 12] + payload), f"{name}: frame {number}")
                self.read_frame(payload)
                number, at = number + 1, at + 16 + length

    def read_frame(self, payload):
        first, n, m = struct.unpack_from("<QII", payload)
        lengths = struct.unpack_from(f"<{n}H", payload, 16)
        table, at = 16 + 2 * n, 16 + 2 * n + 38 * m
        for sequence, length in enumerate(lengths, first):
            entry, at = payload[at:at + length], at + length
            if sequence < len(self.entries):
                need(self.entries[sequence] == entry, f"entry {sequence} differs from its pack")
            else:
                need(sequence == len(self.entries), f"entry {sequence}: there is a gap before it")
                self.take(entry)
        for row in range(m):
            _class, place, length, digest = struct.unpack_from("<BBI32s", payload, table + 38 * row)
            if place == 0:
                self.part(digest, payload[at:at + length])
            elif place == 1:
                self.file_part(digest)
            else:
                self.erased.add(digest)
            at += length if place in (0, 2) else 0
        need(payload[at:] == b"".join(frontier_of(self.leaves[:first + n])), f"frame with entry {first}: frontier")

    def read_segments(self):
        for folder, _, names in os.walk(os.path.join(self.folder, "evidence")):
            for name in sorted(name for name in names if name.endswith(".segment")):
                _first, _entries, _extra, blocks, foot = read_sealed(os.path.join(folder, name), b"EVSEGM\r\n")
                for row in range(struct.unpack_from("<I", foot)[0]):
                    digest, block, offset, length = struct.unpack_from("<32sIII", foot, 4 + 44 * row)
                    if block == 2**32 - 1:
                        self.file_part(digest)
                    elif block == 2**32 - 2:
                        self.erased.add(digest)
                    else:
                        self.part(digest, blocks[block][offset:offset + length])

    def read_checkpoint(self):
        note = open(os.path.join(self.folder, "checkpoint"), encoding="utf-8", newline="").read()
        text, signature = note.rsplit("\n\n", 1)
        opened = json.loads(self.entries[0])
        need(opened["kind"] == "ledger-opened", "the first entry does not open the ledger")
        origin, public = opened["origin"], bytes.fromhex(opened["key"])
        name, size, root = text.split("\n")
        mark, signer, encoded = signature.rstrip("\n").split(" ")
        blob = base64.b64decode(encoded)
        need((mark, signer, name) == ("\u2014", origin, origin), "checkpoint: origin")
        need(blob[:4] == sha256(origin.encode() + b"\n\x01" + public)[:4], "checkpoint: key id")
        need(is_signed(public, (text + "\n").encode(), blob[4:]), "checkpoint: signature")
        need(base64.b64decode(root) == root_of(self.leaves[:int(size)]), "checkpoint: root")
        return int(size)


    def kinds(self):
        return sorted({json.loads(entry)["kind"] for entry in self.entries})

    def read_lines(self):
        with open(self.folder, "rb") as lines:
            for line in lines:
                need(line.endswith(b"\n"), "the last line is cut")
                self.take(line[:-1])


def main():
    ledger = Ledger(sys.argv[1])
    if not os.path.isdir(sys.argv[1]):
        ledger.read_lines()
        found = {"entries": len(ledger.entries), "root": root_of(ledger.leaves).hex(), "kinds": ledger.kinds()}
        print(json.dumps(found))
        return
    ledger.read_packs()
    ledger.read_journal()
    ledger.read_segments()
    for entry in ledger.entries:
        evidence = json.loads(entry).get("evidence", {}).get("part")
        if evidence:
            digest = bytes.fromhex(evidence.removeprefix("sha256:"))
            need(digest in ledger.parts or digest in ledger.erased, f"part {evidence} is missing")
    print(json.dumps({
        "entries": len(ledger.entries),
        "root": root_of(ledger.leaves).hex(),
        "kinds": ledger.kinds(),
        "checkpoint": ledger.read_checkpoint(),
        "parts": len(ledger.parts),
        "erased": len(ledger.erased),
    }))


if __name__ == "__main__":
    main()
