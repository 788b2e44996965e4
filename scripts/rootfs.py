"""Copies a Python environment and what it needs to run into an empty root, with a list of all that is in there.

`rootfs.py ENVIRONMENT ROOT` is for the Dockerfile, whose base is a Debian. Only the environment, the standard
library and what these link to are taken: no shell, no package manager, no compiler. The list of the environment,
sbom.cdx.json, grows by the Debian packages of which a file is taken. Scanners find these in var/lib/dpkg/status.d,
too, and readers their terms in usr/share/doc.
"""

import json
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from email import message_from_string
from pathlib import Path
from typing import Any
from urllib.parse import quote

_COMMANDS = ("contact-center-exporter", "python", "python3")
# Of the standard library: what installs, builds and tests, and what brings libraries that a server does not need.
_LEFT_OUT = re.compile(
    r"(__pycache__|dist-packages|distutils|ensurepip|idlelib|lib2to3|pydoc_data|site-packages|test|tkinter|turtledemo"
    r"|venv|_crypt|_curses|_curses_panel|_dbm|_gdbm|_sqlite3|_tkinter|nis|readline)(\..*)?|config-.*"
)
_CERTIFICATES = Path(ssl.get_default_verify_paths().openssl_cafile)
_BASE = (_CERTIFICATES, _CERTIFICATES.with_name("openssl.cnf"), Path("/etc/ld.so.cache"), Path("/etc/os-release"))
_WRITTEN = {
    "etc/group": "root:x:0:\nexporter:x:65532:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
    "etc/passwd": "root:x:0:0::/:/nonexistent\nexporter:x:65532:65532::/:/nonexistent\n",
}


def main() -> None:
    """Fill the root, which must not be there yet."""
    environment, root = map(Path, sys.argv[1:])
    os.umask(0o022)
    programs = {*_environment(environment), *_standard_library(Path(sysconfig.get_path("stdlib")))}
    files = _steps({*programs, *_linked(programs), *_BASE})
    packages = _packages(files)
    for file in files | _steps(Path(f"/usr/share/doc/{name}/copyright") for name in packages):
        _copy(file, root / file.relative_to("/"))
    for name, text in _WRITTEN.items():
        _write(root / name, text)
    for name, paragraph in packages.items():
        _write(root / "var/lib/dpkg/status.d" / name, paragraph)
    bill = environment / "sbom.cdx.json"
    _write(root / bill.relative_to("/"), json.dumps(_completed(json.loads(bill.read_text()), packages), indent=1))
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    _compile(root)


def _environment(folder: Path) -> Iterator[Path]:
    yield from (folder / "bin" / name for name in _COMMANDS)
    yield folder / "pyvenv.cfg"
    yield from (file for file in folder.glob("lib/**/*") if file.is_file())


def _standard_library(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if _LEFT_OUT.fullmatch(entry.name):
            continue
        if entry.is_dir():
            yield from _standard_library(entry)
        else:
            yield entry


def _linked(programs: Iterable[Path]) -> set[Path]:
    """Return the shared libraries that the programs load, and those that these load."""
    binaries = [file for file in programs if re.search(r"\.so(\.|$)", file.name) or file.name == "python3"]
    told = _told("ldd", *binaries)
    if "not found" in told:
        sys.exit(told)
    return set(map(Path, re.findall(r"(/\S+) \(0x", told)))


def _steps(files: Iterable[Path]) -> set[Path]:
    """Return the files that these lead to, and the symbolic links on the way."""
    steps = set()
    for file in files:
        link = next((step for step in (*reversed(file.parents), file) if step.is_symlink()), None)
        steps.add(link or file)
        if link:
            there = link.parent / link.readlink() / file.relative_to(link)
            steps |= _steps([Path(os.path.normpath(there))])
    return steps


def _packages(files: set[Path]) -> Mapping[str, str]:
    """Return what dpkg knows of each package that one of the files comes from, by the package's name."""
    own = {file for file in files if not file.is_dir()}  # /lib leads to /usr/lib, and belongs to everybody
    names = {"ca-certificates"} | {  # it makes its one file when it is installed, and does not list it
        listed.stem.partition(":")[0]
        for listed in Path("/var/lib/dpkg/info").glob("*.list")
        if not own.isdisjoint(map(_placed, listed.read_text().splitlines()))
    }
    paragraphs = _told("dpkg-query", "--status", *sorted(names)).split("\n\n")
    return {message_from_string(paragraph)["Package"]: paragraph for paragraph in paragraphs}


def _placed(name: str) -> Path:
    """Return where a file of a package is: dpkg remembers /lib for what has moved to /usr/lib."""
    folder, _, file = name.rpartition("/")
    return Path(os.path.realpath(folder or "/"), file)


def _told(*command: str | Path) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - the base's own programs


def _copy(file: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if file.is_symlink():
        place.symlink_to(file.readlink())
    else:
        shutil.copyfile(file, place)
        place.chmod(0o755 if os.access(file, os.X_OK) else 0o644)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _completed(bill: dict[str, Any], packages: Mapping[str, str]) -> dict[str, Any]:
    """Return the bill of what is in the whole root."""
    (own,) = (one for one in bill["components"] if one["name"] == _COMMANDS[0])
    bill["metadata"]["component"] = {"type": "container", "name": own["name"], "version": own["version"]}
    bill["components"] += map(_component, packages.values())
    if sys.base_prefix != "/usr":  # a Python that was built beside Debian's packages
        version = platform.python_version()
        purl = f"pkg:generic/python@{version}"
        bill["components"].append({"type": "library", "name": "python", "version": version, "purl": purl})
    return bill


def _component(paragraph: str) -> dict[str, str]:
    package, system = message_from_string(paragraph), platform.freedesktop_os_release()
    name, version = package["Package"], package["Version"]
    where = f"arch={package['Architecture']}&distro={system['ID']}-{system['VERSION_ID']}"
    purl = f"pkg:deb/{system['ID']}/{name}@{quote(version, safe='')}?{where}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _compile(root: Path) -> None:
    """Compile all of it once: a read-only root leaves no other time."""
    how = ("-q", "-j0", "--invalidation-mode", "unchecked-hash", "-s", root, "-p", "/", root)
    subprocess.run([sys.executable, "-m", "compileall", *how], check=True)  # noqa: S603 - our own words


if __name__ == "__main__":
    main()
