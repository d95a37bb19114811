"""The library of runbooks as an estate over the lab: only names of servers,
places and paces are other, so that what runs here is what people take over."""

import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARY = os.path.join(os.path.dirname(os.path.dirname(HERE)), "runbooks", "library")
# No Kubernetes here.
LEFT_OUT = {"wiki.toml", "velero-namespace-restore.toml"}
ON = """#!/bin/sh
LAB_CONTROL={control} exec {root}/bin/on "$@"
"""
POWER = """#!/bin/sh
case $1 in is-off) verb=status ;; *) verb=$1 ;; esac
state=$(LAB_CONTROL={control} {root}/bin/on --ask "{{\\"what\\": \\"power\\", \\"verb\\": \\"$verb\\", \\"region\\": \\"$2\\"}}") || exit 2
echo "its controller says $state"
case $1,$state in off,off | is-off,off | on,on) exit 0 ;; *) exit 1 ;; esac
"""


def service_file(world):
    """libpq's names of the servers, for the estate and for the machines."""
    third = world.third.ports
    parts = [f"[orders]\nport={third['postgres']}\n"]
    for name, machine in world.machines.items():
        parts.append(f"[{name}]\nport={machine.ports['postgres']}\n")
        parts.append(f"[follow-{name}]\nport={machine.ports['link']}\n")
    return "".join(part + "host=127.0.0.1\nuser=postgres\ndbname=postgres\n" for part in parts)


def places(world):
    third = world.third.ports
    lines = [f"switch 127.0.0.1:{third['stats']}", f"redis by the switch 127.0.0.1:{third['redis']}"]
    lines += [f"redis {n} 127.0.0.1:{m.ports['redis']}" for n, m in world.machines.items()]
    return "\n".join(lines) + "\n"


def put(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as out:
        out.write(text)
    os.chmod(path, mode)


def write(world, to):
    root, third = world.root, world.third.ports
    at = {
        "ns1.northwind.example": f"127.0.0.1:{third['dns']}",
        "switch.northwind.example:9999": f"127.0.0.1:{third['stats']}",
        "/var/lib/orders/receipts": f"{root}/receipts",
        "s3://northwind-backups": f"file://{root}/us-east-1/backups",
        "s3://northwind-media-west": f"file://{root}/eu-west-1/media",
        "s3://northwind-media-central": f"file://{root}/eu-central-1/media",
        '{ env = "ORDERS_BY_THE_SWITCH" }': '{ file = "secrets/orders-by-the-switch" }',
        '{ env = "ORDERS_WEST" }': '{ file = "secrets/orders-west" }',
        '{ env = "ORDERS_CENTRAL" }': '{ file = "secrets/orders-central" }',
        # Nobody waits half a minute for a controller here that never answers.
        'timeout = "30s"\nidempotent = true\nverify = { command = ["./bin/power", "is-off", "{{ from }}"] }':
            'timeout = "2s"\nidempotent = true\nverify = { command = ["./bin/power", "is-off", "{{ from }}"], timeout = "1s" }',
        'poll = "30s"': 'poll = "1s"\ntimeout = "2s"',
        'refresh = "15m"': 'refresh = "5s"',
    }
    for name, machine in world.machines.items():
        at[f"db.{name}.northwind.example:5432"] = f"127.0.0.1:{machine.ports['postgres']}"
        at[f"redis.{name}.northwind.example:6379"] = f"127.0.0.1:{machine.ports['redis']}"
        put(f"{root}/{name}/media/picture-1", "a picture\n")
    for folder, _, names in os.walk(LIBRARY):
        for name in names:
            if name in LEFT_OUT or name.startswith(".") or os.path.basename(folder) in ("host", "secrets"):
                continue
            source = os.path.join(folder, name)
            with open(source) as file:
                text = file.read()
            for old, new in at.items():
                text = text.replace(old, new)
            if name == "stores.toml":
                text = re.sub(r"(?m)^credentials = .*\n", "", text)
            put(os.path.join(to, os.path.relpath(source, LIBRARY)), text, os.stat(source).st_mode & 0o777)
    control = os.path.join(root, "control")
    put(f"{to}/bin/on", ON.format(control=control, root=root), 0o755)
    put(f"{to}/bin/power", POWER.format(control=control, root=root), 0o755)
    put(f"{to}/pg_service.conf", service_file(world))
    put(f"{to}/places", places(world))
    put(f"{to}/secrets/zone.key", world.third.facts()["key"] + "\n", 0o600)
    dsn = "host=127.0.0.1 port={} user=postgres dbname=postgres\n"
    ports = [world.machines[n].ports["postgres"] for n in ("eu-west-1", "eu-central-1")]
    for name, port in zip(("by-the-switch", "west", "central"), [third["postgres"], *ports]):
        put(f"{to}/secrets/orders-{name}", dsn.format(port), 0o600)
