# Writes archives that no extractor may believe, and prints for each what its refusal has to say (null: it is good).
import gzip, io, json, os, struct, subprocess, sys, tarfile, zipfile, zlib

out = sys.argv[1]
os.makedirs(out, exist_ok=True)
expected = {}


def tar(name, *entries, reason, mode="w", **options):
    with tarfile.open(os.path.join(out, name), mode, **options) as archive:
        for path, kind, content in entries:
            item = tarfile.TarInfo(path)
            item.type = kind
            data = None
            if kind == tarfile.REGTYPE:
                item.size, data = len(content), io.BytesIO(content)
            elif kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                item.linkname = content
            elif isinstance(content, int):
                item.mode = content
            archive.addfile(item, data)
    expected[name] = reason


def zipped(name, *entries, reason):
    with zipfile.ZipFile(os.path.join(out, name), "w", zipfile.ZIP_DEFLATED) as archive:
        for path, mode, content in entries:
            item = zipfile.ZipInfo(path)
            item.filename = path
            item.external_attr = mode << 16
            item.create_system = 3
            item.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(item, content)
    expected[name] = reason


def raw(name, data, reason):
    with open(os.path.join(out, name), "wb") as file:
        file.write(data)
    expected[name] = reason


def read(name):
    with open(os.path.join(out, name), "rb") as file:
        return file.read()


FILE, LINK, HARD, DIR = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
leaves, absolute, leads_out = "leaves the target through ..", "absolute path or one of another system", "out of the target"

tar("dotdot.tar", ("../escape", FILE, b"x"), reason=leaves)
tar("dotdot_deep.tar", ("a/../../escape", FILE, b"x"), reason=leaves)
tar("dotdot_inside.tar", ("a/../b", FILE, b"x"), reason=leaves)
tar("dotdot_directory.tar", ("..", DIR, 0o777), reason=leaves)
tar("absolute.tar", ("/tmp/escape", FILE, b"x"), reason=absolute)
tar("drive.tar", ("C:/escape", FILE, b"x"), reason=absolute)
tar("backslash.tar", ("..\\escape", FILE, b"x"), reason=absolute)
tar("link_absolute.tar", ("link", LINK, "/etc/passwd"), reason=leads_out)
tar("link_out.tar", ("a/link", LINK, "../../escape"), reason=leads_out)
tar("link_of_links.tar", ("sub/deep/x", FILE, b"x"), ("down", LINK, "sub/deep"), ("up", LINK, "down/../../../escape"), reason=leads_out)
tar("link_chain.tar", ("a", LINK, "b"), ("b/c/d", FILE, b"x"), ("l1", LINK, "b/c"), ("b/c/l2", LINK, "../../l1/../.."), reason=leads_out)
tar("through_link.tar", ("link", LINK, "/tmp"), ("link/escape", FILE, b"x"), reason=leads_out)
tar("through_inner_link.tar", ("dir/x", FILE, b"x"), ("link", LINK, "dir"), ("link/y", FILE, b"y"), reason="there twice")
tar("file_then_below.tar", ("file", FILE, b"x"), ("file/y", FILE, b"y"), reason="which is no directory")
tar("hardlink_absolute.tar", ("link", HARD, "/etc/passwd"), reason=absolute)
tar("hardlink_out.tar", ("link", HARD, "../../etc/passwd"), reason=leaves)
tar("hardlink_missing.tar", ("link", HARD, "nowhere"), reason="not in the archive before it")
tar("hardlink_to_link.tar", ("soft", LINK, "x"), ("hard", HARD, "soft"), reason="not in the archive before it")
tar("device.tar", ("zero", tarfile.CHRTYPE, 0o666), reason="is a device")
tar("block_device.tar", ("disk", tarfile.BLKTYPE, 0o666), reason="is a device")
tar("fifo.tar", ("pipe", tarfile.FIFOTYPE, 0o666), reason="is a named pipe")
tar("twice.tar", ("x", FILE, b"1"), ("x", FILE, b"2"), reason="is there twice")
tar("newline.tar", ("a\nb", FILE, b"x"), reason="control character")
tar("escape_sequence.tar", ("a\x1b[2Jb", FILE, b"x"), reason="control character")
tar("long_name.tar", ("n" * 300, FILE, b"x"), reason="is too long", format=tarfile.GNU_FORMAT)
tar("huge_name.tar", ("n/" * 500_000, FILE, b"x"), reason="is too long", format=tarfile.GNU_FORMAT)
tar("deep.tar", ("d/" * 300 + "x", FILE, b"x"), reason="nested too deep", format=tarfile.GNU_FORMAT)
tar("many.tar", *((f"f{index}", FILE, b"") for index in range(10_050)), reason="more than 10000 entries")
tar("bomb.tar.gz", ("zeros", FILE, bytes(80_000_000)), reason="more than 50000000 bytes", mode="w:gz")

zipped("dotdot.zip", ("../escape", 0o100644, b"x"), reason=leaves)
zipped("absolute.zip", ("/tmp/escape", 0o100644, b"x"), reason=absolute)
zipped("backslash.zip", ("a\\..\\..\\escape", 0o100644, b"x"), reason=absolute)
zipped("link_out.zip", ("link", 0o120777, b"../../etc/passwd"), reason=leads_out)
zipped("through_link.zip", ("link", 0o120777, b"/tmp"), ("link/escape", 0o100644, b"x"), reason=leads_out)
zipped("device.zip", ("zero", 0o020666, b""), reason="is a device")
zipped("twice.zip", ("x", 0o100644, b"1"), ("x", 0o100644, b"2"), reason="is there twice")
zipped("bomb.zip", ("zeros", 0o100644, bytes(80_000_000)), reason="more than 50000000 bytes")

# The directory of a zip says one byte, the data hold 80 MB.
zipped("lying_size.zip", ("zeros", 0o100644, bytes(80_000_000)), reason="damaged")
data = bytearray(read("lying_size.zip"))
central = data.rindex(b"PK\1\2")
data[central + 24:central + 28] = struct.pack("<I", 1)
raw("lying_size.zip", bytes(data), "damaged")
# Two names for one file: what the checker reads and what an extractor would write.
zipped("two_names.zip", ("good", 0o100644, b"x"), reason="damaged")
data = bytearray(read("two_names.zip"))
data[30:34] = b"evil"
raw("two_names.zip", bytes(data), "damaged")
zipped("encrypted.zip", ("x", 0o100644, b"x"), reason="is encrypted")
data = bytearray(read("encrypted.zip"))
data[data.rindex(b"PK\1\2") + 8] |= 1
raw("encrypted.zip", bytes(data), "is encrypted")

# A size in a PAX header that is not the file's.
tar("pax_size.tar", ("x", FILE, b"hello"), reason="damaged", format=tarfile.PAX_FORMAT)
with tarfile.open(os.path.join(out, "pax_size.tar"), "w", format=tarfile.PAX_FORMAT) as archive:
    item = tarfile.TarInfo("x")
    item.size, item.pax_headers = 5, {"size": "1000000000000"}
    archive.addfile(item, io.BytesIO(b"hello"))
expected["pax_size.tar"] = "more than 50000000 bytes"
# A sparse file of a terabyte.
with tarfile.open(os.path.join(out, "sparse.tar"), "w", format=tarfile.PAX_FORMAT) as archive:
    item = tarfile.TarInfo("x")
    item.size = 512
    item.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "x",
                        "GNU.sparse.size": "1099511627776", "GNU.sparse.map": "0,512"}
    archive.addfile(item, io.BytesIO(bytes(512)))
expected["sparse.tar"] = "more than 50000000 bytes"

good = [("a/b.txt", FILE, b"hello\n"), ("a/link", LINK, "b.txt"), ("a/hard", HARD, "a/b.txt"), ("empty", DIR, 0o755)]
tar("good.tar", *good, reason=None)
tar("good.tar.gz", *good, reason=None, mode="w:gz")
subprocess.run(["zstd", "-q", "-f", os.path.join(out, "good.tar"), "-o", os.path.join(out, "good.tar.zst")], check=True)
expected["good.tar.zst"] = None
zipped("good.zip", ("a/b.txt", 0o104755, b"hello\n"), ("a/link", 0o120777, b"b.txt"), reason=None)
raw("truncated.tar", read("good.tar")[:700], "truncated")
raw("no_end_mark.tar", read("good.tar")[:1024], "truncated")
damaged = bytearray(read("good.tar"))
damaged[1024 + 5] ^= 0xFF
raw("damaged_header.tar", bytes(damaged), "header of the archive is damaged")
raw("truncated.tar.gz", read("good.tar.gz")[:-20], "damaged")
raw("damaged.tar.zst", read("good.tar.zst")[:-8], "damaged")
raw("truncated.zip", read("good.zip")[:-30], "damaged")
raw("empty.tar", b"", "is no archive")
raw("text.tar", b"just text, no archive at all\n" * 50, "is no archive")
crc = bytearray(read("good.tar.gz"))
crc[-8] ^= 0xFF
raw("wrong_checksum.tar.gz", bytes(crc), "damaged")

print(json.dumps(expected))
