"""The image as it is built and run: by buildah from a Debian made here, and by runc as an orchestrator would.

That Debian stands in for the base image, so that no registry of images is asked. It is made once: where
DEBIAN_PYTHON names a folder, it is kept there for the next time.
"""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from msgspec import Struct
from packaging.requirements import Requirement
from test_demo import get, running, until

import exporter

ROOT = Path(exporter.__file__).parent.parent
LOCKS = ("--requirement", "requirements.lock", "--requirement", "requirements-image.lock")
STRICT = ("--require-hashes", "--only-binary", ":all:", "--python-version", "3.11")
MOST = 120_000_000
"""Bytes from which on something is in the image that was to stay out."""

needs = pytest.mark.needs("buildah", "debootstrap", "runc")


def ran(*command: str | Path) -> str:
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{command}\n{run.stdout[-4000:]}\n{run.stderr[-4000:]}"
    return run.stdout


def pip(*words: str | Path) -> str:
    return ran(sys.executable, "-m", "pip", "--quiet", *words)


class Image(Struct, frozen=True):
    """A built image, unpacked."""

    root: Path
    config: dict[str, Any]
    """What it asks of its engine."""
    debian: Path
    """The base that it was built on."""

    def entries(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the path of everything that is in it, and what the file system says of that."""
        for folder, folders, files in os.walk(self.root):
            for entry in (Path(folder, name) for name in (*folders, *files)):
                yield f"/{entry.relative_to(self.root)}", entry.lstat()

    def installed(self) -> dict[str, str]:
        """Return the versions of its Python distributions, by their normal names."""
        (folder,) = self.root.glob("app/lib/python3.*/site-packages")
        return {normal(one.name): one.version for one in distributions(path=[str(folder)])}

    def bill(self) -> dict[str, dict[str, str]]:
        """Return what it says is in it: the versions by their names, by kind."""
        said: dict[str, dict[str, str]] = {}
        for one in json.loads((self.root / "app/sbom.cdx.json").read_text())["components"]:
            kind = one["purl"].partition("/")[0]
            name = normal(one["name"]) if kind == "pkg:pypi" else one["name"]
            said.setdefault(kind, {})[name] = one["version"]
        return said


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def workshop() -> Iterator[Path]:
    """A folder for thousands of files that are soon gone: in memory, where there is much of it."""
    if os.geteuid() and os.environ.get("CI") != "true":
        pytest.skip("only root can make a Debian")
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 4_000_000_000
    folder = tempfile.mkdtemp(dir=memory if roomy else None)
    yield Path(folder)
    ran("rm", "--recursive", "--force", "--one-file-system", folder)  # a broken build may leave a mount


@pytest.fixture(scope="module")
def debian(workshop: Path) -> Path:
    home = Path(os.environ.get("DEBIAN_PYTHON", workshop))
    debian, making = home / "bookworm", home / "bookworm-in-making"
    if not debian.exists():
        shutil.rmtree(making, ignore_errors=True)
        packages = "--include=ca-certificates,python3,python3-venv"
        ran("debootstrap", "--variant=minbase", packages, "bookworm", making)
        for folder in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(making / folder)
        making.rename(debian)
    return debian


@pytest.fixture(scope="module")
def image(debian: Path, workshop: Path) -> Image:
    """What `make image` makes of the tree as it is."""
    wheels = workshop / "wheels"
    pip("download", *STRICT, *LOCKS, "--dest", wheels)
    folders = ("--root", workshop / "storage", "--runroot", workshop / "run")
    storage = ("buildah", "--storage-driver", "vfs", *folders)
    engine = " ".join(map(str, storage))
    build = (
        f"--isolation chroot --layers=false --volume {wheels}:/wheels:ro --build-arg PIP_NO_INDEX=1"
        " --build-arg PIP_FIND_LINKS=/wheels --build-arg BASE=localhost/debian-python"
    )
    base = ran(*storage, "from", "scratch").strip()
    ran(*storage, "add", base, debian, "/")
    ran(*storage, "commit", "--rm", base, "debian-python")
    ran("make", "image", f"ENGINE={engine}", f"BUILD={build}", "IMAGE=exporter", "SOURCE=https://example.com")
    container = ran(*storage, "from", f"localhost/exporter:{exporter.__version__}").strip()
    config = json.loads(ran(*storage, "inspect", container))["Docker"]["config"]
    return Image(Path(ran(*storage, "mount", container).strip()), config, debian)


class Container(Struct, frozen=True):
    """A running container."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def runc(self) -> tuple[str, ...]:
        return ("runc", "--root", f"{self.folder}/runc")

    def page(self, path: str, holds: bytes = b"") -> bytes:
        """Return the page, as soon as it is served and holds this."""

        def ask() -> bytes | None:
            assert self.process.poll() is None, (self.folder / "told").read_text()
            page = get(f"{self.url}{path}")
            return page if holds in page else None

        return until(ask)

    def execute(self, *command: str) -> tuple[int, str]:
        """Run a command beside the exporter; return its exit code and what it says."""
        run = subprocess.run([*self.runc, "exec", "it", *command], capture_output=True, text=True, check=False)
        return run.returncode, run.stdout + run.stderr

    def pid(self) -> int:
        """Return the number of its first process, as it is known outside."""
        pid: int = json.loads(ran(*self.runc, "state", "it"))["pid"]
        return pid

    def end(self) -> int:
        """Ask it to end, as an orchestrator does, and return its exit code."""
        ran(*self.runc, "kill", "it", "TERM")
        return self.process.wait(10)


@contextmanager
def started(image: Image, folder: Path, url: str) -> Iterator[Container]:
    """Run a container with what the image asks for and the folder's config: no capability, nothing to write to."""
    own = image.config
    user, group = map(int, own["User"].split(":"))
    config = {
        "destination": own["WorkingDir"],
        "type": "bind",
        "source": f"{folder}/config",
        "options": ["bind", "ro"],
    }
    bundle = {
        "ociVersion": "1.0.2",
        "root": {"path": str(image.root), "readonly": True},
        "process": {
            "args": own["Entrypoint"],
            "capabilities": {},
            "cwd": own["WorkingDir"],
            "env": own["Env"],
            "noNewPrivileges": True,
            "user": {"uid": user, "gid": group},
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            config,
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
    }
    (folder / "config.json").write_text(json.dumps(bundle))
    command = ("runc", "--root", f"{folder}/runc", "run", "--bundle", str(folder), "it")
    with (
        (folder / "told").open("wb") as told,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=told, stderr=told) as process,
    ):
        container = Container(url, folder, process)
        try:
            yield container
        finally:
            subprocess.run([*container.runc, "delete", "--force", "it"], capture_output=True, check=False)


@pytest.fixture
def container(image: Image, tmp_path: Path) -> Iterator[Container]:
    """The exporter in a container, with a config whose vendors are simulated outside."""
    (tmp_path / "config").mkdir()
    with running(tmp_path, sys.executable, "-m", "exporter", "simulate", "--port", "0") as told:
        accounts = told(r"(?s)(accounts:.*\n)\Z")
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        (tmp_path / "config" / "config.yaml").write_text(f"server: {{listen: '{address}'}}\n{accounts}")
        with started(image, tmp_path, f"http://{address}") as container:
            yield container


@needs
def test_it_serves_the_contact_centre_and_ends_when_it_is_told_to(container: Container) -> None:
    container.page("/metrics", holds=b"contact_center_agents{")
    assert container.execute("contact-center-exporter", "check")[0] == 0
    assert container.end() == 0


@needs
def test_it_ends_when_it_is_told_to_while_it_is_still_loading(container: Container) -> None:
    def heeds() -> bool:
        """Tell whether it holds the signal back or handles it; process 1 is deaf to any other."""
        told = subprocess.run([*container.runc, "state", "it"], capture_output=True, check=False).stdout
        about = Path("/proc", str(json.loads(told or "{}").get("pid")))
        masks = re.findall(r"^Sig(?:Blk|Cgt):\t(\w+)$", (about / "status").read_text(), re.MULTILINE)
        waits = any(int(mask, 16) >> signal.SIGTERM - 1 & 1 for mask in masks)
        return waits and b"python" in (about / "cmdline").read_bytes()  # and not what starts it

    until(heeds)
    assert container.end() == 0


@needs
def test_its_health_check_tells_the_living_from_the_dead(container: Container, image: Image) -> None:
    how, *command = image.config["Healthcheck"]["Test"]
    assert how == "CMD"
    container.page("/-/healthy")
    assert container.execute(*command) == (0, "")
    os.kill(container.pid(), signal.SIGSTOP)
    code, told = container.execute(*command)
    assert (code, told.partition(": ")[2]) == (1, "no answer\n")


@needs
def test_it_runs_as_nobody_in_particular_and_changes_nothing(container: Container) -> None:
    container.page("/-/healthy")
    lines = Path(f"/proc/{container.pid()}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines)
    assert {status[name].strip() for name in ("Uid", "Gid")} == {"\t".join(["65532"] * 4)}
    assert {int(value, 16) for name, value in status.items() if name.startswith("Cap")} == {0}
    assert (status["Groups"].strip(), status["NoNewPrivs"]) == ("", "1")
    for place in ("/app/x", "/tmp/x", "/etc/contact-center-exporter/x"):
        assert "Read-only file system" in container.execute("python3", "-c", f"open({place!r}, 'w')")[1]


@needs
def test_an_engine_is_told_who_runs_it_and_what_it_is(image: Image) -> None:
    config, label = image.config, "org.opencontainers.image."
    assert (config["User"], config["Entrypoint"]) == ("65532:65532", ["/app/bin/contact-center-exporter"])
    assert not config["Cmd"]
    assert list(config["ExposedPorts"]) == ["10777/tcp"]
    assert config["Env"] == ["PATH=/app/bin", "PYTHONDONTWRITEBYTECODE=1"]
    labels = {
        name.removeprefix(label): value for name, value in config["Labels"].items() if name.startswith(label)
    }
    revision = labels.pop("revision")
    assert re.fullmatch("([0-9a-f]{40}(-dirty)?)?", revision)
    assert labels == {
        "title": "contact-center-exporter",
        "description": "Prometheus exporter for contact-centre statistics",
        "licenses": "Apache-2.0",
        "version": exporter.__version__,
        "source": "https://example.com",
        "base.name": "localhost/debian-python",
        "base.digest": "",
    }


@needs
def test_it_holds_no_program_but_its_own(image: Image, capsys: pytest.CaptureFixture[str]) -> None:
    files = {path: about for path, about in image.entries() if stat.S_ISREG(about.st_mode)}
    programs = {
        path for path, about in files.items() if about.st_mode & 0o111 and not re.search(r"\.(py|so)\b", path)
    }
    assert programs == {"/app/bin/contact-center-exporter", "/usr/bin/python3.11"}
    tools = {
        "pip",
        "ensurepip",
        "setuptools",
        "wheel",
        "hatchling",
        "venv",
        "distutils",
        "lib2to3",
        "test",
        "idlelib",
    }
    assert {name for path in files for name in path.split("/")} & tools == set()
    size = sum(about.st_size for about in files.values())
    with capsys.disabled():
        sys.stdout.write(f"[the image has {size / 1e6:.0f} MB] ")
    assert 0 < size < MOST


@needs
def test_its_user_can_change_nothing_in_it(image: Image) -> None:
    loose = {}
    for path, about in (*image.entries(), ("/", image.root.stat())):
        assert stat.S_IFMT(about.st_mode) in {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}, path
        if (
            about.st_uid
            or about.st_gid
            or (stat.S_IMODE(about.st_mode) & 0o7022 and not stat.S_ISLNK(about.st_mode))
        ):
            loose[path] = stat.filemode(about.st_mode)
    assert loose == {"/tmp": "drwxrwxrwt"}


@needs
def test_its_bill_of_materials_is_valid(image: Image) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str((image.root / "app/sbom.cdx.json").read_text()) is None


@needs
def test_its_bill_tells_every_distribution_and_each_is_locked(image: Image) -> None:
    installed = image.installed()
    assert image.bill()["pkg:pypi"] == installed
    assert installed.pop("contact-center-exporter") == exporter.__version__
    locked = map(
        Requirement, re.findall(r"^[\w.-]+==[^\\\n]+", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    )
    assert installed == {
        normal(one.name): str(one.specifier).removeprefix("==")
        for one in locked
        if one.marker is None or one.marker.evaluate({"sys_platform": "linux", "python_full_version": "3.11.2"})
    }


@needs
def test_its_bill_tells_every_debian_package_that_a_file_is_from(image: Image) -> None:
    here = [
        path
        for path, about in image.entries()
        if not (stat.S_ISDIR(about.st_mode) or path.startswith(("/app/", "/lib", "/usr/share/doc/", "/var/")))
    ]
    before_usr_merge = [path.removeprefix("/usr") for path in here]
    query = ("chroot", str(image.debian), "dpkg-query")
    search = (*query, "--search", *here, *before_usr_merge)
    found = subprocess.run(search, capture_output=True, text=True, check=False).stdout
    owners = {line.partition(":")[0] for line in found.splitlines()} | {"ca-certificates"}
    versions = ran(*query, "--show", "--showformat=${Package} ${Version}\n", *owners)
    told = image.bill()["pkg:deb"]
    assert told == dict(line.split() for line in versions.splitlines())
    assert {file.name for file in image.root.glob("var/lib/dpkg/status.d/*")} == told.keys()
    assert len(told) < 30, "more than Python, and what it links to"


@needs
def test_there_is_a_wheel_of_everything_for_the_other_platform(tmp_path: Path) -> None:
    there = ("--target", tmp_path, "--ignore-installed", "--dry-run", "--report", tmp_path / "report")
    platforms = [f"--platform=manylinux{tag}_aarch64" for tag in ("_2_34", "_2_28", "2014")]
    pip("install", *STRICT, *LOCKS, *platforms, *there)
    wheels = [one["download_info"]["url"] for one in json.loads((tmp_path / "report").read_text())["install"]]
    own = [url for url in wheels if not url.endswith("any.whl")]
    assert len(own) > 10
    assert all(url.endswith("_aarch64.whl") for url in own)


def test_hadolint_finds_nothing_to_mend() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    strict = ("--disable-ignore-pragma", "--failure-threshold=style")
    assert ran(hadolint, *strict, "Dockerfile") == ""
