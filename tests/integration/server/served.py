# SPDX-License-Identifier: Apache-2.0
"""A server of the tests: `enclave serve` with a configuration of its own, and a client that holds it to its description.

Every answer that `Server.call` sees is checked against /openapi.json: that the route and the status are in it, and that
the body fits. What was seen is kept, so that a test can ask whether every route was called.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = os.environ["ENCLAVE_PROGRAM"]
FIXTURES = os.environ.get("ENCLAVE_FIXTURES", "")
PLUGINS = os.environ.get("ENCLAVE_PLUGINS", "")
PATIENCE = float(os.environ.get("ENCLAVE_TEST_PATIENCE", "1"))

try:
    import jsonschema
except ImportError:
    jsonschema = None


def skip(why, component):
    """The end of a program whose tests cannot run here, unless they must."""
    if component in os.environ.get("ENCLAVE_TEST_REQUIRE", ""):
        sys.exit("required, and not there: " + why)
    print("skipped: " + why)
    sys.exit(77)


if jsonschema is None:
    skip("python3-jsonschema is not installed", "jsonschema")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def lines(self):
        return [json.loads(line) for line in self.body.decode().splitlines()]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Server:
    """`enclave serve`, on the null backend of the fixtures unless `backend` says otherwise."""

    def __init__(self, server="", enclave="", backend="null", listen="127.0.0.1:0", arguments=(), extra="", config=None):
        self.folder = tempfile.mkdtemp(prefix="enclave-server-")
        os.chmod(self.folder, 0o755)
        if config is None:
            config = os.path.join(self.folder, "server.ini")
            plugins = PLUGINS
            if backend == "null":
                plugins = os.path.join(self.folder, "plugins")
                os.mkdir(plugins, 0o755)
                for name in ("backend-null.so", "tool-run.so"):
                    shutil.copy(os.path.join(FIXTURES, name), plugins)
                    os.chmod(os.path.join(plugins, name), 0o644)
            with open(config, "w") as file:
                file.write("[enclave]\nbackend = %s\n%s\n[plugins]\npath = %s\n[server]\n%s\n%s\n"
                           % (backend, enclave, plugins, server.replace("@", self.folder), extra))
        self.config, self.listen, self.arguments = config, listen, list(arguments)
        self.key, self.tls, self.seen, self.description = None, None, set(), None
        self.start()

    def start(self):
        environment = {name: value for name, value in os.environ.items() if name != "ENCLAVE_PLUGIN_PATH"}
        if self.config and not self.config.startswith(self.folder):
            environment["ENCLAVE_PLUGIN_PATH"] = PLUGINS
        self.log_path = os.path.join(self.folder, "log")
        self.log_file = open(self.log_path, "ab")
        offset = self.log_file.tell()
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--config", self.config, "--listen", self.listen] + self.arguments,
            stdout=subprocess.DEVNULL, stderr=self.log_file, env=environment)
        deadline = time.monotonic() + 60
        while True:
            with open(self.log_path) as file:
                file.seek(offset)
                text = file.read()
            found = re.search(r"serves (\S+?)(\"|$)", text, re.M)
            if found:
                break
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start: " + text)
            time.sleep(0.02)
        self.address = found.group(1)

    @property
    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, seconds=120):
        code = self.process.wait(seconds)
        self.log_file.close()
        return code

    def stop(self):
        if self.process.poll() is None:
            self.signal()
            code = self.wait()
        else:
            code = self.process.returncode
        log = self.log
        shutil.rmtree(self.folder)
        # A sanitizer's report is on stderr, which is the log.
        if code != 0 or "Sanitizer" in log or "runtime error:" in log:
            report = log.find("Sanitizer")
            raise AssertionError("the server ended with %s:\n%s" % (code, log[report:][:8000] if report >= 0 else log[-6000:]))

    def rss(self):
        with open("/proc/%d/status" % self.process.pid) as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) * 1024

    def connect(self, timeout=60):
        if self.address.startswith("unix:"):
            return UnixConnection(self.address[5:], timeout)
        scheme, rest = self.address.split("://")
        if scheme == "https":
            return http.client.HTTPSConnection(rest, timeout=timeout, context=self.tls)
        return http.client.HTTPConnection(rest, timeout=timeout)

    def socket(self, timeout=60):
        """A bare connection, for what no HTTP library would send."""
        host, port = self.address.split("://")[1].rsplit(":", 1)
        return socket.create_connection((host, int(port)), timeout=timeout)

    def request(self, method, path, body=None, headers=None, connection=None, key=None, timeout=60):
        headers = dict(headers or {})
        if key or self.key:
            headers["X-API-Key"] = key or self.key
        own = connection is None
        connection = connection or self.connect(timeout)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        if own:
            connection.close()
        return answer

    # ------------------------------------------------------------------------------- against the description

    def describe(self):
        if self.description is None:
            self.description = self.request("GET", "/openapi.json").json
        return self.description

    def operation(self, method, path):
        """Template and operation of a path, None when the description has none."""
        path = path.split("?")[0]
        for template, methods in self.describe()["paths"].items():
            pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and method.lower() in methods:
                return template, methods[method.lower()]
        return None, None

    def fits(self, schema, value):
        root = dict(schema, components=self.describe()["components"])
        jsonschema.Draft202012Validator(root).validate(value)

    def check(self, method, path, answer, sent=None):
        template, operation = self.operation(method, path)
        if operation is None:
            assert answer.status in (401, 404, 405, 503), (method, path, answer.status)
            return
        self.seen.add((method, template, answer.status))
        assert str(answer.status) in operation["responses"], \
            "%s %s: %d is not described: %s" % (method, template, answer.status, answer.body[:300])
        content = operation["responses"][str(answer.status)]["content"]
        media = answer.headers["Content-Type"].split(";")[0]
        assert media in content, (method, path, media)
        assert answer.headers["X-Request-Id"] and answer.headers["Server"].startswith("enclave/")
        if media == "application/json":
            self.fits(content[media]["schema"], answer.json)
        elif media == "application/x-ndjson":
            for line in answer.lines:
                self.fits(content[media]["schema"], line)
        if answer.status == 200 and isinstance(sent, (dict, list)):
            self.fits(operation["requestBody"]["content"]["application/json"]["schema"], sent)
        if answer.status in (429, 503):
            assert answer.headers["Retry-After"]

    def call(self, method, path, body=None, expect=200, **more):
        """A request whose answer fits the description and has the status `expect`."""
        answer = self.request(method, path, body, **more)
        self.check(method, path, answer, body)
        assert answer.status == expect, "%s %s: %d %s" % (method, path, answer.status, answer.body[:500])
        return answer

    # --------------------------------------------------------------------------------------------- shorthands

    def create(self, id=None, type="auto", config=None, tools=("run",), **more):
        path = "/sandbox/create?sandbox_type=" + type + ("&sandbox_id=" + id if id else "")
        config = dict({"tools_config": list(tools)}, **(config or {}))
        return self.call("POST", path, config, **more).json["sandbox_id"]

    def execute(self, id, argv, expect=200, tool="run", headers=None, key=None, timeout_s=60, **more):
        body = dict({"sandbox_id": id, "tool_name": tool, "parameters": {"argv": argv}}, **more)
        return self.call("POST", "/sandbox/tool/execute", body, expect, headers=headers, key=key, timeout=timeout_s)

    def stats(self):
        return self.request("GET", "/stats").json

    def metric(self, name):
        text = self.request("GET", "/metrics").body.decode()
        return float(re.search(r"^enclave_%s (\S+)" % re.escape(name), text, re.M).group(1))

    def until(self, condition, seconds=60):
        """Wait until a condition holds; the last thing it said decides."""
        deadline = time.monotonic() + seconds * PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                return condition()
            time.sleep(0.02)
        return True


class Case(unittest.TestCase):
    """Tests that share a server, made by `options`."""
    options = {}

    @classmethod
    def setUpClass(cls):
        cls.server = Server(**cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()


def main():
    unittest.main(verbosity=2)
