"""Verify a bundle of evidence: python verify_evidence.py BUNDLE.zip audit.pub (needs Python and cryptography only)."""
import base64, datetime, hashlib, itertools, json, pathlib, struct, sys, zipfile
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

def sha(data): return hashlib.sha256(data).digest()
def need(fact, what): return fact or sys.exit(f"NOT VERIFIED: {what}")
def signed(note, trusted):  # a note as in c2sp.org/signed-note, by the trusted Ed25519 key: its lines
    (text, line), (name, number, key) = note.rsplit("\n\n", 1), trusted.strip().split("+", 2)
    key, signature = base64.b64decode(key), base64.b64decode(line.split(" ")[2])
    need(sha(name.encode() + b"\n" + key)[:4].hex() == number == signature[:4].hex(), "another key has signed this")
    need(line == f"\u2014 {name} {base64.b64encode(signature).decode()}\n", "a signature is not in its one form")
    return Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], f"{text}\n".encode()) or text.split("\n")
def root(at, size, leaf, proof):  # where the way from an entry leads, as in RFC 6962, section 2.1.1
    if size == 1: return need(not proof, "a proof is too long") and sha(b"\0" + leaf)
    if at < (half := 1 << (size - 1).bit_length() - 1): return sha(b"\1" + root(at, half, leaf, proof[:-1]) + proof[-1])
    return sha(b"\1" + proof[-1] + root(at - half, size - half, leaf, proof[:-1]))
EPOCH, DAY = datetime.date(1970, 1, 1), 86_400 * 10**9
def opened(frame, time): return str(EPOCH + datetime.timedelta(int(time) // DAY))[:{"m": 10, "h": 7}.get(frame[-1], 4)]
def pack(code, *cells): return struct.pack(f"<{len(cells)}{code}", *cells)
def column(name, values, data): return name + (b"\n\x01" + data if any(x is not None for x in values) else b"\n\x00")
def digest(frame, rows, link=sha(b"barledger/root/1\n")):  # a chain over blocks, each of them column by column
    for date, some in itertools.groupby(rows, lambda row: opened(frame, row[0])):  # a UTC day, month or year
        at, *numbers, texts = zip(*some)
        data = b"barledger/block/1\n" + pack("Q", len(at)) + column(b"time int64 ns", at, pack("q", *map(int, at)))
        for name, values in zip(b"open high low close volume adjustment_factor".split(), numbers, strict=True):
            data += column(name + b" float64", values, pack("d", *(float("nan") if x is None else x for x in values)))
        sizes = pack("q", *(-1 if text is None else len(text.encode()) for text in texts))
        data += column(b"source_id string", texts, sizes + "".join(filter(None, texts)).encode())
        link = sha(link + pack("q", (datetime.date.fromisoformat(f"{date}-01-01"[:10]) - EPOCH).days * DAY) + sha(data))
    return link.hex()
def verify(bundle, trusted):
    with zipfile.ZipFile(bundle) as archive: files = {name: archive.read(name) for name in archive.namelist()}
    form, origin, snapshot, *listed = signed(files.pop("evidence.txt").decode(), trusted)
    found = [f"{sha(data).hex()} {name}" for name, data in files.items()]
    odd = ", ".join(sorted({line[65:] for line in {*found} ^ {*listed}})) or "evidence.txt, or the files' order"
    need((form, listed, len(archive.filelist)) == ("barledger/evidence/1", found, 1 + len(found)), "not signed: " + odd)
    (log, size, top), manifest = signed(files["checkpoint.txt"].decode(), trusted), files["manifest.json"]
    entries, pins = files["entries.jsonl"].decode().split("\n")[:-1], json.loads(manifest)["pins"]
    for one in map(json.loads, entries):
        way = root(int(one["sequence"]) - 1, int(size), one["body"].encode(), [*map(bytes.fromhex, one["proof"])])
        need((log, base64.b64encode(way).decode()) == (origin, top), f"entry {one['sequence']} is not in the log")
    pinned = {"snapshot": json.loads(snapshot), "data_hash": sha(manifest).hex()}.items()
    need(any(pinned <= json.loads(json.loads(one)["body"]).items() for one in entries), "no entry pins this")
    for number, pin in enumerate(pins, 1):
        rows = [json.loads(line) for line in files[f"bars/{number}.jsonl"].decode().split("\n")[:-1]]
        need((digest(pin["timeframe"], rows), str(len(rows))) == (pin["digest"], pin["rows"]), f"pin {number} differs")
    return f"VERIFIED: {snapshot}, {len(pins)} series, {len(entries)} of the {size} entries of log {origin}"
if __name__ == "__main__":
    try: print(verify(sys.argv[1], pathlib.Path(sys.argv[2]).read_text("utf-8")))
    except Exception as error: sys.exit(f"NOT VERIFIED: {type(error).__name__}: {error}")
