#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""real.py BACKEND: the server over a backend that runs things; with `docker` also as clients of the reference system use
it, with the configuration that is made for them, and killed and succeeded under load."""
import io
import json
import os
import signal
import socket
import sys
import tarfile
import threading
import time
import unittest
import uuid

from served import PATIENCE, PLUGINS, Server, main, skip

BACKEND = sys.argv.pop(1)
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
TOOLS = ["python_executor", "shell_executor", "file_operation"]


class Real(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(backend=BACKEND)
        answer = cls.server.request("POST", "/sandbox/create?sandbox_type=auto", {"tools_config": TOOLS}, timeout=300)
        if answer.status != 200:
            cls.server.stop()
            skip("no %s here: %s" % (BACKEND, answer.body), BACKEND)
        cls.id = answer.json["sandbox_id"]

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def run_tool(self, tool, parameters, **more):
        headers = more.pop("headers", None)
        return self.server.call("POST", "/sandbox/tool/execute",
                                dict({"sandbox_id": self.id, "tool_name": tool, "parameters": parameters}, **more),
                                headers=headers)

    def test_tools(self):
        self.assertEqual(self.run_tool("python_executor", {"code": "print(40 + 2)"}).json["output"], "42\n")
        result = self.run_tool("shell_executor", {"command": "echo oh >&2; exit 3"}).json
        self.assertEqual((result["status"], result["exit_code"], result["error"]), ("error", 3, "oh\n"))
        self.run_tool("file_operation", {"operation": "write", "file_path": "f", "content": "text"})
        self.assertEqual(self.run_tool("file_operation", {"operation": "read", "file_path": "f"}).json["output"], "text")
        self.assertEqual(self.run_tool("python_executor", {"code": ""}).json["error"], "No code provided")

    def test_streams_as_it_comes(self):
        events = self.run_tool("shell_executor", {"command": "echo one; read line; echo $line"}, stdin="two\n",
                               headers={"Accept": "application/x-ndjson"}).lines
        self.assertEqual("".join(event["data"] for event in events[:-1]), "one\ntwo\n")

    def test_files_and_archives(self):
        data = os.urandom(300000)
        path = "/sandbox/%s/" % self.id
        self.server.call("PUT", path + "file?path=sub/data&mode=0700", data)
        self.assertEqual(self.server.call("GET", path + "file?path=sub/data").body, data)
        self.server.call("GET", path + "file?path=sub/data&max_bytes=10", expect=413)
        self.server.call("GET", path + "file?path=nope", expect=404)
        self.server.call("GET", path + "archive?path=nope", expect=404)
        with tarfile.open(fileobj=io.BytesIO(self.server.call("GET", path + "archive?path=sub").body)) as tar:
            self.assertEqual(tar.extractfile("sub/data").read(), data)
            self.assertEqual(tar.getmember("sub/data").mode & 0o777, 0o700)
        for name, kind in (("../up", tarfile.REGTYPE), ("/etc/x", tarfile.REGTYPE), ("dev", tarfile.CHRTYPE)):
            file = io.BytesIO()
            with tarfile.open(fileobj=file, mode="w") as tar:
                info = tarfile.TarInfo(name)
                info.type = kind
                tar.addfile(info)
            self.server.call("POST", path + "archive?target_dir=/sandbox", file.getvalue(), 400)
        self.server.call("POST", path + "archive?target_dir=/sandbox", b"nonsense" * 1000, 400)

    def test_a_client_that_goes_away_ends_its_program(self):
        connection = self.server.connect()
        connection.request("POST", "/sandbox/tool/execute", json.dumps(
            {"sandbox_id": self.id, "tool_name": "shell_executor",
             "parameters": {"command": "trap '' TERM; touch begun; sleep 1000 & sleep 1000", "timeout": 600}}))
        self.assertTrue(self.server.until(lambda: self.run_tool(
            "file_operation", {"operation": "exists", "file_path": "begun"}).json["output"].startswith("exists")))
        connection.close()
        self.assertTrue(self.server.until(lambda: "sleep" not in self.run_tool(
            "shell_executor", {"command": "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; true"}).json["output"]
            .replace("trap", "")))


@unittest.skipUnless(BACKEND == "docker", "clients of the reference system have docker")
class Reference(unittest.TestCase):
    """What its client sends, and what it reads of the answers."""

    CONFIG = {
        "timeout": 30, "tools_config": {"python_executor": {}, "shell_executor": {}, "file_operation": {}},
        "working_dir": "/sandbox", "env_vars": {}, "resource_limits": {}, "image": "python:3.11-slim", "command": None,
        "volumes": {}, "ports": {}, "network": "bridge", "network_enabled": True, "extra_hosts": {}, "platform": None,
        "memory_limit": "4g", "cpu_limit": 2.0, "privileged": False, "remove_on_exit": True, "pull_progress": False,
        "pull_progress_interval": 3.0, "docker_executor_workers": 4,
    }

    def setUp(self):
        self.server = Server(config=os.path.join(SOURCE, "config", "ms-enclave-compatible.ini"))

    def tearDown(self):
        self.server.stop()

    def test_its_flow(self):
        call = self.server.call
        self.assertTrue(call("GET", "/health").json["healthy"])
        id = call("POST", "/sandbox/create?sandbox_type=docker", self.CONFIG, timeout=300).json["sandbox_id"]
        info = call("GET", "/sandbox/" + id).json
        self.assertEqual((info["id"], info["status"], info["type"]), (id, "running", "docker"))
        self.assertEqual(sorted(info["available_tools"]), sorted(TOOLS))
        self.assertIn("container_id", info["metadata"])
        self.assertIn(id, [row["id"] for row in call("GET", "/sandboxes").json])

        def execute(tool, parameters):
            answer = call("POST", "/sandbox/tool/execute",
                          {"sandbox_id": id, "tool_name": tool, "parameters": parameters}).json
            self.assertEqual(set(answer) & {"status", "execution_time", "timestamp", "tool_name", "output", "metadata",
                                            "error"},
                             {"status", "execution_time", "timestamp", "tool_name", "output", "metadata", "error"})
            return answer

        self.assertEqual(execute("python_executor", {"code": "print('hello')", "timeout": 30})["output"].strip(), "hello")
        self.assertEqual(execute("python_executor", {"code": "1/0"})["status"], "error")
        self.assertEqual(execute("shell_executor", {"command": "id -u"})["output"].strip(), "0")
        self.assertEqual(execute("shell_executor", {"command": "touch /root-is-writable && echo yes"})["output"].strip(), "yes")
        self.assertEqual(execute("shell_executor", {"command": ["echo", "as", "it", "is"]})["output"].strip(), "as it is")
        self.assertEqual(execute("file_operation", {"operation": "write", "file_path": "/sandbox/a/b.txt", "content": "x"})
                         ["status"], "success")
        self.assertEqual(execute("file_operation", {"operation": "read", "file_path": "/sandbox/a/b.txt"})["output"], "x")
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as tar:
            member = tarfile.TarInfo("from/archive")
            member.size = 1
            tar.addfile(member, io.BytesIO(b"y"))
        call("POST", "/sandbox/%s/archive?target_dir=/sandbox" % id, file.getvalue(),
             headers={"Content-Type": "application/x-tar"})
        self.assertEqual(execute("shell_executor", {"command": "cat /sandbox/from/archive"})["output"], "y")
        self.assertEqual(call("GET", "/sandbox/%s/tools" % id).json["shell_executor"]["type"], "function")
        self.assertEqual(call("POST", "/sandbox/tool/execute", {"sandbox_id": id, "tool_name": "notebook_executor",
                                                               "parameters": {}}, 404).status, 404)
        call("POST", "/sandbox/%s/stop" % id)
        call("DELETE", "/sandbox/" + id)
        call("GET", "/sandbox/" + id, expect=404)

    def test_its_pool(self):
        call = self.server.call
        answer = call("POST", "/pool/initialize?pool_size=2&sandbox_type=docker", self.CONFIG, timeout=300).json
        self.assertEqual((answer["pool_size"], len(answer["sandbox_ids"])), (2, 2))
        result = call("POST", "/pool/execute?tool_name=python_executor&timeout=60", {"code": "print(6 * 7)"}).json
        self.assertEqual(result["output"], "42\n")
        # Where payloads are root nothing proves that one is as it was, so the used one is made anew.
        self.assertTrue(self.server.until(lambda: call("GET", "/stats").json["pool_size"] == 2))
        stats = call("GET", "/stats").json
        self.assertEqual((stats["pool_enabled"], stats["pool_initialized"]), (True, True))


@unittest.skipUnless(BACKEND == "docker", "sandboxes that outlive their manager are containers")
class Succeeded(unittest.TestCase):
    CLIENTS, ROUNDS = 8, 6

    def test_killed_and_started_again_under_load(self):
        """Clients retry, and there is one sandbox for each create: none is lost, none doubled."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = Server(backend=BACKEND, listen="127.0.0.1:%d" % port, server="stop_timeout = 1",
                        enclave="on_restart = adopt\ninstance = server-test-%s\nreconnect_grace = 120" % uuid.uuid4().hex[:8])
        made, failures, stop = {}, [], threading.Event()

        def persist(method, path, body=None, headers=None, good=(200,)):
            deadline = time.monotonic() + 120 * PATIENCE
            while time.monotonic() < deadline:
                try:
                    answer = server.request(method, path, body, headers)
                    if answer.status in good:
                        return answer
                except OSError:
                    pass
                except Exception:  # an answer that was cut
                    pass
                time.sleep(0.1)
            raise AssertionError("%s %s did not succeed in time" % (method, path))

        def client(number):
            try:
                for i in range(self.ROUNDS):
                    key = "%d/%d" % (number, i)
                    id = persist("POST", "/sandbox/create?sandbox_type=" + BACKEND, {"tools_config": ["shell_executor"]},
                                 {"Idempotency-Key": key}).json["sandbox_id"]
                    made[key] = id
                    result = persist("POST", "/sandbox/tool/execute", {
                        "sandbox_id": id, "tool_name": "shell_executor", "parameters": {"command": "echo " + key}})
                    if result.json["cause"] != "backend_lost":
                        assert result.json["output"] == key + "\n", result.body
            except Exception as failure:
                failures.append(failure)

        try:
            persist("GET", "/health")
            threads = [threading.Thread(target=client, args=(number,)) for number in range(self.CLIENTS)]
            for thread in threads:
                thread.start()
            for _ in range(2):
                time.sleep(1.5)
                server.process.send_signal(signal.SIGKILL)
                server.wait()
                server.start()
            for thread in threads:
                thread.join()
            self.assertEqual(failures, [])
            alive = [row["id"] for row in server.request("GET", "/sandboxes").json]
            self.assertEqual(len(set(made.values())), self.CLIENTS * self.ROUNDS)
            self.assertEqual(sorted(alive), sorted(made.values()))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
