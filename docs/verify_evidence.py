"""Verify a bundle of evidence: python verify_evidence.py BUNDLE.zip audit.pub (needs Python and cryptography only)."""
import base64, hashlib, itertools, json, struct, sys, zipfile
from datetime import datetime, timedelta
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

def sha(data): return hashlib.sha256(data).digest()
def need(fact, what):
    if not fact: raise SystemExit(f"NOT VERIFIED: {what}")
def signed(note, vkey):  # a note as in c2sp.org/signed-note, by an Ed25519 key; returns its lines
    (text, line), (name, number, key) = note.rsplit("\n\n", 1), vkey.strip().split("+", 2)
    key, signature = base64.b64decode(key), base64.b64decode(line.split(" ")[2])
    need(sha(name.encode() + b"\n" + key)[:4].hex() == number == signature[:4].hex(), "another key has signed this")
    need(line == f"\u2014 {name} {base64.b64encode(signature).decode()}\n", "the signature is not in its one form")
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], (text + "\n").encode())
    return text.split("\n")
def root(at, size, leaf, proof):  # the way from a leaf to the root, as in RFC 6962, section 2.1.1
    if size == 1: return need(not proof, "a proof is too long") or leaf
    half = 1 << (size - 1).bit_length() - 1
    if at < half: return sha(b"\x01" + root(at, half, leaf, proof[:-1]) + proof[-1])
    return sha(b"\x01" + proof[-1] + root(at - half, size - half, leaf, proof[:-1]))
def block(frame, time):  # the UTC day, month or year in which a bar opens
    day = datetime(1970, 1, 1) + timedelta(seconds=time // 10**9)
    day = day.replace(hour=0, minute=0, second=0, microsecond=0)
    if frame[-1] != "m": day = day.replace(day=1) if frame[-1] == "h" else day.replace(day=1, month=1)
    return (day - datetime(1970, 1, 1)) // timedelta(seconds=1) * 10**9
def digest(frame, rows):  # the canonical digest of bars: a chain over blocks, each block column by column
    link = sha(b"barledger/root/1\n")
    for start, some in itertools.groupby(rows, lambda row: block(frame, int(row[0]))):
        time, *numbers, texts = zip(*some)
        n, data = len(time), b"barledger/block/1\n" + struct.pack("<Q", len(time))
        data += b"time int64 ns\n\x01" + struct.pack(f"<{n}q", *map(int, time))
        for name, column in zip("open high low close volume adjustment_factor".split(), numbers, strict=True):
            values = struct.pack(f"<{n}d", *(float("nan") if x is None else x for x in column))
            data += f"{name} float64\n".encode() + (b"\x01" + values if any(x is not None for x in column) else b"\0")
        words = [None if text is None else text.encode() for text in texts]
        data += b"source_id string\n" + (b"\x01" if any(word is not None for word in words) else b"\0")
        if any(word is not None for word in words):
            data += struct.pack(f"<{n}q", *(-1 if w is None else len(w) for w in words)) + b"".join(filter(None, words))
        link = sha(link + struct.pack("<q", start) + sha(data))
    return link.hex()
def verify(bundle, trusted):
    with zipfile.ZipFile(bundle) as zipped:
        files = {name: zipped.read(name) for name in zipped.namelist()}
        need(len(files) == len(zipped.namelist()), "a file is there twice")
    form, origin, snapshot, *listed = signed(files.pop("evidence.txt").decode(), trusted)
    need(form == "barledger/evidence/1", "this is no evidence")
    need(listed == [f"{sha(data).hex()} {name}" for name, data in files.items()], "files are not those that were signed")
    log, size, top = signed(files["checkpoint.txt"].decode(), trusted)
    need(log == origin, "the checkpoint is of another log")
    bodies = []
    for one in map(json.loads, files["entries.jsonl"].decode().splitlines()):
        leaf, proof = sha(b"\0" + one["body"].encode()), [bytes.fromhex(x) for x in one["proof"]]
        need(base64.b64encode(root(int(one["sequence"]) - 1, int(size), leaf, proof)).decode() == top, "an entry is wrong")
        bodies.append(json.loads(one["body"]))
    pinned = {"snapshot": json.loads(snapshot), "data_hash": sha(files["manifest.json"]).hex()}
    need(any(pinned.items() <= body.items() for body in bodies), "no entry of the log says that this was pinned")
    pins = json.loads(files["manifest.json"])["pins"]
    for number, pin in enumerate(pins, 1):
        rows = [json.loads(line) for line in files[f"bars/{number}.jsonl"].decode().split("\n")[:-1]]
        need((digest(pin["timeframe"], rows), str(len(rows))) == (pin["digest"], pin["rows"]), "bars are wrong")
    return f"VERIFIED: {pinned['snapshot']}, {len(pins)} series, {len(bodies)} entries of log {origin} ({size} entries)"

if __name__ == "__main__":
    try: print(verify(sys.argv[1], open(sys.argv[2]).read()))
    except Exception as error: raise SystemExit(f"NOT VERIFIED: {type(error).__name__}: {error}")
