#!/usr/bin/env python3
"""Copies an image's archive under another name: the same image, with a registry's name before its own.

usage: tests/cluster/images/renamed.py REGISTRY ARCHIVE COPY

Without one containerd takes the name for that of a public registry, and then does not find what it has.
"""

import io
import json
import sys
import tarfile

NAME = "io.containerd.image.name"


def main():
    registry, archive, copy = sys.argv[1:]
    with tarfile.open(archive) as old, tarfile.open(copy, "w", format=tarfile.USTAR_FORMAT) as new:
        for entry in old:
            content = old.extractfile(entry)
            if entry.name == "index.json":
                content = io.BytesIO(renamed(json.load(content), registry))
                entry.size = len(content.getvalue())
            new.addfile(entry, content)


def renamed(index, registry):
    for manifest in index["manifests"]:
        annotations = manifest["annotations"]
        annotations[NAME] = f"{registry}/{annotations[NAME]}"
    return json.dumps(index).encode()


if __name__ == "__main__":
    main()
