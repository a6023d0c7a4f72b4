#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""stop.py: the server is told to stop, in the middle of things."""
import json
import shutil
import signal
import threading
import time
import unittest

from served import PATIENCE, Server, main


class Stop(unittest.TestCase):
    def run_while_stopping(self, server, argv, number=signal.SIGTERM, **more):
        """Execute, stop meanwhile; the answer's cause, None when the connection was closed."""
        causes = []

        def execute():
            try:
                causes.append(server.execute("a", argv, **more).json["cause"])
            except OSError:
                causes.append(None)

        server.describe()
        server.create("a")
        thread = threading.Thread(target=execute)
        thread.start()
        self.assertTrue(server.until(lambda: server.stats()["submitted"]["running"] == 1))
        server.signal(number)
        thread.join(60)
        return causes[0]

    def test_what_runs_is_finished(self):
        server = Server(server="stop_timeout = 30")
        self.assertEqual(self.run_while_stopping(server, ["sleep", "1500", "out", "x"]), "exited")
        server.wait()
        server.stop()

    def test_what_does_not_end_is_cancelled(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = Server(server="stop_timeout = 0.5")
            begun = time.monotonic()
            self.assertEqual(self.run_while_stopping(server, ["hang"], number), "cancelled")
            server.wait()
            self.assertRegex(server.log, r"stopping; (1 request is|2 requests are) under way\n")  # perhaps the one that asked
            self.assertIn("cancelling 1 request that is under way still\n", server.log)
            self.assertTrue(server.log.endswith(" stopped\n"), server.log)
            self.assertLess(time.monotonic() - begun, 30 * PATIENCE)
            server.stop()

    def test_streams_have_their_end(self):
        server = Server(server="stop_timeout = 0.5")
        lines = []
        server.describe()
        server.create("a")
        connection = server.connect()
        connection.request("POST", "/sandbox/tool/execute", json.dumps(
            {"sandbox_id": "a", "tool_name": "run", "parameters": {"argv": ["out", "x", "hang"]}}),
            {"Accept": "application/x-ndjson"})
        response = connection.getresponse()
        lines.append(json.loads(response.readline()))
        server.signal()
        lines += [json.loads(line) for line in response.read().splitlines()]
        connection.close()
        self.assertEqual([line["event"] for line in lines], ["output", "result"])
        self.assertEqual(lines[-1]["result"]["cause"], "cancelled")
        server.wait()
        server.stop()

    def test_creates_and_pools_are_cancelled(self):
        server = Server(server="stop_timeout = 0.3")
        statuses = []
        server.call("POST", "/pool/initialize?pool_size=1", {"tools_config": ["run"]})

        def ask(path, body):
            try:
                statuses.append(server.request("POST", path, body).status)
            except OSError:
                statuses.append(0)

        threads = [threading.Thread(target=ask, args=("/sandbox/create?sandbox_type=null", {"image": "slow"})),
                   threading.Thread(target=ask, args=("/pool/execute?tool_name=run", {"argv": ["hang"]})),
                   threading.Thread(target=ask, args=("/pool/execute?tool_name=run", {"argv": ["hang"]}))]
        for thread in threads:
            thread.start()
        self.assertTrue(server.until(lambda: server.metric("http_requests_active") == 4))
        server.signal()
        for thread in threads:
            thread.join(60)
        server.wait()
        self.assertEqual(len(statuses), 3)
        server.stop()

    def test_no_more_is_taken(self):
        server = Server(server="stop_timeout = 30")
        idle, busy = server.connect(), server.connect()
        server.create("a")
        for connection in (idle, busy):
            server.request("GET", "/health", connection=connection)
        busy.request("POST", "/sandbox/tool/execute", json.dumps(
            {"sandbox_id": "a", "tool_name": "run", "parameters": {"argv": ["sleep", "2000"]}}))
        self.assertTrue(server.until(lambda: server.stats()["submitted"]["running"] == 1))
        server.signal()
        self.assertTrue(server.until(lambda: "stopping" in server.log))

        def refused():
            try:
                server.connect().connect()
                return False
            except ConnectionRefusedError:
                return True

        self.assertTrue(server.until(refused))
        idle.sock.settimeout(30)
        self.assertEqual(idle.sock.recv(1), b"")
        response = busy.getresponse()
        self.assertEqual(json.loads(response.read())["cause"], "exited")
        idle.close()
        busy.close()
        server.wait()
        server.stop()

    def test_the_third_signal_ends_it(self):
        server = Server(server="stop_timeout = 60")
        server.create("a")
        connection = server.connect()
        connection.request("POST", "/sandbox/tool/execute", json.dumps(
            {"sandbox_id": "a", "tool_name": "run", "parameters": {"argv": ["hang"]}}))
        self.assertTrue(server.until(lambda: server.stats()["submitted"]["running"] == 1))
        deadline = time.monotonic() + 30
        while server.process.poll() is None and time.monotonic() < deadline:
            server.signal()
            time.sleep(0.2)
        self.assertEqual(server.wait(10), 128 + signal.SIGTERM)
        connection.close()
        shutil.rmtree(server.folder)

    def log_of(self, server):
        """The log of a server that was asked for a path whose bytes are no text."""
        with server.socket() as connection:
            connection.sendall(b"GET /a\xff\xc3\x1b[2J\\x HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.recv(65536)
        server.signal()
        server.wait()
        with open(server.log_path, "rb") as file:
            return file.read().decode()  # strictly

    def test_logs_are_text(self):
        server = Server()
        self.assertIn(" GET /a\\xff\\xc3\\x1b[2J\\x5cx 404 ", self.log_of(server))
        server.stop()

    def test_json_logs(self):
        server = Server(server="log_format = json")
        server.create("a")
        server.request("GET", "/sandbox/a?secret=1")
        rows = [json.loads(line) for line in self.log_of(server).splitlines()]
        requests = [row for row in rows if "request" in row]
        self.assertIn(("GET", "/sandbox/a", 200, None),
                      [(row["method"], row["path"], row["status"], row["key"]) for row in requests])
        self.assertIn("/a\\xff\\xc3\\x1b[2J\\x5cx", [row["path"] for row in requests])
        self.assertTrue(all(row["time"].endswith("Z") and row["level"] for row in rows))
        server.stop()


if __name__ == "__main__":
    main()
