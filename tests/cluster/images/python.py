#!/usr/bin/env python3
"""Writes an image of the interpreter that runs this: its standard library, and the packages of its environment.

usage: .venv/bin/python tests/cluster/images/python.py NAME:TAG ARCHIVE

What a tenant's pod is: `python3` is in PATH, and pip finds that it has the SDKs already. Tests stay out. Everything is compiled beforehand, for a pod's file system is
read-only, and without it each start would compile the SDKs for seconds.
"""

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
import sysconfig
import tempfile

OCI = os.path.join(os.path.dirname(__file__), "..", "..", "..", "images", "oci.py")
LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "*.a", "config-*", "ensurepip", "idlelib", "lib2to3", "test", "tkinter", "turtledemo",
    "site-packages", "dist-packages", "setuptools", "setuptools-*",
)


def main():
    name, archive = sys.argv[1:]
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(archive))) as stage:
        home, packages = os.path.join(stage, "python"), os.path.join(stage, "packages")
        library = os.path.join("lib", f"python{sys.version_info.major}.{sys.version_info.minor}")
        shutil.copytree(sysconfig.get_path("stdlib"), os.path.join(home, library), ignore=LEFT_OUT)
        shutil.copytree(sysconfig.get_path("purelib"), packages, ignore=LEFT_OUT)
        os.mkdir(os.path.join(home, "bin"))
        shutil.copy(os.path.realpath(sys.executable), os.path.join(home, "bin", "python3"))
        # PATH of our images is their root.
        os.symlink("/python/bin/python3", os.path.join(stage, "python3"))
        # Times are not kept in an image; what is compiled must not be compared with them.
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(stage, quiet=2, stripdir=stage, prependdir="/", invalidation_mode=mode)
        subprocess.run(
            [sys.executable, OCI, "--libraries", "--name", name, "--out", archive]
            + ["--entrypoint", "/python3"]
            + ["--env", "PYTHONHOME=/python", "--env", "PYTHONPATH=/packages", "--env", "HOME=/tmp"]
            + ["--env", "PYTHONDONTWRITEBYTECODE=1", "--env", "PYTHONUNBUFFERED=1"]
            # pip asks nobody: what it has is all there is.
            + ["--env", "PIP_NO_INDEX=1", "--env", "PIP_DISABLE_PIP_VERSION_CHECK=1"]
            + [f"{home}=/python", f"{packages}=/packages", f"{stage}/python3=/python3"],
            check=True,
        )


if __name__ == "__main__":
    main()
