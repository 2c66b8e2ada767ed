#!/usr/bin/env python3
"""Writes a container image as one tar, in the OCI image layout, from files alone: no engine, no base image.

The same files give the same bytes: nothing of the machine, the user or the time is in the image. Load it with
`ctr -n k8s.io images import`, `skopeo copy oci-archive:...`, `podman load` or `docker load`.

What it runs is a program that needs nothing beside itself, as a user that is not root; there is no shell. A program
that does load libraries, as one built to try something, takes this machine's along with --libraries. Only Python's
standard library is used.
"""

import argparse
import hashlib
import io
import json
import os
import platform
import re
import stat
import subprocess
import sys
import tarfile
import tempfile

MEDIA_TYPE = "application/vnd.oci.image."
ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
# Programs ask who they are; 65532 is what other images without a shell call nonroot.
PASSWD = b"root:x:0:0:root:/:/none\nnonroot:x:65532:65532:nonroot:/:/none\n"
GROUP = b"root:x:0:\nnonroot:x:65532:\n"


def main():
    args = arguments()
    try:
        write(args)
    except OSError as error:
        sys.exit(f"{sys.argv[0]}: {error}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--name", required=True, help="name and tag, such as weir-gateway:1.0.0")
    parser.add_argument("--out", required=True, help="the tar to write")
    parser.add_argument("--entrypoint", required=True, help="the program's path in the image")
    parser.add_argument("--user", default="65532:65532", help="uid:gid; not root unless said so")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--label", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--architecture", default=None, help="amd64 or arm64; default: this machine's")
    parser.add_argument("--libraries", action="store_true", help="add the shared libraries that ldd names")
    parser.add_argument("files", nargs="+", metavar="SOURCE=PATH", help="a file or a folder, and where it goes")
    args = parser.parse_args()
    name, _, tag = args.name.rpartition(":")
    if not name or "/" in tag:
        parser.error(f"--name {args.name} has no tag; write {args.name}:1.0.0, say")
    args.tag = tag
    args.architecture = args.architecture or ARCHITECTURES.get(platform.machine())
    if not args.architecture:
        parser.error(f"{platform.machine()} has no name in OCI images that is known here; give --architecture")
    for pair in args.files + args.env + args.label:
        if "=" not in pair:
            parser.error(f"{pair} is not of the form A=B")
    return args


def write(args):
    """The layer first, beside the image: it may be larger than memory."""
    folder = os.path.dirname(os.path.abspath(args.out))
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        layer = os.path.join(scratch, "layer.tar")
        files = [tuple(pair.split("=", 1)) for pair in args.files]
        if args.libraries:
            files += libraries_of(source for source, _ in files)
        write_layer(layer, files)
        layer_digest, layer_size = digest_of(layer)
        config = to_json(config_of(args, layer_digest))
        manifest = to_json({
            "schemaVersion": 2,
            "mediaType": MEDIA_TYPE + "manifest.v1+json",
            "config": described(MEDIA_TYPE + "config.v1+json", sha256(config), len(config)),
            "layers": [described(MEDIA_TYPE + "layer.v1.tar", layer_digest, layer_size)],
        })
        top = described(MEDIA_TYPE + "manifest.v1+json", sha256(manifest), len(manifest))
        top["platform"] = {"architecture": args.architecture, "os": "linux"}
        top["annotations"] = {
            "io.containerd.image.name": args.name,
            "org.opencontainers.image.ref.name": args.tag,
        }
        index = {"schemaVersion": 2, "mediaType": MEDIA_TYPE + "index.v1+json", "manifests": [top]}
        unfinished = os.path.join(scratch, "image.tar")
        with tarfile.open(unfinished, "w", format=tarfile.USTAR_FORMAT) as tar:
            add_bytes(tar, "oci-layout", to_json({"imageLayoutVersion": "1.0.0"}))
            add_bytes(tar, "index.json", to_json(index))
            add_bytes(tar, "blobs/sha256/" + sha256(config), config)
            add_bytes(tar, "blobs/sha256/" + sha256(manifest), manifest)
            add_file(tar, layer, "blobs/sha256/" + layer_digest)
        os.replace(unfinished, args.out)


def config_of(args, layer_digest):
    config = {
        "User": args.user,
        "Entrypoint": [args.entrypoint],
        "WorkingDir": "/",
        "Env": ["PATH=/"] + args.env,
    }
    if args.label:
        config["Labels"] = dict(pair.split("=", 1) for pair in args.label)
    return {
        "architecture": args.architecture,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + layer_digest]},
    }


def write_layer(path, files):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        folders = set()
        add_folder(tar, "tmp", 0o1777, folders)
        add_folder(tar, "etc", 0o755, folders)
        add_bytes(tar, "etc/passwd", PASSWD)
        add_bytes(tar, "etc/group", GROUP)
        for source, target in files:
            add_tree(tar, source, target.strip("/"), folders)


def libraries_of(sources):
    """What the dynamic linker loads for the programs and libraries in `sources`, each where it looks for it."""
    found = set()
    for source in sources:
        walked = (os.path.join(folder, name) for folder, _, names in os.walk(source) for name in names)
        for path in [source] if os.path.isfile(source) else walked:
            if is_elf(path):
                # It fails for a program that loads nothing.
                named = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
                found.update(re.findall(r"(?:=> |^\s*)(/\S+) \(0x", named, re.MULTILINE))
    return [(os.path.realpath(path), path) for path in sorted(found)]


def is_elf(path):
    if os.path.islink(path):
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def add_tree(tar, source, target, folders):
    """A file, or a folder with all in it, in the order of their names; links stay links."""
    parts = target.split("/")
    for depth in range(1, len(parts)):
        add_folder(tar, "/".join(parts[:depth]), 0o755, folders)
    if os.path.islink(source):
        info = plain(target, 0o777)
        info.type, info.linkname = tarfile.SYMTYPE, os.readlink(source)
        tar.addfile(info)
    elif os.path.isdir(source):
        add_folder(tar, target, 0o755, folders)
        for name in sorted(os.listdir(source)):
            add_tree(tar, os.path.join(source, name), f"{target}/{name}", folders)
    else:
        add_file(tar, source, target)


def add_folder(tar, path, mode, folders):
    if path not in folders:
        folders.add(path)
        info = plain(path, mode)
        info.type = tarfile.DIRTYPE
        tar.addfile(info)


def add_file(tar, source, target):
    with open(source, "rb") as file:
        status = os.fstat(file.fileno())
        info = plain(target, 0o755 if status.st_mode & stat.S_IXUSR else 0o644)
        info.size = status.st_size
        tar.addfile(info, file)


def add_bytes(tar, path, content):
    info = plain(path, 0o644)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def plain(path, mode):
    """Nobody's, of no time."""
    info = tarfile.TarInfo(path)
    info.mode = mode
    return info


def described(media_type, digest, size):
    return {"mediaType": media_type, "digest": "sha256:" + digest, "size": size}


def to_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def digest_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest(), os.path.getsize(path)


if __name__ == "__main__":
    main()
