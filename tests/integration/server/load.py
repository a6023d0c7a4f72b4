#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""load.py: many at once, as a smoke test; scripts/bench-server.sh measures."""
import json
import selectors
import socket
import threading
import time
import unittest

from served import PATIENCE, Server, main

MANY = 1000


class Load(unittest.TestCase):
    def test_many_executions_in_flight(self):
        server = Server(enclave="max_executions = %d" % MANY)
        try:
            server.create("a", config={"timeout": 600, "pids_limit": 8192})
            body = json.dumps({"sandbox_id": "a", "tool_name": "run", "parameters": {"argv": ["sleep", "2000", "out", "x"]}})
            request = ("POST /sandbox/tool/execute HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                       % (len(body), body)).encode()
            selector = selectors.DefaultSelector()
            begun = time.monotonic()
            for _ in range(MANY):
                connection = server.socket()
                connection.sendall(request)
                selector.register(connection, selectors.EVENT_READ)
            self.assertEqual(server.request("GET", "/health").status, 200)
            answers = 0
            while answers < MANY and time.monotonic() - begun < 120 * PATIENCE:
                for key, _ in selector.select(1):
                    if b" 200 OK" in key.fileobj.recv(65536):
                        answers += 1
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
            self.assertEqual(answers, MANY)
            self.assertLess(time.monotonic() - begun, 60 * PATIENCE)
        finally:
            server.stop()

    def test_many_clients(self):
        for threads in (1, 3):
            with self.subTest(threads=threads):
                self.many_clients("threads = %d" % threads)

    def many_clients(self, settings):
        server = Server(server=settings)
        failures = []

        def client(number):
            connection = server.connect()
            try:
                for i in range(20):
                    id = json.loads(server.request("POST", "/sandbox/create?sandbox_type=auto", {"tools_config": ["run"]},
                                                   connection=connection).body)["sandbox_id"]
                    for accept in ("*/*", "application/x-ndjson"):
                        answer = server.request("POST", "/sandbox/tool/execute", {
                            "sandbox_id": id, "tool_name": "run", "parameters": {"argv": ["out", str(number * 100 + i)]}},
                            headers={"Accept": accept}, connection=connection)
                        result = json.loads(answer.body.splitlines()[-1])
                        assert result.get("result", result)["output"] == str(number * 100 + i), answer.body
                    assert server.request("DELETE", "/sandbox/" + id, connection=connection).status == 200
            except Exception as failure:  # said by the main thread
                failures.append(failure)
            connection.close()

        try:
            threads = [threading.Thread(target=client, args=(number,)) for number in range(32)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(failures, [])
            self.assertEqual(server.stats()["total_sandboxes"], 0)
        finally:
            server.stop()

    def test_more_that_hang_than_threads(self):
        """One after another, so that each takes a thread that serves connections as long as there is one to spare."""
        server = Server()
        names = ["hangs-%d" % i for i in range(20)]
        results = []

        def hang(name):
            results.append(server.execute("a", ["hang"], execution_id=name).json["cause"])

        try:
            server.create("a")
            hangs = []
            for name in names:
                hangs.append(threading.Thread(target=hang, args=(name,)))
                hangs[-1].start()
                while server.stats()["submitted"]["running"] < len(hangs):
                    pass
                self.assertEqual(server.request("GET", "/health").status, 200)
                self.assertEqual(server.execute("a", ["now", "out", name]).json["output"], name)
                lines = server.execute("a", ["now", "out", name], headers={"Accept": "application/x-ndjson"}).lines
                self.assertEqual(lines[-1]["result"]["output"], name)
            for name in names:
                server.call("POST", "/execution/%s/cancel" % name)
            for thread in hangs:
                thread.join()
            self.assertEqual(results, ["cancelled"] * len(names))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
