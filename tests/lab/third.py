"""The third place: HAProxy as the switch, BIND, the pgBackRest repository, and
the switch of the machines' power."""

import os
import subprocess

from machines import USER, child, free_port, listens, spawn, until

KEY = "c2hvcHNob3BzaG9wc2hvcHNob3BzaG9wc2hvcA=="
ZONE = """$TTL 2
@ SOA ns hostmaster 1 60 60 600 2
@ NS ns
ns A 127.0.0.1
db CNAME eu-west-1.db
sessions CNAME eu-west-1.sessions
media CNAME eu-west-1.media
"""
NAMED = """options {{ directory "{dir}"; pid-file none; session-keyfile "{dir}/session.key";
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; dnssec-validation no; recursion no; }};
controls {{ }};
key mover {{ algorithm hmac-sha256; secret "{key}"; }};
zone "northwind.test" {{ type primary; file "northwind.test"; allow-update {{ key mover; }}; }};
"""
SWITCH = """global
  stats socket ipv4@127.0.0.1:{stats} level admin
defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
  timeout client-fin 1s
  timeout server-fin 1s
"""
LISTEN = """listen {name}
  bind 127.0.0.1:{port}
"""


class Third:
    def __init__(self, root, machines):
        self.root, self.machines, self.hangs, self.off = root, machines, False, set()
        self.ports = {"postgres": free_port(), "redis": free_port(), "stats": free_port(), "dns": free_port()}
        self.repo, self.running = os.path.join(root, "backups", "pgbackrest"), []
        for name in ("", "backups/pgbackrest", "bind", "log", "lock", "front"):
            os.makedirs(os.path.join(root, name))
            if name in ("backups/pgbackrest", "log", "lock") and os.getuid() == 0:
                os.chown(os.path.join(root, name), USER, USER)
        for name in machines:
            with open(self.config(name), "w") as conf:
                conf.write(self.pgbackrest(machines[name]))

    def config(self, region):
        return os.path.join(self.root, f"pgbackrest-{region}.conf")

    def pgbackrest(self, machine):
        return (
            f"[global]\nrepo1-path={self.repo}\nlog-path={self.root}/log\nlock-path={self.root}/lock\n"
            "log-level-console=error\nlog-level-file=off\nstart-fast=y\ncompress-type=lz4\n"
            f"[orders]\npg1-path={machine.data}\npg1-socket-path={machine.root}\n"
            f"pg1-port={machine.ports['postgres']}\npg1-user=postgres\n"
        )

    def archiving(self, region):
        return f"pgbackrest --config={self.config(region)} --stanza=orders archive-push %p"

    def stanza(self, machine):
        machine.must("pgbackrest", f"--config={self.config(machine.name)}", "--stanza=orders", "stanza-create")

    def begin(self):
        ports = self.ports
        conf = os.path.join(self.root, "haproxy.cfg")
        with open(conf, "w") as out:
            out.write(SWITCH.format(stats=ports["stats"]))
            for name in ("postgres", "redis"):
                out.write(LISTEN.format(name=name, port=ports[name]))
                if name == "postgres":
                    # Reached from another network too, for the tests' clients.
                    out.write(f"  bind {self.root}/front/.s.PGSQL.5432 mode 666\n")
                for n, (region, machine) in enumerate(self.machines.items()):
                    disabled = " disabled" if n else ""
                    out.write(f"  server {region} 127.0.0.1:{machine.ports[name]}{disabled}\n")
        self.running.append(spawn(["/usr/sbin/haproxy", "-f", conf, "-db"], f"{self.root}/haproxy.log"))
        bind = os.path.join(self.root, "bind")
        with open(os.path.join(bind, "northwind.test"), "w") as zone:
            zone.write(ZONE)
        with open(os.path.join(bind, "named.conf"), "w") as out:
            out.write(NAMED.format(dir=bind, port=ports["dns"], key=KEY))
        self.running.append(
            spawn(["/usr/sbin/named", "-f", "-c", os.path.join(bind, "named.conf")], f"{self.root}/named.log")
        )
        for name, port in ports.items():
            until(name, lambda port=port: listens(port))

    def facts(self):
        return {
            "third": self.ports, "repo": self.repo, "key": f"hmac-sha256:mover:{KEY}",
            "pgbackrest": {name: self.config(name) for name in self.machines},
        }

    def power(self, verb, machine):
        if verb == "off":
            machine.fault("kill")
            self.off.add(machine.name)
        elif verb == "on" and machine.name in self.off:
            self.off.discard(machine.name)
            machine.fault("back")
        return "off" if machine.name in self.off else "on"

    def end(self):
        for process in self.running:
            process.kill()
            process.wait()
