#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clients.py: clients that go away in the middle of things, or take their time, and leave nothing waiting."""
import json
import os
import select
import shutil
import socket
import tempfile
import threading
import time
import unittest

from served import PATIENCE, Case, Server, main


def head(method, path, length=0):
    return ("%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % (method, path, length)).encode()


class Vanishing(Case):
    options = {"server": "max_pool_executions = 4"}

    def setUp(self):
        self.id = self.server.create()

    def send(self, method, path, body=b"", headers=b""):
        connection = self.server.socket()
        connection.sendall(head(method, path, len(body)) + headers + b"\r\n" + body)
        return connection

    def execute(self, argv, headers=b"", **more):
        body = dict({"sandbox_id": self.id, "tool_name": "run", "parameters": {"argv": argv, "timeout": 0}}, **more)
        return self.send("POST", "/sandbox/tool/execute", json.dumps(body).encode(), headers)

    def causes(self):
        return self.server.stats()["executions_by_tool"].get("run", {})

    def assert_quiet(self, seconds=60):
        """Nothing runs, nothing waits: only the request that asks is under way."""
        self.assertTrue(self.server.until(lambda: self.server.metric("http_requests_active") == 1, seconds))
        self.assertTrue(self.server.until(lambda: self.server.metric("http_executions_active") == 0))
        self.assertTrue(self.server.until(lambda: self.server.stats()["submitted"]["running"] == 0))
        self.assertEqual(self.server.stats()["submitted"]["queued"], 0)
        self.assertEqual(self.server.metric("http_buffered_bytes"), 0)

    def test_an_execution(self):
        before = self.causes().get("cancelled", 0)
        for reset in (False, True):
            connection = self.execute(["hang"])
            self.assertTrue(self.server.until(lambda: self.server.stats()["submitted"]["running"] == 1))
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
            self.assert_quiet()
        self.assertEqual(self.causes()["cancelled"], before + 2)

    def test_a_stream(self):
        for accept in (b"application/x-ndjson", b"text/event-stream"):
            for argv in (["out", "x", "hang"], ["hang"], ["flood", "100000000000"]):
                connection = self.execute(argv, b"Accept: " + accept + b"\r\n")
                if argv[0] != "hang":
                    self.assertIn(b"200 OK", connection.recv(4096))
                else:
                    self.assertTrue(self.server.until(lambda: self.server.stats()["submitted"]["running"] == 1))
                connection.close()
                self.assert_quiet()

    def test_one_that_does_not_read_its_stream_holds_it_back(self):
        connection = self.execute(["flood", "100000000000"], b"Accept: application/x-ndjson\r\n")
        self.assertIn(b"200 OK", connection.recv(4096))
        before = self.server.rss()
        time.sleep(1)
        self.assertLess(self.server.rss() - before, 32 << 20)
        connection.close()
        self.assert_quiet()

    def test_one_that_does_not_read_its_stream_can_be_cancelled(self):
        connection = self.execute(["flood", "100000000000"], b"Accept: application/x-ndjson\r\n", execution_id="unread")
        self.assertIn(b"200 OK", connection.recv(4096))
        time.sleep(1)  # so that it is held back
        self.assertEqual(self.server.request("POST", "/execution/unread/cancel").status, 200)
        self.assertTrue(self.server.until(lambda: self.server.stats()["submitted"]["running"] == 0, 30))
        connection.close()
        self.assert_quiet()

    def test_a_create(self):
        alive = self.server.stats()["total_sandboxes"]
        body = b'{"image": "slow"}'  # until it is cancelled
        connection = self.send("POST", "/sandbox/create?sandbox_type=null", body)
        self.assertTrue(self.server.until(lambda: self.server.metric("http_jobs_running") > 0))
        connection.close()
        self.assert_quiet()
        self.assertTrue(self.server.until(lambda: self.server.stats()["total_sandboxes"] == alive))

    def test_a_create_whose_answer_nobody_takes(self):
        """However late it is noticed: no sandbox is left that nobody knows of."""
        alive = self.server.stats()["total_sandboxes"]
        for _ in range(50):
            connection = self.send("POST", "/sandbox/create?sandbox_type=null", b"{}")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
        self.assert_quiet()
        left = self.server.stats()["total_sandboxes"] - alive
        # An answer that the socket's buffer took before the reset came counts as given.
        self.assertLess(left, 50)

    def test_bodies(self):
        for path in ("/sandbox/create?sandbox_type=null", "/sandbox/tool/execute", "/sandbox/%s/archive?target_dir=/" % self.id,
                     "/pool/execute?tool_name=run"):
            connection = self.server.socket()
            connection.sendall(head("POST", path, 100000) + b"\r\n" + b"x" * 50000)
            self.assertTrue(self.server.until(lambda: self.server.metric("http_buffered_bytes") > 0))
            connection.close()
            self.assert_quiet()

    def test_an_end_that_comes_with_the_bytes(self):
        for data in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET /health HTTP/1.1\r\nHost",
                     head("POST", "/sandbox/create", 100000) + b"\r\n" + b"x" * 50000):
            for _ in range(40):  # whether both are seen at once is a matter of moments
                with self.server.socket() as connection:
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                    try:
                        self.assertNotIn(b" 200 ", connection.recv(4096))
                    except ConnectionResetError:
                        pass
        self.assert_quiet()

    def test_files(self):
        self.server.call("PUT", "/sandbox/%s/file?path=a" % self.id, b"x" * (40 << 20))
        self.server.call("POST", "/sandbox/%s/archive?target_dir=/" % self.id, b"x" * (40 << 20))
        for what in ("file", "archive"):
            connection = self.send("GET", "/sandbox/%s/%s?path=a" % (self.id, what))
            self.assertIn(b"200 OK", connection.recv(4096))
            connection.close()
            self.assert_quiet()

    def test_a_pool(self):
        self.server.call("POST", "/pool/initialize?pool_size=1", {"tools_config": ["run"]})
        connections = [self.send("POST", "/pool/execute?tool_name=run", b'{"argv": ["hang"], "timeout": 0}')
                       for _ in range(3)]  # one has it, the others wait
        self.assertTrue(self.server.until(lambda: self.server.stats()["pools"]["default"]["waiting"] == 2))
        for connection in connections:
            connection.close()
        self.assert_quiet()
        self.assertTrue(self.server.until(lambda: self.server.stats()["pools"]["default"]["busy"] == 0))

    def test_calls_of_all_kinds(self):
        for method, path in (("POST", "/sandbox/%s/stop"), ("GET", "/sandbox/%s"), ("GET", "/sandbox/%s/tools"),
                             ("DELETE", "/sandbox/%s"), ("POST", "/sweep"), ("GET", "/sandboxes"), ("GET", "/stats"),
                             ("GET", "/metrics"), ("GET", "/openapi.json")):
            connection = self.send(method, path % self.server.create() if "%" in path else path)
            connection.close()
        self.assert_quiet()


class Unread(unittest.TestCase):
    """More archives that nobody reads than there are threads: they hold back nobody else."""
    MANY, SIZE = 40, 8 << 20

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="enclave-keys-")
        self.held = []

    def tearDown(self):
        for connection in self.held:
            connection.close()
        self.server.stop()
        shutil.rmtree(self.folder)

    def hold(self):
        id = self.server.create()
        self.server.call("POST", "/sandbox/%s/archive?target_dir=/" % id, b"x" * self.SIZE)
        key = b"X-API-Key: %s\r\n" % self.server.key.encode() if self.server.key else b""
        for _ in range(self.MANY):
            connection = self.server.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(head("GET", "/sandbox/%s/archive?path=a" % id) + key + b"\r\n")
            self.held.append(connection)
        self.assertTrue(self.server.until(lambda: self.server.metric("http_requests_active") > self.MANY))
        return id

    def others(self, key=None, files=True):
        """One of each kind, in less than the deadline of an answer."""
        started = time.monotonic()
        id = self.server.create(key=key)
        for method, path, body in (("GET", "", None), ("GET", "/tools", None), ("POST", "/keep_alive", {"seconds": 60})):
            self.server.call(method, "/sandbox/" + id + path, body, key=key, timeout=30)
        self.server.call("GET", "/sandboxes", key=key, timeout=30)
        self.assertEqual(self.server.execute(id, ["out", "x"], key=key, timeout_s=30).json["output"], "x")
        if files:
            self.server.call("POST", "/sandbox/%s/archive?target_dir=/" % id, b"x" * 1000, key=key, timeout=30)
            self.server.call("GET", "/sandbox/%s/archive?path=a" % id, key=key, timeout=30)
        self.server.call("DELETE", "/sandbox/" + id, key=key, timeout=30)
        self.assertLess(time.monotonic() - started, 30)

    def test_another_key_is_served(self):
        alice, bob = "a" * 32, "b" * 32
        with open(os.path.join(self.folder, "keys"), "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write("alice %s\nbob %s\n" % (alice, bob))
        self.server = Server(server="workers = 4\napi_key_file = %s/keys" % self.folder)
        self.server.key = alice
        id = self.hold()
        self.others(key=bob)
        self.others(files=False)  # its own calls of other kinds, too
        for connection in self.held:
            connection.close()
        answer = self.server.call("GET", "/sandbox/%s/archive?path=a" % id)
        self.assertEqual(len(answer.body), self.SIZE)

    def test_other_kinds_are_served_without_keys(self):
        self.server = Server(server="workers = 4")
        self.hold()
        self.others(files=False)


class Slow(Case):
    """Clients that send a byte now and then, which a timeout of inactivity never sees."""
    options = {"server": "header_timeout = 3\nbody_timeout = 3\nwrite_timeout = 3\nidle_timeout = 3\nmax_connections = 1000"}
    COUNT = 500

    def drip(self, beginnings, byte=b"a"):
        """Open a connection for each beginning and send bytes on all of them until the server has closed each; seconds."""
        connections = []
        for beginning in beginnings:
            connection = self.server.socket()
            connection.sendall(beginning)
            connections.append(connection)
        started = time.monotonic()
        while connections and time.monotonic() - started < 60 * PATIENCE:
            left = []
            for connection in connections:
                try:
                    connection.send(byte)
                    gone = bool(select.select([connection], [], [], 0)[0]) and not connection.recv(4096)
                except OSError:
                    gone = True
                if gone:
                    connection.close()
                else:
                    left.append(connection)
            connections = left
            time.sleep(0.2)
        self.assertFalse(connections, "%d were not closed" % len(connections))
        return time.monotonic() - started

    def test_all_are_closed_and_others_served_meanwhile(self):
        beginnings = [b"GET /health HTTP/1.1\r\nX-Slow: "] * (self.COUNT // 2) + \
            [head("POST", "/sandbox/create?sandbox_type=null", 1000000) + b"\r\n"] * (self.COUNT // 2)
        times, stop = [], threading.Event()

        def good():
            connection = self.server.connect()
            while not stop.is_set():
                begun = time.monotonic()
                self.server.request("GET", "/health", connection=connection)
                times.append(time.monotonic() - begun)
                time.sleep(0.01)
            connection.close()

        thread = threading.Thread(target=good)
        thread.start()
        took = self.drip(beginnings)
        stop.set()
        thread.join()
        self.assertLess(took, (3 + 10) * 3 * PATIENCE)
        self.assertGreaterEqual(took, 2)
        times.sort()
        self.assertLess(times[len(times) * 99 // 100], 0.5 * PATIENCE)
        self.assertGreaterEqual(self.server.metric("http_expired_total"), self.COUNT)

    def test_request_lines(self):
        self.drip([b"GET /", b"", b"\r\n"])

    def test_refused_ones_too(self):
        # The answer is known; the body is still read, but not for ever.
        self.drip([head("POST", "/nope", 1000000) + b"\r\n"])

    def test_between_requests(self):
        connection = self.server.socket()
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b"200 OK", connection.recv(65536))
        begun = time.monotonic()
        while connection.recv(65536):
            pass
        connection.close()
        self.assertLess(time.monotonic() - begun, 30 * PATIENCE)

    def test_an_answer_that_is_not_read(self):
        id = self.server.create()
        self.server.call("PUT", "/sandbox/%s/file?path=a" % id, b"x" * (30 << 20))
        expired = self.server.metric("http_expired_total")
        connection = self.server.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /sandbox/%s/file?path=a HTTP/1.1\r\nHost: x\r\n\r\n" % id.encode())
        self.assertTrue(self.server.until(lambda: self.server.metric("http_expired_total") > expired, 60))
        self.assertTrue(self.server.until(lambda: self.server.metric("http_buffered_bytes") == 0))
        connection.close()

    def test_an_archive_that_is_read_by_the_byte(self):
        id = self.server.create()
        self.server.call("POST", "/sandbox/%s/archive?target_dir=/" % id, b"x" * (30 << 20))
        expired = self.server.metric("http_expired_total")
        connection = self.server.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(head("GET", "/sandbox/%s/archive?path=a" % id) + b"\r\n")
        self.assertTrue(self.server.until(
            lambda: connection.recv(64) and self.server.metric("http_expired_total") > expired, 60))
        connection.close()
        self.assertTrue(self.server.until(lambda: self.server.metric("http_jobs_running") == 0))

    def test_one_that_is_slow_and_steady_is_served(self):
        """Twice the deadline in all, but for bytes that keep coming at a rate worth waiting for."""
        size, id = 1 << 20, self.server.create()
        connection = self.server.socket()
        connection.sendall(head("PUT", "/sandbox/%s/file?path=a" % id, size) + b"\r\n")
        for _ in range(16):
            connection.sendall(b"x" * (size // 16))
            time.sleep(0.4)
        self.assertIn(b"200 OK", connection.recv(65536))
        connection.close()


if __name__ == "__main__":
    main()
