# SPDX-License-Identifier: MIT
"""Pictures of a screen as files: PPM and PNG into pixels, and text out of them.

A picture is (width, height, bytes), three bytes a pixel, read by the standards'
words and no library. Text is found glyph by glyph in the font of the video BIOS.
"""
import struct
import zlib

ROM = "/usr/share/seabios/vgabios-stdvga.bin"
# Glyph 1 of every VGA's font of 8 by 16, a face; glyph 0 is empty.
FACE = bytes.fromhex("00007e81a58181bd9981817e00000000")
GLYPH = 16


def read_ppm(data):
    magic, width, height, limit = data.split(maxsplit=4)[:4]
    assert (magic, limit) == (b"P6", b"255"), f"{magic} {limit}"
    width, height = int(width), int(height)
    size = 3 * width * height
    head = len(data) - size
    assert data[:head] == b"P6\n%d %d\n255\n" % (width, height), data[:32]
    return width, height, data[head:]


def read_png(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:8]
    at, packed, size = 8, b"", None
    while True:
        count, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + count]
        crc, = struct.unpack(">I", data[at + 8 + count:at + 12 + count])
        assert crc == zlib.crc32(kind + body), kind
        at += 12 + count
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
            assert body[8:] == b"\x08\x02\0\0\0", body
        elif kind == b"IDAT":
            packed += body
        elif kind == b"IEND":
            break
    assert at == len(data)
    width, height = size
    rows, step = zlib.decompress(packed), 1 + 3 * width
    assert len(rows) == step * height
    assert not any(rows[::step]), "a filter"
    return width, height, b"".join(
        rows[y * step + 1:(y + 1) * step] for y in range(height))


def font():
    with open(ROM, "rb") as f:
        rom = f.read()
    start = rom.index(bytes(GLYPH) + FACE)
    glyphs = {}
    for code in range(255, -1, -1):     # what is printable wins
        at = start + GLYPH * code
        if code != 0xff:
            glyphs[rom[at:at + GLYPH]] = chr(code)
    glyphs[bytes(GLYPH)] = " "
    return glyphs


def text_of(picture, cell_width, glyphs):
    """Lines of text; what is no glyph of the font is a question mark."""
    width, height, pixels = picture
    lit = bytes(any(pixels[i:i + 3]) for i in range(0, len(pixels), 3))
    lines = []
    for top in range(0, height - GLYPH + 1, GLYPH):
        line = ""
        for left in range(0, width - cell_width + 1, cell_width):
            rows = [lit[(top + y) * width + left:][:8] for y in range(GLYPH)]
            bits = bytes(sum(on << (7 - x) for x, on in enumerate(row))
                         for row in rows)
            line += glyphs.get(bits, "?")
        lines.append(line.rstrip())
    return lines
