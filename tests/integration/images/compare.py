# SPDX-License-Identifier: Apache-2.0
"""compare.py ROOTFS < EXPORT: whether a root filesystem is what an engine exports of a container of it.

Not compared: owners; what the engine puts into each container; devices, FIFOs and sockets, which are left out; setuid and
setgid bits, which are dropped; the times of folders and links.
"""
import os
import stat
import sys
import tarfile

ENGINES = {".dockerenv", "dev", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab", "proc", "sys"}
rootfs = os.fsencode(sys.argv[1])


def is_engines(name):
    return name in ENGINES or name.split("/")[0] in ("dev", "proc", "sys")


def unpacked(name):
    """What is at a name: kind, mode, target, length, time."""
    path = os.path.join(rootfs, os.fsencode(name))
    at = os.lstat(path)
    mode = stat.S_IMODE(at.st_mode)
    if stat.S_ISLNK(at.st_mode):
        return "link", 0, os.readlink(path), 0, 0
    if stat.S_ISDIR(at.st_mode):
        return "folder", mode, b"", 0, 0
    return "file", mode, b"", at.st_size, int(at.st_mtime)


def exported(member, of):
    mode = member.mode & 0o1777
    if member.issym():
        return "link", 0, os.fsencode(member.linkname), 0, 0
    if member.isdir():
        return "folder", mode | 0o700, b"", 0, 0
    return "file", mode & 0o777, b"", of.size, int(of.mtime)


def main():
    wanted = {}
    files = {}  # by name, for the hard links to them
    differences = []
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|", errors="surrogateescape") as tar:
        for member in tar:
            name = member.name.rstrip("/")
            if is_engines(name) or not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
                continue
            wanted[name] = exported(member, files[member.linkname] if member.islnk() else member)
            if member.isfile():
                files[name] = member
                with open(os.path.join(rootfs, os.fsencode(name)), "rb") as file:
                    if file.read() != tar.extractfile(member).read():
                        differences.append(f"{name!r}: content")
    found = {}
    for folder, folders, others in os.walk(rootfs):
        for entry in folders + others:
            name = os.fsdecode(os.path.relpath(os.path.join(folder, entry), rootfs))
            if not is_engines(name):
                found[name] = unpacked(name)
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            differences.append(f"{name!r}: exported {wanted.get(name)}, unpacked {found.get(name)}")
    for line in differences[:20]:
        print(line)
    print(f"{len(found)} files and folders, {len(differences)} differences")
    return 1 if differences or len(found) < 1000 else 0


sys.exit(main())
