-- The Python program that makes, lists and extracts archives. It trusts nothing that an archive says: each
-- entry is checked before it is written, sizes are counted while they are written, all goes to a fresh
-- directory first, and nothing is moved to its place before everything was good.
return [==[
import bz2, gzip, io, json, os, posixpath, re, resource, shutil, stat, struct, subprocess, sys, tarfile, tempfile, zipfile, zlib

class Refused(Exception):
    pass

def refuse(message):
    raise Refused(message)

def shown(name):
    text = name if len(name) <= 120 else name[:120] + "…"
    return json.dumps(text, ensure_ascii=True)

WORKSPACE = os.path.realpath(os.environ.get("ARCHIVE_WORKSPACE", "/workspace"))

def inside(path, what):
    full = os.path.realpath(os.path.join(os.getcwd(), path))
    if full != WORKSPACE and not full.startswith(WORKSPACE + "/"):
        refuse("%s %s leads out of /workspace (to %s)" % (what, shown(path), shown(full)))
    return full

# ── names ──────────────────────────────────────────────────────────────────────────────────────────

def clean_name(name):
    """The parts of an entry's name; refuses whatever is not a plain relative path."""
    if name == "" or "\0" in name:
        refuse("an entry has an empty name or one with a zero byte")
    if len(name.encode("utf-8", "surrogateescape")) > 4000:
        refuse("the name of the entry %s is too long" % shown(name))
    if any(ord(char) < 32 or ord(char) == 127 for char in name):
        refuse("the name of the entry %s has a control character" % shown(name))
    if name.startswith("/") or re.match(r"^[A-Za-z]:", name) or "\\" in name:
        refuse("the entry %s has an absolute path or one of another system" % shown(name))
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        refuse("the entry %s leaves the target through .." % shown(name))
    if any(len(part.encode("utf-8", "surrogateescape")) > 255 for part in parts):
        refuse("the name of the entry %s is too long" % shown(name))
    if len(parts) > 200:
        refuse("the entry %s is nested too deep" % shown(name))
    return parts

# ── reading ────────────────────────────────────────────────────────────────────────────────────────

class Counted(io.RawIOBase):
    """Bytes of the archive as they lie on disk, counted."""
    def __init__(self, raw):
        self.raw, self.count = raw, 0
    def readable(self):
        return True
    def readinto(self, buffer):
        count = self.raw.readinto(buffer)
        self.count += count or 0
        return count

class Limited:
    """A decompressed stream that ends the work when there is too much of it."""
    def __init__(self, stream, compressed, limits):
        self.stream, self.compressed, self.limits, self.count = stream, compressed, limits, 0
    def read(self, size=-1):
        data = self.stream.read(size)
        self.count += len(data)
        # Headers and padding come on top of the content.
        if self.count > self.limits["size_max"] + 1024 * self.limits["entries_max"] + (1 << 20):
            refuse("the archive holds more than %d bytes (size_max)" % self.limits["size_max"])
        if self.compressed and self.count > (64 << 20) and self.count > self.limits["ratio_max"] * max(1, self.compressed.count):
            refuse("the archive grows more than %d times when it is unpacked (ratio_max)" % self.limits["ratio_max"])
        return data

def detect(path):
    with open(path, "rb") as file:
        head = file.read(300)
    if head[:2] == b"\x1f\x8b":
        return "tar.gz"
    if head[:4] == b"\x28\xb5\x2f\xfd":
        return "tar.zst"
    if head[:4] in (b"PK\3\4", b"PK\5\6"):
        return "zip"
    if head[257:262] == b"ustar" or (len(head) >= 263 and head[:1] != b"\0" and re.match(rb"^[0-7 ]{6,7}[\0 ]", head[100:108])):
        return "tar"
    if os.path.getsize(path) >= 1024 and head == b"\0" * len(head):
        return "tar"
    refuse("%s is no archive: expected tar, tar.gz, tar.zst or zip" % shown(os.path.basename(path)))

def open_zstd(raw):
    try:
        from compression import zstd
        return zstd.ZstdFile(raw)
    except ImportError:
        pass
    if shutil.which("zstd") is None:
        refuse("the image has neither Python 3.14 nor the program zstd; give the option image")
    child = subprocess.Popen(["zstd", "-dcq", "--memory=256MB"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    import threading
    def feed():
        try:
            shutil.copyfileobj(raw, child.stdin, 1 << 16)
            child.stdin.close()
        except (BrokenPipeError, ValueError):
            pass
    threading.Thread(target=feed, daemon=True).start()
    class Output:
        def read(self, size=-1):
            data = child.stdout.read(size)
            if not data and size != 0 and child.wait() != 0:
                refuse("the zstd data is damaged: %s" % child.stderr.read(300).decode("utf-8", "replace").strip())
            return data
        def close(self):
            child.kill()
            child.wait()
    return Output()

class Header(tarfile.TarInfo):
    """tarfile takes a damaged header for the end of the archive: what follows would be lost in silence."""
    @classmethod
    def fromtarfile(cls, archive):
        try:
            return super().fromtarfile(archive)
        except tarfile.EmptyHeaderError:
            refuse("the archive ends without its end mark: it is truncated")
        except tarfile.TruncatedHeaderError:
            refuse("the archive is truncated")
        except tarfile.InvalidHeaderError:
            refuse("a header of the archive is damaged")

class Entry:
    def __init__(self, name, kind, size, mode, link, source):
        self.name, self.kind, self.size, self.mode, self.link, self.source = name, kind, size, mode, link, source

def tar_entries(path, form, limits):
    raw = Counted(open(path, "rb", buffering=0))
    stream, compressed = io.BufferedReader(raw, 1 << 16), None
    if form == "tar.gz":
        stream, compressed = gzip.GzipFile(fileobj=stream), raw
    elif form == "tar.zst":
        stream, compressed = open_zstd(stream), raw
    limited = Limited(stream, compressed, limits)
    with tarfile.open(fileobj=limited, mode="r|", tarinfo=Header, errorlevel=2, encoding="utf-8") as tar:
        for member in tar:
            kind = ("file" if member.isreg() else "directory" if member.isdir() else "symlink" if member.issym()
                    else "hardlink" if member.islnk() else "device" if member.isdev() and not member.isfifo()
                    else "fifo" if member.isfifo() else "unknown")
            reader = (lambda found: (lambda: tar.extractfile(found)))(member) if kind == "file" else None
            yield Entry(member.name, kind, member.size if kind == "file" else 0, member.mode, member.linkname, reader)
    # What comes after the end must be readable too: a damaged checksum is found there.
    while limited.read(1 << 16):
        pass

def zip_entries(path, form, limits):
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        for member in members:
            mode = member.external_attr >> 16
            kind = "directory" if member.is_dir() else "symlink" if stat.S_ISLNK(mode) else "file"
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
                kind = "device"
            if member.flag_bits & 0x1:
                refuse("the entry %s is encrypted" % shown(member.filename))
            # Until the zero byte is what zipfile makes of the name; what was written is what counts.
            name = member.orig_filename
            if member.file_size > limits["size_max"]:
                refuse("the archive holds more than %d bytes (size_max)" % limits["size_max"])
            link = ""
            if kind == "symlink":
                if member.file_size > 4096:
                    refuse("the target of the link %s is too long" % shown(name))
                link = archive.read(member).decode("utf-8", "surrogateescape")
            reader = (lambda found: (lambda: archive.open(found)))(member) if kind == "file" else None
            yield Entry(name, kind, member.file_size if kind == "file" else 0, mode & 0o7777 or 0o644, link, reader)

def entries(path, form, limits):
    """The entries in their order; refuses kinds, names and numbers that no archive needs."""
    count = total = 0
    for entry in (zip_entries if form == "zip" else tar_entries)(path, form, limits):
        count += 1
        if count > limits["entries_max"]:
            refuse("the archive has more than %d entries (entries_max)" % limits["entries_max"])
        entry.parts = clean_name(entry.name)
        if entry.kind in ("device", "fifo", "unknown"):
            refuse("the entry %s is a %s" % (shown(entry.name), {"fifo": "named pipe", "unknown": "kind of file that is not known"}.get(entry.kind, "device")))
        if entry.size < 0:
            refuse("the entry %s has a negative size" % shown(entry.name))
        total += entry.size
        if total > limits["size_max"]:
            refuse("the archive holds more than %d bytes (size_max)" % limits["size_max"])
        yield entry

# ── extracting ─────────────────────────────────────────────────────────────────────────────────────

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW

class Target:
    """A fresh directory; every step below it refuses links."""
    def __init__(self, path):
        self.path = path
        self.root = os.open(path, DIRECTORY)

    def parent(self, entry, parts):
        at = os.dup(self.root)
        try:
            for part in parts:
                try:
                    os.mkdir(part, 0o755, dir_fd=at)
                except FileExistsError:
                    pass
                try:
                    below = os.open(part, DIRECTORY, dir_fd=at)
                except OSError:
                    refuse("the entry %s lies below %s, which is no directory" % (shown(entry.name), shown(part)))
                os.close(at)
                at = below
            return at
        except BaseException:
            os.close(at)
            raise

    def write(self, entry, limits, written):
        at = self.parent(entry, entry.parts[:-1])
        try:
            fd = os.open(entry.parts[-1], os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=at)
            with os.fdopen(fd, "wb") as out, entry.source() as data:
                while True:
                    block = data.read(1 << 18)
                    if not block:
                        break
                    written += len(block)
                    if written > limits["size_max"]:
                        refuse("the archive holds more than %d bytes (size_max)" % limits["size_max"])
                    out.write(block)
                # Neither set-id bits nor somebody else's rights.
                os.fchmod(out.fileno(), 0o755 if entry.mode & 0o111 else 0o644)
            return written
        except FileExistsError:
            refuse("the entry %s is there twice" % shown(entry.name))
        finally:
            os.close(at)

    def hardlink(self, entry):
        source = clean_name(entry.link)
        if not source:
            refuse("the hard link %s leads to no file" % shown(entry.name))
        fro, to = self.parent(entry, source[:-1]), self.parent(entry, entry.parts[:-1])
        try:
            if not stat.S_ISREG(os.stat(source[-1], dir_fd=fro, follow_symlinks=False).st_mode):
                refuse("the hard link %s leads to %s, which is no file" % (shown(entry.name), shown(entry.link)))
            os.link(source[-1], entry.parts[-1], src_dir_fd=fro, dst_dir_fd=to, follow_symlinks=False)
        except FileNotFoundError:
            refuse("the hard link %s leads to %s, which is not in the archive before it" % (shown(entry.name), shown(entry.link)))
        except FileExistsError:
            refuse("the entry %s is there twice" % shown(entry.name))
        finally:
            os.close(fro)
            os.close(to)

    def symlink(self, entry):
        if entry.link == "" or "\0" in entry.link or entry.link.startswith("/") or len(entry.link) > 4000:
            refuse("the link %s leads to %s, out of the target" % (shown(entry.name), shown(entry.link)))
        path = posixpath.normpath("/".join(entry.parts[:-1] + [entry.link]))
        if path == ".." or path.startswith("../"):
            refuse("the link %s leads to %s, out of the target" % (shown(entry.name), shown(entry.link)))
        at = self.parent(entry, entry.parts[:-1])
        try:
            os.symlink(entry.link, entry.parts[-1], dir_fd=at)
        except FileExistsError:
            refuse("the entry %s is there twice" % shown(entry.name))
        finally:
            os.close(at)

    def check_link(self, entry):
        """Where it really leads, now that everything is there: links may lead through links."""
        full = os.path.realpath(os.path.join(self.path, *entry.parts))
        if full != self.path and not full.startswith(self.path + "/"):
            refuse("the link %s leads to %s, out of the target" % (shown(entry.name), shown(entry.link)))

def remove(path):
    def retry(function, name, _):
        os.chmod(os.path.dirname(name), 0o700)
        function(name)
    shutil.rmtree(path, onerror=retry)

def extract(options, limits):
    path = inside(options["file"], "the archive")
    into = inside(options["into"], "the directory")
    form = options.get("format") or detect(path)
    made = [into] if not os.path.isdir(into) else []
    os.makedirs(into, exist_ok=True)
    staging = os.path.realpath(tempfile.mkdtemp(prefix=".extracting-", dir=into))
    counts = {"files": 0, "directories": 0, "links": 0, "bytes": 0}
    moved = []
    try:
        target, links, seen = Target(staging), [], set()
        for entry in entries(path, form, limits):
            if not entry.parts:
                continue
            if entry.kind == "directory":
                os.close(target.parent(entry, entry.parts))
                counts["directories"] += 1
            elif entry.kind == "file":
                counts["bytes"] = target.write(entry, limits, counts["bytes"])
                counts["files"] += 1
            elif entry.kind == "hardlink":
                target.hardlink(entry)
                counts["files"] += 1
            else:
                # Last, so that nothing is written through them.
                links.append(entry)
        for entry in links:
            target.symlink(entry)
            counts["links"] += 1
        for entry in links:
            target.check_link(entry)
        top = sorted(os.listdir(staging))
        for name in top:
            if os.path.lexists(os.path.join(into, name)):
                refuse("%s is in %s already; choose an empty directory" % (shown(name), shown(options["into"])))
        for name in top:
            os.rename(os.path.join(staging, name), os.path.join(into, name))
            moved.append(name)
        counts["top"] = top
        return counts
    finally:
        remove(staging)
        for directory in made:
            if not os.listdir(directory):
                os.rmdir(directory)

def list_entries(options, limits):
    path = inside(options["file"], "the archive")
    found = []
    for entry in entries(path, options.get("format") or detect(path), limits):
        item = {"path": "/".join(entry.parts) or ".", "type": entry.kind, "size": entry.size}
        if entry.kind in ("symlink", "hardlink"):
            item["target"] = entry.link
        found.append(item)
    return {"entries": found}

# ── creating ───────────────────────────────────────────────────────────────────────────────────────

def walk(base, paths, exclude, output):
    import fnmatch
    def wanted(name):
        return not any(fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(posixpath.basename(name), pattern) for pattern in exclude)
    def visit(name):
        full = os.path.join(base, name)
        if full == output or not wanted(name):
            return
        mode = os.lstat(full).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            refuse("%s is neither a file nor a directory nor a link" % shown(name))
        if name != ".":
            yield name, full, mode
        if stat.S_ISDIR(mode):
            for child in sorted(os.listdir(full)):
                yield from visit(child if name == "." else name + "/" + child)
    seen = set()
    for path in paths:
        parts = [part for part in path.split("/") if part not in ("", ".")]
        name = "/".join(parts) or "."
        if path.startswith("/") or ".." in parts:
            refuse("%s is no path below the directory" % shown(path))
        full = os.path.realpath(os.path.join(base, os.path.dirname(name)))
        if full != base and not full.startswith(base + "/"):
            refuse("%s leads out of the directory through a link" % shown(path))
        if not os.path.lexists(os.path.join(base, name)):
            refuse("there is no %s" % shown(path))
        for found in visit(name):
            if found[0] not in seen:
                seen.add(found[0])
                yield found

def create(options, limits):
    base = inside(options["from"], "the directory")
    output = inside(options["file"], "the archive")
    form = options["format"]
    epoch = options.get("mtime")
    os.makedirs(os.path.dirname(output), exist_ok=True)
    fd, temporary = tempfile.mkstemp(prefix=".creating-", dir=os.path.dirname(output))
    counts = {"entries": 0, "bytes": 0}
    child = None
    try:
        with os.fdopen(fd, "wb") as raw:
            if form == "zip":
                sink = zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=options.get("level"))
            else:
                stream = raw
                if form == "tar.gz":
                    # No name and no time in the header: the same files give the same bytes.
                    stream = gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=options.get("level") or 6, mtime=0)
                elif form == "tar.zst":
                    level = options.get("level") or 3
                    try:
                        from compression import zstd
                        stream = zstd.ZstdFile(raw, "wb", level=level)
                    except ImportError:
                        if shutil.which("zstd") is None:
                            refuse("the image has neither Python 3.14 nor the program zstd; give the option image")
                        child = subprocess.Popen(["zstd", "-cq", "-%d" % level], stdin=subprocess.PIPE, stdout=raw)
                        stream = child.stdin
                sink = tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT)
            for name, full, mode in walk(base, options["paths"], options.get("exclude") or [], temporary):
                if full == output:
                    continue
                add(sink, form, name, full, mode, epoch)
                counts["entries"] += 1
                if stat.S_ISREG(mode):
                    counts["bytes"] += os.lstat(full).st_size
            if counts["entries"] == 0:
                refuse("nothing would be in the archive")
            sink.close()
            if form in ("tar.gz", "tar.zst"):
                stream.close()
            if child is not None and child.wait() != 0:
                refuse("zstd failed")
        os.chmod(temporary, 0o644)
        os.rename(temporary, output)
        counts["size"] = os.path.getsize(output)
        return counts
    except BaseException:
        if child is not None:
            child.kill()
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise

def add(sink, form, name, full, mode, epoch):
    info = os.lstat(full)
    when = epoch if epoch is not None else int(info.st_mtime)
    if form == "zip":
        import time
        stamp = time.gmtime(max(when, 315532800))[:6]
        item = zipfile.ZipInfo(name + ("/" if stat.S_ISDIR(mode) else ""), stamp)
        item.create_system = 3
        item.external_attr = (mode & 0xFFFF) << 16 | (0x10 if stat.S_ISDIR(mode) else 0)
        item.compress_type = zipfile.ZIP_DEFLATED if stat.S_ISREG(mode) else zipfile.ZIP_STORED
        if stat.S_ISREG(mode):
            with open(full, "rb") as data, sink.open(item, "w", force_zip64=info.st_size > 1 << 31) as out:
                shutil.copyfileobj(data, out, 1 << 18)
        else:
            sink.writestr(item, os.readlink(full) if stat.S_ISLNK(mode) else "")
        return
    item = tarfile.TarInfo(name)
    item.mtime, item.mode = when, stat.S_IMODE(mode) & 0o755
    if stat.S_ISREG(mode):
        item.size = info.st_size
        with open(full, "rb") as data:
            sink.addfile(item, data)
    else:
        item.type = tarfile.SYMTYPE if stat.S_ISLNK(mode) else tarfile.DIRTYPE
        item.linkname = os.readlink(full) if stat.S_ISLNK(mode) else ""
        sink.addfile(item)

# ── main ───────────────────────────────────────────────────────────────────────────────────────────

def main():
    options = json.loads(sys.argv[1])
    limits = {key: options.get(key) for key in ("size_max", "entries_max", "ratio_max")}
    # Headers that claim gigabytes must not take the memory of the container.
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    os.umask(0o022)
    try:
        result = {"list": list_entries, "extract": extract, "create": create}[options["action"]](options, limits)
    except Refused as problem:
        result = {"refused": str(problem)}
    except FileNotFoundError as problem:
        result = {"refused": "there is no %s" % shown(str(problem.filename))}
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, struct.error, NotImplementedError, UnicodeError, ValueError, OverflowError) as problem:
        result = {"refused": "the archive is damaged or not supported: %s" % (str(problem) or type(problem).__name__)}
    except MemoryError:
        result = {"refused": "the archive needs too much memory"}
    except OSError as problem:
        result = {"refused": "%s: %s" % (problem.strerror or "the disk failed", shown(str(problem.filename or "")))}
    sys.stdout.write(json.dumps(result))

main()
]==]
