#!/bin/bash
set -euo pipefail
url=${HEARTH_URL:-http://127.0.0.1:8080}/function/thumbnail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 - "$folder/in.png" <<'EOF'
import struct, sys, zlib
width, height = 640, 480
rows = b"".join(b"\0" + bytes((x * 255 // width, y * 255 // height, 128)[i] for x in range(width) for i in range(3))
                for y in range(height))
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
open(sys.argv[1], "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
                              + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
EOF
curl -sSf --data-binary @"$folder/in.png" -H 'content-type: image/png' -o "$folder/out.jpg" "$url?width=64"
python3 - "$folder/out.jpg" <<'EOF'
import struct, sys
data = open(sys.argv[1], "rb").read()
assert data[:2] == b"\xff\xd8", "not a JPEG"
at = 2
while data[at + 1] not in (0xC0, 0xC2):
    at += 2 + struct.unpack(">H", data[at + 2:at + 4])[0]
height, width = struct.unpack(">HH", data[at + 5:at + 9])
print(f"{width} x {height}, {len(data)} bytes of JPEG")
assert (width, height) == (64, 48)
EOF
[ "$(curl -sS -o /dev/null -w '%{http_code}' -d nonsense "$url")" = 415 ]
