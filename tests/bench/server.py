#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""server.py: what `enclave serve` costs, on the null backend: a table of rows, each with its unit. Asserts nothing.

Environment as for tests/integration/server/served.py; needs `wrk`. scripts/bench-server.sh builds and calls it.
"""
import json
import os
import re
import resource
import selectors
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration", "server"))
from served import Server  # noqa: E402

FLIGHT, SLOW, SLOW_SECONDS = 2000, 500, 30
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


def row(name, value, unit):
    print("%-58s %12s %s" % (name, value, unit), flush=True)


def wrk(server, seconds, connections):
    """Requests a second, and p50 and p99 in milliseconds."""
    text = subprocess.run(["wrk", "-t1", "-c%d" % connections, "-d%d" % seconds, "--latency", server.address + "/health"],
                          check=True, capture_output=True, text=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    times = {which: float(number) * UNITS[unit]
             for which, number, unit in re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s|m)\s", text)}
    return rate, times["50"], times["99"]


def health():
    server = Server()
    time.sleep(1)
    row("resident, idle", "%.1f" % (server.rss() / 1048576), "MiB")
    best = max(wrk(server, 5, 64) for _ in range(3))
    row("GET /health, wrk -c64", "%.0f" % best[0], "/s")
    row("GET /health, wrk -c64, p99", "%.2f" % best[2], "ms")
    row("resident, after that", "%.1f" % (server.rss() / 1048576), "MiB")
    server.stop()


def one_execution():
    server = Server()
    server.create("a")
    connection, body = server.connect(), {"sandbox_id": "a", "tool_name": "run", "parameters": {"argv": ["now", "out", "x"]}}
    times = []
    for _ in range(3000):
        begun = time.perf_counter()
        server.request("POST", "/sandbox/tool/execute", body, connection=connection)
        times.append(time.perf_counter() - begun)
    times.sort()
    row("one execution over HTTP, keep-alive, Python client, p50", "%.3f" % (times[len(times) // 2] * 1000), "ms")
    server.stop()


def in_flight():
    server = Server(enclave="max_executions = %d" % FLIGHT)
    server.create("a", config={"timeout": 600, "pids_limit": 8192})
    body = json.dumps({"sandbox_id": "a", "tool_name": "run", "parameters": {"argv": ["sleep", "1000"]}})
    request = ("POST /sandbox/tool/execute HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)).encode()
    selector, connections = selectors.DefaultSelector(), [server.socket() for _ in range(FLIGHT)]
    measured = []
    probe = threading.Thread(target=lambda: measured.append(wrk(server, 2, 2)))
    probe.start()
    begun, peak, answers = time.monotonic(), 0, 0
    for connection in connections:
        connection.sendall(request)
        selector.register(connection, selectors.EVENT_READ)
    while answers < FLIGHT:
        for key, _ in selector.select(1):
            assert b" 200 OK" in key.fileobj.recv(65536)
            answers += 1
            selector.unregister(key.fileobj)
        peak = max(peak, server.rss())
    took = time.monotonic() - begun
    probe.join()
    row("%d executions of `sleep 1` at once, all answered" % FLIGHT, "%.2f" % took, "s")
    row("resident meanwhile", "%.0f" % (peak / 1048576), "MiB")
    row("GET /health meanwhile, p99", "%.2f" % measured[0][2], "ms")
    for connection in connections:
        connection.close()
    server.stop()


def drip(left, closed, begun, seconds):
    """A byte of each in `seconds`, evenly: those that the server has closed are moved over."""
    for number, connection in enumerate(list(left)):
        time.sleep(max(0, begun + seconds * number / SLOW - time.monotonic()))
        try:
            connection.send(b"a")
            gone = connection.recv(4096) == b""
        except BlockingIOError:
            gone = False
        except OSError:
            gone = True
        if gone:
            left.remove(connection)
            closed.append(time.monotonic())
    time.sleep(max(0, begun + 1 - time.monotonic()))


def median_p99(server):
    """Of five runs, in milliseconds: one alone is as much the machine's as the server's."""
    return sorted(wrk(server, 2, 4)[2] for _ in range(5))[2]


def slow_clients():
    server = Server(server="header_timeout = 30\nbody_timeout = 30")
    row("GET /health, wrk -c4, p99", "%.2f" % median_p99(server), "ms")
    beginnings = (b"GET /health HTTP/1.1\r\nX-Slow: ",
                  b"POST /sandbox/create?sandbox_type=null HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
    left, closed, begun = [], [], time.monotonic()
    for i in range(SLOW):
        connection = server.socket()
        connection.sendall(beginnings[i % 2])
        connection.setblocking(False)
        left.append(connection)
    for seconds, how in ((1, "each in its own time"), (0, "all at once")):
        measured = []
        probe = threading.Thread(target=lambda: measured.append(median_p99(server)))
        probe.start()
        while probe.is_alive():
            drip(left, closed, time.monotonic(), seconds)
        row("beside %d that drip a byte a second, %s" % (SLOW, how), "%.2f" % measured[0], "ms")
    while left and time.monotonic() - begun < 120:
        drip(left, closed, time.monotonic(), 1)
    row("the last of them closed, with deadlines of %d s" % SLOW_SECONDS, "%.1f" % (max(closed) - begun), "s")
    row("of them not closed", "%d" % len(left), "")
    server.stop()


if __name__ == "__main__":
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit[1], 65536), limit[1]))
    wanted = sys.argv[1:] or ["health", "one_execution", "in_flight", "slow_clients"]
    for part in wanted:
        {"health": health, "one_execution": one_execution, "in_flight": in_flight, "slow_clients": slow_clients}[part]()
