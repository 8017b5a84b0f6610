"""Runs a command in a terminal of its own, as a person would: a JSON object of its words and of steps in,
one of its exit code and its screen out. A step is a text to wait for, and the keys to press then; null
closes the terminal."""

import json
import os
import pty
import sys

asked = json.load(sys.stdin)
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(asked["command"][0], asked["command"])

screen = ""
steps = asked["steps"]
seen = 0
while True:
    try:
        output = os.read(terminal, 65536)
    except OSError:  # Linux's way to say that nobody holds the other end
        output = b""
    if output == b"":
        break
    screen += output.decode("utf-8", "replace")
    if steps and steps[0][0] in screen[seen:]:
        keys = steps.pop(0)[1]
        seen = len(screen)
        if keys is None:
            os.close(terminal)
            break
        os.write(terminal, keys.encode())

code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
json.dump({"code": code if code >= 0 else 128 - code, "screen": screen}, sys.stdout)
