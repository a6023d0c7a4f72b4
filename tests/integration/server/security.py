#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""security.py: keys, TLS, and whom the server may be shown to."""
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import unittest

from served import PROGRAM, FIXTURES, Case, Server, main

ALICE, BOB, ALICE_B = "a" * 32, "b" * 32 + "~!", "c" * 32


def certificate(folder):
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    os.chmod(key, 0o600)
    return cert, key


class Files:
    """Key file, certificate and key in a folder of their own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="enclave-keys-")
        self.keys = os.path.join(self.folder, "keys")
        self.write("# who may call\nalice %s\nbob\t%s\n\nalice/b %s\n" % (ALICE, BOB, ALICE_B))
        self.cert, self.key = certificate(self.folder)

    def write(self, text, mode=0o600):
        with open(self.keys, "w") as file:
            file.write(text)
        os.chmod(self.keys, mode)

    def remove(self):
        shutil.rmtree(self.folder)


class Keys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = Files()
        cls.server = Server(server="api_key_file = " + cls.files.keys,
                            extra="[pool shared]\nsize = 1\ntools_config = run\n[pool template]\ntools_config = run\n")
        cls.server.key = ALICE

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.files.remove()

    def test_without_a_key_nothing_is_told(self):
        described = self.server.describe()
        for path, methods in described["paths"].items():
            for method in methods:
                for headers in ({}, {"X-API-Key": ""}, {"X-API-Key": ALICE[:-1]}, {"X-API-Key": ALICE + "a"},
                                {"X-API-Key": "x" * 2000}, {"Authorization": "Bearer " + ALICE}):
                    self.server.key = None
                    answer = self.server.request(method.upper(), path.replace("{id}", "x"), b"{}", headers=headers)
                    self.server.key = ALICE
                    self.assertEqual((answer.status, answer.json["detail"], answer.json["code"]),
                                     (401, "Unauthorized", "unauthorized"))
        self.server.key = None
        self.assertEqual(self.server.request("GET", "/nope").status, 401)
        self.server.key = ALICE

    def test_a_key_in_the_url_is_refused(self):
        for key in (None, ALICE):
            self.server.key = key
            answer = self.server.request("GET", "/health?api_key=" + ALICE)
            self.assertEqual(answer.status, 401)
            self.assertIn("X-API-Key", answer.json["detail"])
        self.server.key = ALICE

    def test_no_other_origins(self):
        answer = self.server.request("OPTIONS", "/health", headers={"Origin": "http://evil", "Access-Control-Request-Method": "GET"})
        self.assertEqual(answer.status, 405)
        answer = self.server.request("GET", "/health", headers={"Origin": "http://evil"})
        self.assertFalse([name for name in answer.headers if name.lower().startswith("access-control")])

    def test_each_sees_its_own_only(self):
        id = self.server.create("alices")
        self.assertEqual(self.server.call("GET", "/sandbox/" + id).json["metadata"].get("owner"), "alice")
        self.assertEqual(self.server.execute(id, ["out", "x"]).json["output"], "x")
        for method, path, body in (("GET", "", None), ("GET", "/tools", None), ("POST", "/stop", None),
                                   ("DELETE", "", None), ("POST", "/keep_alive", {"seconds": 5}),
                                   ("GET", "/file?path=a", None), ("PUT", "/file?path=a", b"x"),
                                   ("GET", "/archive?path=a", None), ("POST", "/archive?target_dir=/", b"x")):
            others = self.server.call(method, "/sandbox/alices" + path, body, 404, key=BOB)
            nobodys = self.server.call(method, "/sandbox/nobodys" + path, body, 404, key=BOB)
            self.assertEqual(others.body.replace(b"alices", b"X"), nobodys.body.replace(b"nobodys", b"X"), path)
        others = self.server.execute("alices", ["out", "x"], 404, key=BOB)
        nobodys = self.server.execute("nobodys", ["out", "x"], 404, key=BOB)
        self.assertEqual(others.body.replace(b"alices", b"X"), nobodys.body.replace(b"nobodys", b"X"))
        self.assertNotIn(id, [row["id"] for row in self.server.call("GET", "/sandboxes", key=BOB).json])
        self.server.call("POST", "/sandbox/create?sandbox_type=auto&sandbox_id=alices", {}, 409, key=BOB)  # one name space
        self.assertEqual([row["id"] for row in self.server.call("GET", "/sandboxes").json if row["id"] == id], [id])
        self.server.call("DELETE", "/sandbox/" + id)

    def test_request_keys_are_ones_own(self):
        headers = {"Idempotency-Key": "same"}
        first = self.server.create(headers=headers)
        other = self.server.create(headers=headers, key=BOB)
        self.assertNotEqual(first, other)
        self.assertEqual(self.server.create(headers=headers, key=BOB), other)
        long = {"Idempotency-Key": "k" * 254}
        self.assertEqual(self.server.create(headers=dict(long)), self.server.create(headers=dict(long)))
        longer = {"Idempotency-Key": "k" * 255}
        self.assertNotEqual(self.server.create(headers=dict(long)), self.server.create(headers=longer))

    def test_an_id_that_changes_hands(self):
        self.server.create("passed")
        self.server.call("DELETE", "/sandbox/passed")
        self.server.create("passed", key=BOB)
        self.server.call("GET", "/sandbox/passed", expect=404)
        self.server.call("GET", "/sandbox/passed", key=BOB)

    def test_executions_are_cancelled_by_ones_own(self):
        import threading
        id = self.server.create()
        causes = []
        thread = threading.Thread(target=lambda: causes.append(
            self.server.execute(id, ["hang"], execution_id="b/mine").json["cause"]))
        thread.start()
        self.assertTrue(self.server.until(lambda: self.server.metric("http_executions_active") == 1))
        self.server.call("POST", "/execution/b%2fmine/cancel", expect=404, key=BOB)
        self.server.call("POST", "/execution/mine/cancel", expect=404, key=ALICE_B)
        self.server.call("POST", "/execution/b%2fmine/cancel")
        thread.join()
        self.assertEqual(causes, ["cancelled"])

    def test_pools_are_ones_own(self):
        self.server.call("POST", "/pool/initialize?pool_size=1&pool_name=alices", {"tools_config": ["run"]})
        ids = [row["id"] for row in self.server.call("GET", "/sandboxes").json if row["status"] == "idle"]
        self.assertEqual(len(ids), 1)
        self.server.call("POST", "/pool/execute?tool_name=run&pool_name=alices", {"argv": ["out", "x"]})
        self.server.call("POST", "/pool/execute?tool_name=run&pool_name=alices", {}, 400, key=BOB)
        self.server.call("POST", "/pool/initialize?pool_size=1&pool_name=alices", {}, 409, key=BOB)
        self.server.call("GET", "/sandbox/" + ids[0], expect=404, key=BOB)

    def test_a_declared_pool_is_nobodys(self):
        use, make = "/pool/execute?tool_name=run&pool_name=shared", "/pool/initialize?pool_name=shared"
        for size in ("", "&pool_size=1", "&reuse=dirty", "&sandbox_type=null"):
            self.server.call("POST", make + size, {}, 409)  # also before its first use
        for key in (BOB, ALICE):
            self.assertEqual(self.server.call("POST", use, {"argv": ["out", "x"]}, key=key).json["output"], "x")
        for size in ("", "&pool_size=1"):
            self.server.call("POST", make + size, {}, 409)
        # Told of are those that nobody has: one that was used is given back in a moment.
        self.assertTrue(self.server.until(lambda: self.server.call("POST", make, key=BOB).json["sandbox_ids"]))
        ids = self.server.call("POST", make, key=BOB).json["sandbox_ids"]
        self.assertEqual(self.server.call("POST", make).json["sandbox_ids"], ids)
        for key in (BOB, ALICE):
            self.assertEqual(self.server.call("POST", use, {"argv": ["out", "x"]}, key=key).json["output"], "x")
            self.server.call("GET", "/sandbox/" + ids[0], expect=404, key=key)
        # A section without a size is a pool only when somebody makes it.
        self.server.call("POST", "/pool/initialize?pool_name=template&pool_size=1", key=BOB)
        self.server.call("POST", "/pool/execute?tool_name=run&pool_name=template", {"argv": ["out", "x"]}, key=BOB)
        self.server.call("POST", "/pool/execute?tool_name=run&pool_name=template", {}, 400)

    def test_who_fails_to_make_a_pool_has_none(self):
        make = "/pool/initialize?pool_name=failed&pool_size=1"
        self.server.call("POST", make, {"colour": 1}, 500)
        self.server.call("POST", "/pool/initialize?pool_name=failed&pool_size=0", {})
        self.server.call("POST", make, {"tools_config": ["run"]}, key=BOB)
        self.server.call("POST", make, {}, 409, key=BOB)
        self.server.call("POST", make, {}, 409)
        self.server.call("POST", "/pool/execute?tool_name=run&pool_name=failed", {"argv": ["out", "x"]}, key=BOB)
        self.server.call("POST", "/pool/execute?tool_name=run&pool_name=failed", {}, 400)

    def test_the_log_has_names_and_no_secrets(self):
        id = self.server.create()
        self.server.execute(id, ["out", "a secret of the payload"])
        self.server.request("GET", "/health?api_key=" + ALICE)
        self.assertTrue(self.server.until(lambda: "alice POST /sandbox/tool/execute 200" in self.server.log))
        for secret in (ALICE, BOB, "a secret of the payload"):
            self.assertNotIn(secret, self.server.log)


class Memory(unittest.TestCase):
    """What bodies and files take of the server's memory, when one key takes all that it can get."""

    @classmethod
    def setUpClass(cls):
        cls.files = Files()
        cls.server = Server(server="api_key_file = %s\nmax_buffered = 32m" % cls.files.keys)
        cls.server.key = ALICE

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.files.remove()

    def unread(self, path, key):
        """A request whose answer is not read beyond its first line: its status, and the connection."""
        host, port = self.server.address.split("://")[1].rsplit(":", 1)
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect((host, int(port)))
        connection.sendall(("GET %s HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\n\r\n" % (path, key)).encode())
        return int(connection.recv(12)[-3:]), connection

    def test_a_key_that_does_not_read_its_files(self):
        size, path = 6 << 20, "/sandbox/%s/file?path=a"
        for id, key in (("alices", ALICE), ("bobs", BOB)):
            self.server.create(id, key=key)
            self.server.call("PUT", path % id, b"x" * size, key=key)
        self.assertTrue(self.server.until(lambda: self.server.metric("http_buffered_bytes") == 0))
        held = [self.unread(path % "alices", ALICE) for _ in range(6)]
        try:
            self.assertEqual([status for status, _ in held], [200] * 2 + [503] * 4)
            refused = self.server.call("GET", path % "alices", expect=503)
            self.assertIn("max_buffered", refused.json["detail"])
            self.assertIn("this key", refused.json["detail"])
            self.assertEqual(len(self.server.call("GET", path % "bobs", key=BOB).body), size)
            self.server.execute("bobs", ["out", "x"], key=BOB)
        finally:
            for _, connection in held:
                connection.close()
        self.assertTrue(self.server.until(lambda: self.server.metric("http_buffered_bytes") == 0))
        self.assertEqual(len(self.server.call("GET", path % "alices").body), size)


class Refusals(unittest.TestCase):
    """Configurations with which the server does not start, and what it says."""

    def setUp(self):
        self.files = Files()
        self.plugins = os.path.join(self.files.folder, "plugins")
        os.mkdir(self.plugins, 0o755)
        shutil.copy(os.path.join(FIXTURES, "backend-null.so"), self.plugins)
        os.chmod(os.path.join(self.plugins, "backend-null.so"), 0o644)

    def tearDown(self):
        self.files.remove()

    def refuse(self, server, listen, *said, arguments=()):
        config = os.path.join(self.files.folder, "server.ini")
        with open(config, "w") as file:
            file.write("[plugins]\npath = %s\n[server]\n%s\n" % (self.plugins, server))
        result = subprocess.run([PROGRAM, "serve", "--config", config, "--listen", listen, *arguments], timeout=60,
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, 125, result.stderr)
        lines = [line for line in result.stderr.splitlines() if line.startswith("enclave: ")]
        self.assertEqual(len(lines), 1, result.stderr)
        for text in said:
            self.assertIn(text, lines[0])

    def test_exposure(self):
        keys, tls = "api_key_file = " + self.files.keys, "tls_cert = %s\ntls_key = %s" % (self.files.cert, self.files.key)
        for listen in ("0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0"):
            self.refuse("", listen, "listen '%s': " % listen, "api_key_file, tls_cert and tls_key", "--insecure")
            self.refuse(tls, listen, "api_key_file")
            self.refuse(keys, listen, "tls_cert")

    def test_addresses(self):
        for listen in ("nonsense", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", "unix:", "example.org:80", ":", "[::1:5"):
            self.refuse("", listen, "listen")
        self.refuse("", "unix:" + "x" * 200, "path")
        server = Server()
        try:
            listen = server.address.split("//")[1]
            self.refuse("", listen, "listen '%s': " % listen, "in use")
            self.refuse("", "unix:/nonexistent/socket", "listen 'unix:/nonexistent/socket': No such file")
        finally:
            server.stop()

    def test_a_path_that_is_not_a_socket_is_left_alone(self):
        path = os.path.join(self.files.folder, "precious")
        with open(path, "w") as file:
            file.write("kept")
        os.symlink(path, path + ".link")
        for place in (path, path + ".link", self.files.folder):
            self.refuse("", "unix:" + place, "listen 'unix:%s'" % place, "not a socket")
        with open(path) as file:
            self.assertEqual(file.read(), "kept")

    def test_key_files(self):
        config = "api_key_file = " + self.files.keys
        for text, mode, said in (("alice " + ALICE, 0o644, "chmod 600"), ("alice " + ALICE, 0o660, "chmod 600"),
                                 ("alice short", 0o600, "32"), ("alice", 0o600, "NAME KEY"), ("", 0o600, "no key"),
                                 ("a %s\na %s" % (ALICE, BOB), 0o600, "already"),
                                 ("a %s\nb %s" % (ALICE, ALICE), 0o600, "already"),
                                 ("n" * 64 + " " + ALICE, 0o600, "63"), ("a " + "x" * 3000, 0o600, "long"),
                                 ("a b " + ALICE, 0o600, "NAME KEY")):
            self.files.write(text, mode)
            self.refuse(config, "127.0.0.1:0", said)
        os.unlink(self.files.keys)
        self.refuse(config, "127.0.0.1:0", "No such file")
        os.mkdir(self.files.keys)
        self.refuse(config, "127.0.0.1:0", "regular file")

    def test_tls_files(self):
        self.refuse("tls_cert = " + self.files.cert, "127.0.0.1:0", "tls_key")
        self.refuse("tls_cert = %s\ntls_key = /nope" % self.files.cert, "127.0.0.1:0", "/nope")
        os.chmod(self.files.key, 0o644)
        both = "tls_cert = %s\ntls_key = %s" % (self.files.cert, self.files.key)
        self.refuse(both, "127.0.0.1:0", "chmod 600")
        with open(self.files.key, "w") as file:
            file.write("nonsense\n")
        os.chmod(self.files.key, 0o600)
        self.refuse(both, "127.0.0.1:0", "PEM")

    def test_settings(self):
        for line, said in (("colour = red", "colour"), ("max_body = much", "max_body"), ("threads = 0", "threads"),
                           ("log_format = xml", "log_format"), ("insecure = maybe", "insecure"),
                           ("type_alias = docker", "type_alias"), ("max_timeout = 0", "max_timeout")):
            self.refuse(line, "127.0.0.1:0", said)

    def test_exposed_with_keys_and_tls_or_on_purpose(self):
        keys, tls = "api_key_file = " + self.files.keys, "tls_cert = %s\ntls_key = %s" % (self.files.cert, self.files.key)
        for options in ({"server": keys + "\n" + tls}, {"arguments": ["--insecure"]}, {"server": "insecure = true"}):
            server = Server(listen="0.0.0.0:0", **options)
            warnings = [line for line in server.log.splitlines() if "others than this machine can reach" in line]
            server.stop()
            self.assertEqual(len(warnings), 0 if "tls" in options.get("server", "") else 1)
            self.assertTrue(all("without api_key_file, tls_cert and tls_key: whoever does" in line for line in warnings))
        server = Server(arguments=["--insecure"])
        self.assertNotIn("can reach", server.log)
        server.stop()


class Tls(unittest.TestCase):
    def test_serves(self):
        files = Files()
        server = Server(server="tls_cert = %s\ntls_key = %s\nheader_timeout = 2" % (files.cert, files.key))
        try:
            self.assertTrue(server.address.startswith("https://"))
            server.tls = ssl.create_default_context(cafile=files.cert)
            id = server.create()
            answer = server.execute(id, ["out", "x", "sleep", "100", "out", "y"], headers={"Accept": "application/x-ndjson"})
            self.assertEqual(answer.lines[-1]["result"]["output"], "xy")
            server.call("PUT", "/sandbox/%s/file?path=a" % id, b"x" * 3000000)
            self.assertEqual(len(server.call("GET", "/sandbox/%s/file?path=a" % id).body), 3000000)
            server.tls = ssl.create_default_context()
            with self.assertRaises(ssl.SSLCertVerificationError):
                server.request("GET", "/health")
            # One that never says hello is not waited for.
            with server.socket(60) as connection:
                self.assertEqual(connection.recv(1), b"")
        finally:
            server.tls = None
            server.stop()
            files.remove()

    def test_a_piece_of_a_hello_holds_up_nobody(self):
        files = Files()
        server = Server(server="tls_cert = %s\ntls_key = %s\nheader_timeout = 600" % (files.cert, files.key))
        pieces = [server.socket() for _ in range(3)]
        try:
            for connection in pieces:
                connection.sendall(b"\x16\x03\x01")
            server.tls = ssl.create_default_context(cafile=files.cert)
            id = server.create()
            for _ in range(20):
                self.assertEqual(server.execute(id, ["now", "out", "x"]).json["output"], "x")
        finally:
            server.tls = None
            server.stop()  # while they are there
            for connection in pieces:
                connection.close()
            files.remove()


class Unix(unittest.TestCase):
    def test_a_socket_of_ones_own(self):
        folder = tempfile.mkdtemp(prefix="enclave-unix-")
        path = os.path.join(folder, "socket")
        server = Server(listen="unix:" + path)
        try:
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o660)
            self.assertEqual(server.execute(server.create(), ["out", "x"]).json["output"], "x")
            server.process.kill()
            server.wait()
            server.start()  # in place of what the killed one left
            self.assertEqual(server.request("GET", "/health").status, 200)
        finally:
            server.stop()
        self.assertFalse(os.path.exists(path))
        os.rmdir(folder)


if __name__ == "__main__":
    main()
