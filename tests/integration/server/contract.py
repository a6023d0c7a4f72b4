#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""contract.py: every route of the server and every way in which it says no, against its own description."""
import base64
import concurrent.futures
import io
import json
import tarfile
import threading
import time
import urllib.parse

from served import Case, Server, main

ALL = [  # method, path with an id in it
    ("GET", "/health"), ("GET", "/stats"), ("POST", "/sandbox/create"), ("GET", "/sandboxes"),
    ("POST", "/sandbox/tool/execute"), ("GET", "/sandbox/{id}"), ("DELETE", "/sandbox/{id}"),
    ("GET", "/sandbox/{id}/tools"), ("POST", "/sandbox/{id}/stop"), ("POST", "/sandbox/{id}/keep_alive"),
    ("GET", "/sandbox/{id}/file"), ("PUT", "/sandbox/{id}/file"), ("GET", "/sandbox/{id}/archive"),
    ("POST", "/sandbox/{id}/archive"), ("POST", "/execution/{id}/cancel"), ("POST", "/pool/initialize"),
    ("POST", "/pool/execute"), ("POST", "/sweep"), ("GET", "/metrics"), ("GET", "/openapi.json"),
]


def tar_of(name, data):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


class Description(Case):
    def test_names_the_routes_there_are(self):
        paths = self.server.describe()["paths"]
        described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
        self.assertEqual(described, set(ALL))
        self.assertEqual(self.server.describe()["openapi"], "3.1.0")

    def test_each_route_answers_and_other_methods_do_not(self):
        for method, path in ALL:
            path = path.replace("{id}", "nope")
            answer = self.server.request(method, path)
            self.assertNotEqual(answer.status, 405, (method, path))
            answer = self.server.request("PATCH", path)
            self.assertEqual(answer.status, 405)
            self.assertIn(method, answer.headers["Allow"])
            self.assertEqual(answer.json["detail"], "Method Not Allowed")

    def test_all_references_lead_somewhere(self):
        text = json.dumps(self.server.describe())
        for part in text.split('"#/components/schemas/')[1:]:
            self.assertIn(part.split('"')[0], self.server.describe()["components"]["schemas"])


class Server_(Case):
    def test_health(self):
        health = self.server.call("GET", "/health").json
        self.assertTrue(health["healthy"])
        self.assertEqual(health["system_info"]["manager_type"], "local")

    def test_stats(self):
        self.server.call("GET", "/stats")

    def test_metrics(self):
        self.server.execute(self.server.create(), ["now", "out", "x"])
        text = self.server.call("GET", "/metrics").body.decode()
        self.assertIn('enclave_executions_total{tool="run",cause="exited"}', text)
        self.assertIn('enclave_execute_seconds_bucket{le="+Inf"}', text)
        for line in text.splitlines():
            self.assertRegex(line, r"^(# (HELP|TYPE) \w+ .+|\w+(\{[^}]*\})? [-+.e\d]+)$")

    def test_unknown_paths(self):
        for path in ("/", "/nope", "/sandbox", "/sandbox/", "/health/", "/sandbox/a/b/c", "//health", "/sandbox/../health",
                     "/a/b/c/d/e/f/g/h/i/j"):
            answer = self.server.request("GET", path)
            self.assertEqual((answer.status, answer.json["detail"]), (404, "Not Found"), path)

    def test_request_ids(self):
        self.assertEqual(self.server.request("GET", "/health", headers={"X-Request-Id": "abc~1"}).headers["X-Request-Id"],
                         "abc~1")
        made = {self.server.request("GET", "/health", headers={"X-Request-Id": bad}).headers["X-Request-Id"]
                for bad in ("x" * 129, "\u00e4", "abc GET /health 200 0.1 ms")}
        self.assertEqual(len(made), 3)
        self.assertFalse([id for id in made if len(id) > 16 or " " in id])


class Sandboxes(Case):
    def test_life(self):
        id = self.server.create()
        self.assertRegex(id, "^[2-9a-km-z]{8}$")
        info = self.server.call("GET", "/sandbox/" + id).json
        self.assertEqual((info["id"], info["status"], info["type"]), (id, "running", "null"))
        self.assertIn(id, [row["id"] for row in self.server.call("GET", "/sandboxes").json])
        self.assertIn(id, [row["id"] for row in self.server.call("GET", "/sandboxes?status=running").json])
        self.assertNotIn(id, [row["id"] for row in self.server.call("GET", "/sandboxes?status=stopped").json])
        self.assertEqual(list(self.server.call("GET", "/sandbox/%s/tools" % id).json), ["run"])
        self.server.call("POST", "/sandbox/%s/keep_alive" % id, {"seconds": 60})
        self.assertEqual(self.server.call("POST", "/sandbox/%s/stop" % id).json,
                         {"message": "Sandbox stopped successfully"})
        self.assertEqual(self.server.call("GET", "/sandbox/" + id).json["status"], "stopped")
        self.server.execute(id, ["out", "x"], 404)
        self.assertEqual(self.server.call("DELETE", "/sandbox/" + id).json,
                         {"message": "Sandbox deleted successfully"})
        self.server.call("GET", "/sandbox/" + id, expect=404)

    def test_unknown_ids(self):
        for method, path in (("GET", ""), ("POST", "/stop"), ("DELETE", "")):
            answer = self.server.call(method, "/sandbox/nope" + path, expect=404).json
            self.assertEqual((answer["detail"], answer["code"], answer["cause"]), ("Sandbox not found", "notfound", None))
            self.assertIn("nope", answer["message"])
        for method, path, body in (("GET", "/tools", None), ("POST", "/keep_alive", {"seconds": 1}),
                                   ("GET", "/file?path=a", None), ("PUT", "/file?path=a", b"x"),
                                   ("GET", "/archive?path=a", None), ("POST", "/archive?target_dir=/", b"x")):
            answer = self.server.call(method, "/sandbox/nope" + path, body, expect=404).json
            self.assertEqual(answer["code"], "notfound")
            self.assertIn("nope", answer["detail"])

    def test_create_refused(self):
        def create(query, body, status, **more):
            return self.server.call("POST", "/sandbox/create" + query, body, status, **more).json

        missing = create("", None, 422)["detail"][0]
        self.assertEqual(missing, {"type": "missing", "loc": ["query", "sandbox_type"], "msg": "Field required",
                                   "input": None})
        unknown = create("?sandbox_type=nope", None, 422)
        self.assertEqual((unknown["detail"][0]["type"], unknown["detail"][0]["loc"], unknown["detail"][0]["input"]),
                         ("enum", ["query", "sandbox_type"], "nope"))
        self.assertEqual(unknown["code"], "notfound")
        self.assertEqual(create("?sandbox_type=null", [1], 422)["detail"][0]["type"], "dict_type")
        self.assertEqual(create("?sandbox_type=null", "{nonsense", 422)["detail"][0]["type"], "json_invalid")
        self.assertEqual(create("?sandbox_type=null", {"image": "missing"}, 400)["code"], "notfound")
        self.assertIn("colour", create("?sandbox_type=null", {"colour": 1}, 400)["detail"])
        self.assertIn("memory_limit", create("?sandbox_type=null", {"memory_limit": "much"}, 400)["detail"])
        self.assertEqual(create("?sandbox_type=null", {"read_only_root": True}, 400)["code"], "unenforced")
        self.assertEqual(create("?sandbox_type=null&sandbox_id=A%20b", {}, 400)["code"], "invalid")
        self.server.create("taken")
        self.assertEqual(create("?sandbox_type=null&sandbox_id=taken", {}, 409)["code"], "exists")
        for bad in ("", "\u00e4", "x" * 256):
            create("?sandbox_type=null", {}, 400, headers={"Idempotency-Key": bad})

    def test_create_without_a_body(self):
        self.server.call("POST", "/sandbox/create?sandbox_type=null")
        self.server.call("POST", "/sandbox/create?sandbox_type=null", "null")

    def test_idempotency_key(self):
        headers = {"Idempotency-Key": "k" * 255}
        first = self.server.create(headers=headers)
        self.assertEqual(self.server.create(headers=headers), first)
        answer = self.server.call("POST", "/sandbox/create?sandbox_type=auto", {"timeout": 7}, 409, headers=headers)
        self.assertEqual(answer.json["code"], "exists")
        self.assertNotEqual(self.server.create(headers={"Idempotency-Key": "other"}), first)

    def test_bad_status(self):
        answer = self.server.call("GET", "/sandboxes?status=asleep", expect=422).json
        self.assertEqual(answer["detail"][0]["loc"], ["query", "status"])

    def test_keep_alive_refused(self):
        id = self.server.create()
        path = "/sandbox/%s/keep_alive" % id
        self.server.call("POST", path, {}, 422)
        self.server.call("POST", path, expect=422)
        self.server.call("POST", path, {"seconds": "many"}, 422)
        self.server.call("POST", path, {"seconds": -1}, 422)

    def test_sweep(self):
        id = self.server.create(config={"ttl": 1})
        self.assertTrue(self.server.until(lambda: {"id": id, "reason": "ttl"} in
                                          self.server.call("POST", "/sweep").json["reclaimed"] or
                                          self.server.request("GET", "/sandbox/" + id).status == 404))


class Executions(Case):
    def setUp(self):
        self.id = self.server.create()

    def test_results(self):
        result = self.server.execute(self.id, ["out", "hello", "err", "oh", "exit", "3"]).json
        self.assertEqual((result["status"], result["cause"], result["exit_code"], result["output"], result["error"]),
                         ("error", "exited", 3, "hello", "oh"))
        self.assertEqual(self.server.execute(self.id, ["oom"]).json["cause"], "oom")
        self.assertEqual(self.server.execute(self.id, ["lost"]).json["cause"], "backend_lost")
        self.assertEqual(self.server.execute(self.id, ["signal", "11"]).json["signal"], 11)

    def test_refused(self):
        def execute(body, status):
            return self.server.call("POST", "/sandbox/tool/execute", body, status).json

        good = {"sandbox_id": self.id, "tool_name": "run", "parameters": {"argv": ["out", "x"]}}
        for name in ("sandbox_id", "tool_name"):
            body = {key: value for key, value in good.items() if key != name}
            answer = execute(body, 422)["detail"][0]
            self.assertEqual((answer["type"], answer["loc"], answer["msg"], answer["input"]),
                             ("missing", ["body", name], "Field required", body))
            self.assertEqual(execute(dict(good, **{name: 5}), 422)["detail"][0]["type"], "string_type")
        self.assertEqual(execute(None, 422)["detail"][0], {"type": "missing", "loc": ["body"], "msg": "Field required",
                                                           "input": None})
        execute(dict(good, parameters=[1]), 422)
        execute(dict(good, timeout="soon"), 422)
        execute(dict(good, timeout=-1), 422)
        execute(dict(good, stdin=5), 422)
        self.assertEqual(execute(dict(good, sandbox_id="nope"), 404)["code"], "notfound")
        self.assertEqual(execute(dict(good, tool_name="nope"), 404)["code"], "notfound")
        execute(dict(good, parameters={"colour": "blue"}), 400)
        execute(dict(good, stdin_base64="*"), 400)
        execute(dict(good, execution_id="\n"), 400)
        execute(dict(good, execution_id="x" * 128), 400)
        execute(dict(good, execution_id=""), 400)
        self.assertEqual(execute(dict(good, parameters={"argv": ["refuse"]}), 502)["cause"], "backend_lost")

    def test_unknown_members(self):
        """Ignored, but for those of a config and of a tool's parameters."""
        result = self.server.execute(self.id, ["out", "x"], colour="blue").json
        self.assertEqual(result["output"], "x")
        self.server.call("POST", "/sandbox/%s/keep_alive?colour=blue" % self.id, {"seconds": 60, "colour": "blue"})
        answer = self.server.call("POST", "/sandbox/create?sandbox_type=auto", {"colour": "blue"}, 400)
        self.assertIn("unknown field 'colour'", answer.json["detail"])

    def test_timeout_of_the_request(self):
        started = time.monotonic()
        result = self.server.execute(self.id, ["out", "begun", "hang"], timeout=0.3).json
        self.assertEqual((result["status"], result["cause"], result["output"]), ("timeout", "timeout", "begun"))
        self.assertLess(time.monotonic() - started, 20)

    def test_stdin(self):
        self.assertEqual(self.server.execute(self.id, ["cat"], stdin="h\u00e4").json["output"], "h\u00e4")
        data = base64.b64encode(b"a\0b").decode()
        self.assertEqual(self.server.execute(self.id, ["cat"], stdin_base64=data).json["output"], "a\0b")

    def test_output_that_is_not_text(self):
        result = self.server.execute(self.id, ["cat"], stdin_base64=base64.b64encode(b"\xff\0\xfe").decode()).json
        self.assertEqual(base64.b64decode(result["metadata"]["output_base64"]), b"\xff\0\xfe")

    def test_a_large_body(self):
        text = "x" * 300000
        self.assertEqual(self.server.execute(self.id, ["cat"], stdin=text).json["output"], text)

    def test_cancel(self):
        results = []
        thread = threading.Thread(
            target=lambda: results.append(self.server.execute(self.id, ["hang"], execution_id="a/b c").json))
        thread.start()
        path = "/execution/%s/cancel" % urllib.parse.quote("a/b c", safe="")
        self.assertTrue(self.server.until(lambda: self.server.stats()["submitted"]["running"] == 1))
        self.assertEqual(self.server.execute(self.id, ["out", "x"], 409, execution_id="a/b c").json["code"], "exists")
        self.server.call("POST", path)
        thread.join(60)
        self.assertEqual((results[0]["cause"], results[0]["execution_id"]), ("cancelled", "a/b c"))
        self.server.call("POST", path, expect=404)
        self.server.call("POST", "/execution/%0a/cancel", expect=400)

    def stream(self, argv, accept="application/x-ndjson", **more):
        return self.server.execute(self.id, argv, headers={"Accept": accept}, **more)

    def test_ndjson(self):
        answer = self.stream(["out", "h\u00e9", "err", "oh", "out", "llo", "exit", "2"])
        events = answer.lines
        self.assertEqual([event["event"] for event in events[:-1]], ["output"] * 3)
        self.assertEqual([(event["stream"], event["offset"], event["data"]) for event in events[:-1]],
                         [("stdout", 0, "h\u00e9"), ("stderr", 0, "oh"), ("stdout", 3, "llo")])
        self.assertEqual((events[-1]["event"], events[-1]["result"]["exit_code"]), ("result", 2))

    def test_sse(self):
        answer = self.stream(["out", "x", "err", "y"], "text/event-stream")
        blocks = [dict(line.split(": ", 1) for line in block.split("\n"))
                  for block in answer.body.decode().strip().split("\n\n")]
        self.assertEqual([block["event"] for block in blocks], ["stdout", "stderr", "result"])
        self.assertEqual(json.loads(blocks[0]["data"])["data"], "x")
        self.assertEqual(json.loads(blocks[-1]["data"])["result"]["output"], "x")

    def test_characters_are_whole_and_bytes_are_kept(self):
        euro = "\u20ac".encode()
        for data, whole in ((euro * 20000, True), (b"a" + euro * 3 + b"\xff" + euro, False), (euro[:2], False)):
            events = self.stream(["cat"], stdin_base64=base64.b64encode(data).decode()).lines
            seen = b""
            for event in events[:-1]:
                self.assertEqual(event["offset"], len(seen))
                seen += event["data"].encode() if "data" in event else base64.b64decode(event["data_base64"])
            self.assertEqual(seen, data)
            self.assertEqual(all("data" in event for event in events[:-1]), whole)

    def test_an_error_before_anything_is_an_ordinary_one(self):
        answer = self.server.execute("nope", ["out", "x"], 404, headers={"Accept": "application/x-ndjson"})
        self.assertEqual(answer.json["code"], "notfound")
        self.stream(["refuse"], expect=502)

    def test_a_flood_streams_whole(self):
        answer = self.stream(["flood", str(8 << 20)])
        self.assertEqual(sum(len(event["data"]) for event in answer.lines[:-1]), 8 << 20)
        self.assertTrue(answer.lines[-1]["result"]["truncated"])

    def test_silence_is_broken_by_pings(self):
        events = self.stream(["sleep", "12500", "out", "x"]).lines
        self.assertIn({"event": "ping"}, events)
        self.assertEqual(events[-1]["result"]["output"], "x")

    def test_a_stream_is_cancelled(self):
        events = []
        thread = threading.Thread(
            target=lambda: events.extend(self.stream(["out", "x", "hang"], execution_id="streamed").lines))
        thread.start()
        self.assertTrue(self.server.until(lambda: self.server.stats()["submitted"]["running"] == 1))
        self.server.call("POST", "/execution/streamed/cancel")
        thread.join(60)
        self.assertEqual([event["event"] for event in events][-1], "result")
        self.assertEqual(events[-1]["result"]["cause"], "cancelled")


class Files(Case):
    def setUp(self):
        self.path = "/sandbox/%s/" % self.server.create()

    def test_file(self):
        data = bytes(range(256)) * 1000
        self.assertEqual(self.server.call("PUT", self.path + "file?path=a%20b&mode=0755", data).json, {"ok": True})
        answer = self.server.call("GET", self.path + "file?path=a%20b")
        self.assertEqual(answer.body, data)
        self.server.call("PUT", self.path + "file?path=empty", b"")
        self.assertEqual(self.server.call("GET", self.path + "file?path=empty").body, b"")

    def test_file_refused(self):
        for method in ("GET", "PUT"):
            answer = self.server.call(method, self.path + "file", expect=422).json
            self.assertEqual(answer["detail"][0]["loc"], ["query", "path"])
            self.server.call(method, self.path + "file?path=a%0ab", expect=400)
            self.server.call(method, self.path + "file?path=a%00b", expect=400)
            self.server.call(method, self.path + "file?path=a%zzb", expect=400)
        self.server.call("PUT", self.path + "file?path=a&mode=999", b"", 422)
        self.server.call("GET", self.path + "file?path=a&max_bytes=-1", expect=422)

    def test_archive(self):
        tar = tar_of("x/y", b"content")
        self.assertEqual(self.server.call("POST", self.path + "archive?target_dir=/sandbox", tar,
                                          headers={"Content-Type": "application/x-tar"}).json, {"ok": True})
        self.assertEqual(self.server.call("GET", self.path + "archive?path=x").body, tar)

    def test_archive_refused(self):
        self.assertEqual(self.server.call("POST", self.path + "archive?target_dir=/", expect=400).json["code"], "invalid")
        self.server.call("POST", self.path + "archive", b"x", 422)
        self.server.call("GET", self.path + "archive", expect=422)

    def test_a_large_archive_comes_whole(self):
        tar = tar_of("big", b"z" * (6 << 20))
        self.server.call("POST", self.path + "archive?target_dir=/", tar)
        self.assertEqual(self.server.call("GET", self.path + "archive?path=big").body, tar)


class Pools(Case):
    def test_life(self):
        self.assertEqual(self.server.call("POST", "/pool/execute?tool_name=run", {}, 400).json["code"], "invalid")
        answer = self.server.call("POST", "/pool/initialize?pool_size=2&sandbox_type=null", {"tools_config": ["run"]}).json
        self.assertEqual((answer["pool_size"], len(answer["sandbox_ids"])), (2, 2))
        result = self.server.call("POST", "/pool/execute?tool_name=run&timeout=5", {"argv": ["out", "pooled"]}).json
        self.assertEqual(result["output"], "pooled")
        self.assertEqual(self.server.call("POST", "/pool/initialize?pool_size=1", {}, 409).json["code"], "exists")
        self.server.call("POST", "/pool/execute?tool_name=nope", {}, 404)
        self.server.call("POST", "/pool/execute", {}, 422)
        self.server.call("POST", "/pool/execute?tool_name=run", expect=422)
        self.server.call("POST", "/pool/execute?tool_name=run&timeout=x", {}, 422)

    def test_none_is_free_in_time(self):
        self.server.call("POST", "/pool/initialize?pool_size=1&pool_name=one&reuse=dirty", {"tools_config": ["run"]})
        thread = threading.Thread(target=lambda: self.server.call(
            "POST", "/pool/execute?tool_name=run&pool_name=one", {"argv": ["sleep", "3000"]}))
        thread.start()
        self.assertTrue(self.server.until(lambda: self.server.stats()["pools"]["one"]["busy"] == 1))
        answer = self.server.call("POST", "/pool/execute?tool_name=run&timeout=0.1&pool_name=one", {}, 408).json
        self.assertEqual((answer["code"], answer["cause"]), ("timeout", "timeout"))
        thread.join()

    def test_refused(self):
        self.server.call("POST", "/pool/initialize?pool_size=many", {}, 422)
        self.server.call("POST", "/pool/initialize?pool_size=1&reuse=never", {}, 422)
        self.server.call("POST", "/pool/initialize?pool_size=1&pool_name=p", {"colour": 1}, 500)
        self.server.call("POST", "/pool/initialize?pool_size=1&pool_name=p", {"privileged": True}, 403)
        self.assertEqual(self.server.call("POST", "/pool/initialize?pool_size=0&pool_name=empty", {}).json["sandbox_ids"],
                         [])


class Policy(Case):
    asks = {"network_enabled": True, "network": "host", "extra_hosts": {"a": "10.0.0.1"}, "ports": {"80/tcp": 80},
            "volumes": {"/tmp": {"bind": "/x", "mode": "ro"}}, "privileged": True, "user": "0:0", "runtime": "runsc",
            "read_only_root": False}
    keys = {"network_enabled": "allow_network", "network": "allow_host_network", "user": "allow_user",
            "runtime": "allow_runtime", "read_only_root": "allow_writable_root"}

    def test_each_refusal_names_its_key(self):
        for field, value in self.asks.items():
            answer = self.server.call("POST", "/sandbox/create?sandbox_type=null", {field: value}, 403).json
            self.assertEqual(answer["code"], "denied")
            self.assertIn(self.keys.get(field, "allow_" + field) + " = true", answer["detail"])
        self.server.call("POST", "/sandbox/create?sandbox_type=null", {"network": "container:x"}, 403)

    def test_what_asks_for_nothing_is_no_matter(self):
        self.server.create(config={"network_enabled": False, "network": "bridge", "extra_hosts": {}, "ports": {},
                                   "volumes": {}, "privileged": False, "docker_executor_workers": 4})

    def test_allowed(self):
        for field, value in self.asks.items():
            if field == "runtime":  # the backend cannot
                continue
            server = Server(server=self.keys.get(field, "allow_" + field) + " = true")
            try:
                server.create(config={field: value})
            finally:
                server.stop()


class Limits(Case):
    options = {"server": "max_timeout = 1\ntype_alias = docker = null, other=null\nmax_sandboxes = 4\n"
                         "max_executions = 2\nmax_body = 64k\nmax_file = 100k"}

    def test_no_timeout_is_the_longest(self):
        id = self.server.create(config={"timeout": 0, "tools_config": {"run": {"timeout": 0}}})
        self.assertEqual(self.server.call("GET", "/sandbox/" + id).json["config"]["timeout"], 1)
        for more in ({}, {"timeout": 0}, {"timeout": 1000}):
            self.assertEqual(self.server.execute(id, ["hang"], **more).json["cause"], "timeout")
        body = {"sandbox_id": id, "tool_name": "run", "parameters": {"argv": ["hang"], "timeout": 0}}
        self.assertEqual(self.server.call("POST", "/sandbox/tool/execute", body).json["cause"], "timeout")
        self.server.call("DELETE", "/sandbox/" + id)

    def test_the_default_is_not_longer(self):
        id = self.server.create()
        self.assertEqual(self.server.execute(id, ["hang"]).json["cause"], "timeout")
        self.server.call("DELETE", "/sandbox/" + id)

    def test_aliases(self):
        for type in ("docker", "other"):
            id = self.server.create(type=type)
            self.assertEqual(self.server.call("GET", "/sandbox/" + id).json["type"], "null")
            self.server.call("DELETE", "/sandbox/" + id)

    def test_quotas(self):
        ids = [self.server.create() for _ in range(4)]
        answer = self.server.call("POST", "/sandbox/create?sandbox_type=auto", {}, 429).json
        self.assertIn("max_sandboxes", answer["detail"])
        names = ("first", "second")
        threads = [threading.Thread(target=self.server.execute, args=(ids[0], ["hang"]), kwargs={"execution_id": name})
                   for name in names]
        for thread in threads:
            thread.start()
        self.assertTrue(self.server.until(lambda: self.server.metric("http_executions_active") == 2))
        answer = self.server.execute(ids[0], ["out", "x"], 429).json
        self.assertEqual(answer["code"], "busy")
        for name in names:
            self.server.call("POST", "/execution/%s/cancel" % name)
        for thread in threads:
            thread.join()
        for id in ids:
            self.server.call("DELETE", "/sandbox/" + id)

    def test_sizes(self):
        id = self.server.create()
        answer = self.server.execute(id, ["cat"], 413, stdin="x" * 65536).json
        self.assertIn("max_body", answer["detail"])
        self.server.call("PUT", "/sandbox/%s/file?path=a" % id, b"x" * 102400)
        answer = self.server.call("PUT", "/sandbox/%s/file?path=a" % id, b"x" * 102401, 413).json
        self.assertIn("max_file", answer["detail"])
        self.server.call("DELETE", "/sandbox/" + id)


class Room(Case):
    options = {"server": "max_sandboxes = 4"}

    def test_a_quota_counts_pools_and_what_is_being_made(self):
        for _ in range(2):
            self.server.create()
        answer = self.server.call("POST", "/pool/initialize?pool_size=3&pool_name=three", {}, 429).json
        self.assertIn("max_sandboxes", answer["detail"])
        self.server.call("POST", "/pool/initialize?pool_size=4294967295&pool_name=three", {}, 429)
        # Ones that do not get made before they are cancelled: a pool, and a sandbox. Many ask for the same rest at once.
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            waiting = self.server.connect()
            waiting.request("POST", "/pool/initialize?pool_size=2&pool_name=slow", '{"image": "slow"}')
            self.assertTrue(self.server.until(lambda: self.server.stats()["status_counts"].get("initializing") == 2))
            listed = self.server.call("GET", "/sandboxes?status=initializing").json
            self.assertEqual([row["type"] for row in listed], ["null"] * 2)
            self.server.call("GET", "/sandbox/" + listed[0]["id"])
            for path in ("/sandbox/create?sandbox_type=auto", "/pool/initialize?pool_size=1&pool_name=more"):
                self.server.call("POST", path, {}, 429)
            waiting.close()
            self.assertTrue(self.server.until(lambda: self.server.stats()["total_sandboxes"] == 2))
            self.assertTrue(self.server.until(lambda: self.server.metric("http_jobs_running") == 0))
            pools = [threads.submit(self.server.request, "POST", "/pool/initialize?pool_size=2&pool_name=p%d" % i, {})
                     for i in range(8)]
            self.assertLessEqual([pool.result().status for pool in pools].count(200), 1)
        self.assertLessEqual(self.server.stats()["total_sandboxes"], 4)


if __name__ == "__main__":
    main()
