"""A region's machine: PostgreSQL, Redis, the link that its standby follows it
by, and a way to run programs on it, as over ssh."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time

PG = "/usr/lib/postgresql/15/bin"
HERE = os.path.dirname(os.path.abspath(__file__))
# PostgreSQL refuses to run as root; this is nobody's.
USER = 65534
LIBC = ctypes.CDLL(None)


class Dead(Exception):
    pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def child(user=False, dies=True):
    """Before a child begins: its user, and its end with this thread."""

    def begin():
        os.setsid()
        if user and os.getuid() == 0:
            os.setgroups([])
            os.setgid(USER)
            os.setuid(USER)
        if dies:
            LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

    return begin


def spawn(argv, log, user=False, **more):
    with open(log, "ab") as out:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=child(user), **more
        )


def below(pid):
    """The process and all that it started, itself first."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as stat:
                    parents.setdefault(int(stat.read().rsplit(")", 1)[1].split()[1]), []).append(int(name))
            except OSError:
                pass  # it has ended meanwhile
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def tell(pid, number):
    """Stopped first, lest one of them starts another meanwhile."""
    for one in below(pid):
        try:
            os.kill(one, number if number == signal.SIGCONT else signal.SIGSTOP)
        except ProcessLookupError:
            pass
    if number == signal.SIGKILL:
        for one in below(pid):
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                pass


def until(what, so, within=30):
    end = time.monotonic() + within
    while not so():
        if time.monotonic() > end:
            raise Dead(f"waited in vain for {what}")
        time.sleep(0.02)


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Machine:
    def __init__(self, root, name):
        self.name, self.root = name, os.path.join(root, name)
        self.data = os.path.join(self.root, "data")
        self.ports = {"postgres": free_port(), "redis": free_port(), "link": free_port()}
        # A hung one leaves whoever asks waiting; one that is gone refuses.
        self.running, self.gone, self.hung = {}, False, False
        os.makedirs(self.root)
        if os.getuid() == 0:
            os.chown(self.root, USER, USER)

    def prepare(self, archiving, delay):
        self.archiving, self.delay = archiving, delay

    def env(self):
        return {
            "HOME": self.root,
            "PATH": f"{PG}:{os.path.dirname(self.root)}/bin:/usr/local/bin:/usr/bin:/bin",
            "LC_ALL": "C",
            "PGDATA": self.data,
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.ports["postgres"]),
            "PGUSER": "postgres",
            "LAB_CONTROL": os.path.join(os.path.dirname(self.root), "control"),
            "LAB_REGION": self.name,
            "PGSERVICEFILE": os.path.join(os.path.dirname(self.root), "pg_service.conf"),
        }

    def run(self, argv, timeout=120):
        """As over ssh: a machine that is gone answers nobody."""
        if self.gone:
            raise Dead(f"ssh: connect to host {self.name}: No route to host")
        ran = subprocess.run(
            argv, env=self.env(), cwd=self.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=timeout, preexec_fn=child(user=True, dies=False),
        )
        return ran.returncode, ran.stdout.decode(errors="replace"), ran.stderr.decode(errors="replace")

    def must(self, *argv):
        code, out, err = self.run(argv)
        if code != 0:
            raise Dead(f"{argv}: {out}{err}")
        return out.strip()

    def create(self):
        self.must(f"{PG}/initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync", "--wal-segsize=4")
        self.configure()

    def clone(self, of):
        self.must(
            f"{PG}/pg_basebackup", "-D", self.data, "-h", "127.0.0.1", "-p", str(of.ports["postgres"]),
            "-U", "postgres", "-X", "stream", "-c", "fast", "--no-sync",
        )
        with open(os.path.join(self.data, "standby.signal"), "w"):
            pass
        self.configure(of)

    def configure(self, follows=None):
        """What belongs to the machine; a rewind brings the other's file, so
        that it is included from outside of the data."""
        own = os.path.join(self.root, "machine.conf")
        lines = [
            "listen_addresses='127.0.0.1'", f"port={self.ports['postgres']}", f"cluster_name='{self.name}'",
            f"unix_socket_directories='{self.root}'", "shared_buffers=16MB", "fsync=off", "wal_log_hints=on",
            "max_connections=60", "wal_keep_size=1GB", "max_wal_size=2GB", "wal_receiver_status_interval=1s",
            "wal_sender_timeout=4s", "wal_receiver_timeout=4s", "wal_retrieve_retry_interval=500ms",
            "archive_mode=on", f"archive_command='{self.archiving}'", "log_min_messages=warning",
        ]
        with open(own, "w") as conf:
            conf.write("\n".join(lines) + "\n")
        main = os.path.join(self.data, "postgresql.conf")
        with open(main) as conf:
            kept = [line for line in conf if not line.startswith("include_if_exists")]
        with open(main, "w") as conf:
            # Relative to the data: on either machine its own.
            conf.write("".join(kept) + "include_if_exists='../machine.conf'\n")
        if follows:
            with open(os.path.join(self.data, "postgresql.auto.conf"), "a") as conf:
                conf.write(f"primary_conninfo='{follows.conninfo(self.name)}'\n")

    def conninfo(self, who):
        return f"host=127.0.0.1 port={self.ports['link']} user=postgres application_name={who}"

    def start_links(self):
        argv = [sys.executable, f"{HERE}/link.py", str(self.ports["link"]), str(self.ports["postgres"]), str(self.delay)]
        self.running["link"] = spawn(argv, f"{self.root}/link.log")
        until("the link", lambda: listens(self.ports["link"]))

    def slow(self):
        self.running["link"].send_signal(signal.SIGUSR1)

    def streams(self):
        asked = "select count(*) from pg_stat_wal_receiver where status = 'streaming'"
        return self.run([f"{PG}/psql", "-qXAtc", asked, "-d", "postgres"])[1].strip() == "1"

    def start(self, name, more=()):
        if self.gone:
            raise Dead(f"{self.name} is gone")
        old = self.running.get(name)
        if old and old.poll() is None:
            return f"{name} runs already"
        port = self.ports[name]
        if name == "postgres":
            stale = os.path.join(self.data, "postmaster.pid")
            if os.path.exists(stale):
                os.remove(stale)  # as a boot would; nothing else starts it
            argv = [f"{PG}/postgres", "-D", self.data]
        else:
            argv = [
                "/usr/bin/redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir",
                self.root, "--repl-diskless-sync-delay", "0", *more,
            ]
        process = spawn(argv, f"{self.root}/{name}.log", user=True, env=self.env(), cwd=self.root)
        self.running[name] = process

        def up():
            if process.poll() is not None:
                with open(f"{self.root}/{name}.log", errors="replace") as log:
                    raise Dead(f"{name} ended: {log.read()[-600:]}")
            if name == "redis":
                return listens(port)
            return self.run([f"{PG}/pg_isready", "-q"])[0] == 0

        until(name, up)
        return ""

    def stop(self, name):
        process = self.running.get(name)
        if process and process.poll() is None:
            process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
            process.wait(timeout=60)
        return ""

    def service(self, verb, name):
        if verb == "status":
            process = self.running.get(name)
            return "running" if process and process.poll() is None else "stopped"
        if self.gone:
            raise Dead(f"{self.name} is gone")
        return self.start(name) if verb == "start" else self.stop(name)

    def fault(self, verb):
        if verb == "back":
            self.gone = self.hung = False
            self.start_links()
            return ""
        number = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "cont": signal.SIGCONT}[verb]
        self.gone, self.hung = verb != "cont", verb == "stop"
        # Its link first: what was on its way is lost with the region.
        for name in ("link", "postgres", "redis"):
            process = self.running.get(name)
            if process and process.poll() is None:
                tell(process.pid, number)
                if verb == "kill":
                    process.wait()
        return ""
