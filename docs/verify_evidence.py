"""Verify a bundle of evidence: python verify_evidence.py BUNDLE.zip audit.pub (needs Python and cryptography only)."""
import base64, hashlib, itertools, json, struct, sys, zipfile
from datetime import datetime, timedelta
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

def sha(data): return hashlib.sha256(data).digest()
def need(fact, what): return fact or sys.exit(f"NOT VERIFIED: {what}")
def signed(note, trusted):  # a note as in c2sp.org/signed-note, by the trusted Ed25519 key: its lines
    (text, line), (name, number, key) = note.rsplit("\n\n", 1), trusted.strip().split("+", 2)
    key, signature = base64.b64decode(key), base64.b64decode(line.split(" ")[2])
    need(sha(name.encode() + b"\n" + key)[:4].hex() == number == signature[:4].hex(), "another key has signed this")
    need(line == f"\u2014 {name} {base64.b64encode(signature).decode()}\n", "a signature is not in its one form")
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], (text + "\n").encode())
    return text.split("\n")
def root(at, size, leaf, proof):  # where the way from a leaf leads, as in RFC 6962, section 2.1.1
    if size == 1: return need(not proof, "a proof is too long") and leaf
    half = 1 << (size - 1).bit_length() - 1
    if at < half: return sha(b"\x01" + root(at, half, leaf, proof[:-1]) + proof[-1])
    return sha(b"\x01" + proof[-1] + root(at - half, size - half, leaf, proof[:-1]))
def block(frame, time, epoch=datetime(1970, 1, 1)):  # the UTC day, month or year in which a bar opens
    year, month, day = (epoch + timedelta(seconds=int(time) // 10**9)).timetuple()[:3]
    month, day = {"m": (month, day), "h": (month, 1)}.get(frame[-1], (1, 1))
    return (datetime(year, month, day) - epoch) // timedelta(seconds=1) * 10**9
def column(name, values, data): return name + (b"\n\x01" + data if any(x is not None for x in values) else b"\n\x00")
def digest(frame, rows, link=sha(b"barledger/root/1\n")):  # a chain over blocks, each of them column by column
    for start, some in itertools.groupby(rows, lambda row: block(frame, row[0])):
        time, *numbers, texts = zip(*some)
        times = struct.pack(f"<{len(time)}q", *map(int, time))
        data = b"barledger/block/1\n" + struct.pack("<Q", len(time)) + column(b"time int64 ns", time, times)
        for name, values in zip(b"open high low close volume adjustment_factor".split(), numbers, strict=True):
            cells = (float("nan") if x is None else x for x in values)
            data += column(name + b" float64", values, struct.pack(f"<{len(time)}d", *cells))
        words = [None if text is None else text.encode() for text in texts]
        sizes = struct.pack(f"<{len(time)}q", *(-1 if word is None else len(word) for word in words))
        data += column(b"source_id string", words, sizes + b"".join(filter(None, words)))
        link = sha(link + struct.pack("<q", start) + sha(data))
    return link.hex()
def verify(bundle, trusted):
    names = zipfile.ZipFile(bundle).namelist()
    files = {name: zipfile.ZipFile(bundle).read(name) for name in names}
    form, origin, snapshot, *listed = signed(files.pop("evidence.txt").decode(), trusted)
    found = [f"{sha(data).hex()} {name}" for name, data in files.items()]
    odd = sorted({line.split(" ", 1)[1] for line in {*found} ^ {*listed}}) or ["evidence.txt, or the files' order"]
    need((form, listed, len(names)) == ("barledger/evidence/1", found, len(found) + 1), "not signed: " + ", ".join(odd))
    log, size, top = signed(files["checkpoint.txt"].decode(), trusted)
    entries, pins = files["entries.jsonl"].decode().split("\n")[:-1], json.loads(files["manifest.json"])["pins"]
    for one in map(json.loads, entries):
        leaf, proof = sha(b"\x00" + one["body"].encode()), [bytes.fromhex(hashed) for hashed in one["proof"]]
        found = base64.b64encode(root(int(one["sequence"]) - 1, int(size), leaf, proof)).decode()
        need((log, found) == (origin, top), f"entry {one['sequence']} is not in the log")
    pinned = {"snapshot": json.loads(snapshot), "data_hash": sha(files["manifest.json"]).hex()}
    need(any(pinned.items() <= json.loads(json.loads(one)["body"]).items() for one in entries), "no entry pins this")
    for number, pin in enumerate(pins, 1):
        rows = [json.loads(line) for line in files[f"bars/{number}.jsonl"].decode().split("\n")[:-1]]
        need((digest(pin["timeframe"], rows), str(len(rows))) == (pin["digest"], pin["rows"]), f"pin {number} differs")
    return f"VERIFIED: {snapshot}, {len(pins)} series, {len(entries)} of the {size} entries of log {origin}"

if __name__ == "__main__":
    try:
        with open(sys.argv[2], encoding="utf-8") as key: print(verify(sys.argv[1], key.read()))
    except Exception as error: sys.exit(f"NOT VERIFIED: {type(error).__name__}: {error}")
