#!/usr/bin/python3
import base64, html, json, os, sys, time, urllib.parse
def say(text):
    print("before", text, "after")
for name, value in sorted(os.environ.items()):
    if not name.startswith("SECRET_"):
        continue
    raw = value.encode()
    say(value)
    sys.stdout.write("pieces " + value[:9]); sys.stdout.flush()
    time.sleep(0.15 if name == "SECRET_0" else 0)
    sys.stdout.write(value[9:] + "\n"); sys.stdout.flush()
    sys.stderr.write("error: bad token " + value + "\n"); sys.stderr.flush()
    say(value[::-1]); say(raw.hex()); say(raw.hex().upper())
    for more in ["", "u", "user:"]:
        say(base64.b64encode(more.encode() + raw).decode())
        say(base64.urlsafe_b64encode(more.encode() + raw + b"?>").decode())
    say(urllib.parse.quote(value, safe="")); say("".join("%%%02X" % b for b in raw))
    say(json.dumps({"token": value})); say("".join("\\u%04x" % b for b in raw))
    say("".join("\\x%02x" % b for b in raw)); say("".join("\\%03o" % b for b in raw))
    say(html.escape(value)); say("".join("&#%d;" % b for b in raw))
    say("".join("=%02X" % b for b in raw)); say(",".join(str(b) for b in raw))
    sys.stdout.flush(); sys.stdout.buffer.write(value.encode("utf-16-le") + b"\n"); sys.stdout.flush()
print("all was said")
print(json.dumps({"token": os.environ["SECRET_0"], "hex": os.environ["SECRET_1"].encode().hex()}))
