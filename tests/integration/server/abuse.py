#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""abuse.py: requests that no honest client sends. Each gets its status, and none reaches a sandbox."""
import concurrent.futures
import os
import socket
import time

from served import Case, Server, main


class Abuse(Case):
    options = {"server": "max_connections = 200\nallow_network = true"}

    def raw(self, data, timeout=60):
        """Send bytes as they are; status of the answer, 0 when there is none."""
        with self.server.socket(timeout) as connection:
            connection.sendall(data)
            answer = b""
            try:
                while b"\r\n" not in answer:
                    piece = connection.recv(65536)
                    if not piece:
                        break
                    answer += piece
            except ConnectionResetError:
                pass
        return int(answer.split()[1]) if answer.startswith(b"HTTP/") else 0

    def get(self, target, headers=b""):
        return self.raw(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")

    def tearDown(self):
        self.assertEqual(self.server.request("GET", "/health").status, 200)
        self.assertNotIn("panic", self.server.log)

    def test_ids(self):
        created = self.server.stats()["created"]
        for id in (b"a%2fb", b"a%2Fb", b"x" * 10240, b"a%00b", b"a%0ab", b"a\x01b", b"a\x7fb", b"%2e%2e", b"a\xc3\xa4",
                   b"..%2f..%2fversion", b"a%", b"x" * 64):
            self.assertEqual(self.get(b"/sandbox/" + id), 400, id[:20])
            self.assertEqual(self.raw(b"DELETE /sandbox/" + id + b" HTTP/1.1\r\nHost: x\r\n\r\n"), 400, id[:20])
        for id in (b"../x", b"", b"a?b", b"..", b"A", b"-a", b"./a"):
            self.assertEqual(self.get(b"/sandbox/" + id), 404, id)
        for id in ("a/b", "..", "x" * 64, "a\nb", "a\0b", "\u00e4", "A"):
            body = {"sandbox_id": id, "tool_name": "run", "parameters": {}}
            self.assertIn(self.server.call("POST", "/sandbox/tool/execute", body,
                                           400 if "\0" in id else 404).status, (400, 404), id)
        self.assertEqual(self.server.stats()["created"], created)

    def test_control_characters(self):
        for field, value in (("image", "a\r\nX: y"), ("env_vars", {"A": "b\r\nc"}), ("labels", {"a": "b\r\nc"}),
                             ("image", "a\0b"), ("working_dir", "/a\nb"), ("network", "a\r\nb")):
            answer = self.server.request("POST", "/sandbox/create?sandbox_type=null", {field: value})
            if field == "env_vars":  # a variable's value may have line ends: it goes nowhere but to the program
                self.assertIn(answer.status, (200, 400))
            else:
                self.assertEqual(answer.status, 400, (field, value, answer.body))
        self.assertEqual(self.get(b"/sandboxes?status=a%0d%0aX:%20y"), 400)

    def test_headers(self):
        self.assertEqual(self.get(b"/health", b"X-A: " + b"a" * 65536 + b"\r\n"), 431)
        self.assertEqual(self.get(b"/health", b"".join(b"X-%d: a\r\n" % i for i in range(8000))), 431)
        self.assertIn(self.get(b"/health?" + b"a" * 65536), (414, 431))

    def test_no_http(self):
        for data in (b"\r\n\r\n\r\n", b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n",
                     b"GET /health HTTP/9.9\r\n\r\n",
                     b"POST /sandbox/create HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                     b"POST /sandbox/create HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
                     b"POST /sandbox/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
            with self.server.socket() as connection:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(4096)
            self.assertFalse(answer.startswith(b"HTTP/1.1 500"), (data, answer))
            self.assertFalse(answer.startswith(b"HTTP/1.1 200"), (data, answer))

    def test_nul_in_the_request_line(self):
        for target in (b"/health\0", b"/health\0x", b"\0/health", b"/health?a=1\0&b=2", b"/health\0HTTP/1.1\0",
                       b"/sandbox/a\0" + b"b" * 8000):
            with self.server.socket() as connection:
                connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                answer = b""
                while piece := connection.recv(65536):
                    answer += piece
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), (target[:20], answer))
            self.assertIn(b"\r\nX-Request-Id: ", answer, target[:20])
            self.assertIn(b'"detail":"a NUL in the request line"', answer, target[:20])

    def test_bodies_whose_end_is_told_twice(self):
        length, chunked = b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"
        smuggled = b"0\r\n\r\nGET /version HTTP/1.1\r\nHost: x\r\n\r\n"
        for headers in (length + chunked, chunked + length, length + length, length + b"content-length: 5\r\n",
                        b"Content-Length: 5\r\n" + length, chunked + chunked, b"Transfer-Encoding: gzip, chunked\r\n",
                        b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding: chunked, identity\r\n",
                        b"Transfer-Encoding: identity\r\n", b"Transfer-Encoding:\r\n",
                        b"Transfer-Encoding : chunked\r\n", b"Content-Length : 5\r\n"):
            with self.server.socket() as connection:
                connection.sendall(b"POST /sweep HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")
                answer = connection.recv(65536)
                self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), (headers, answer))
                self.assertIn(b"connection: close", answer.lower(), headers)
                try:
                    connection.sendall(smuggled)
                    while piece := connection.recv(65536):  # until it is closed
                        answer += piece
                except (ConnectionResetError, BrokenPipeError):
                    pass
                self.assertEqual(answer.count(b"HTTP/1.1 "), 1, (headers, answer))
        self.assertEqual(self.raw(b"POST /sweep HTTP/1.0\r\nHost: x\r\n" + chunked + b"\r\n"), 400)
        for body in (b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", length + b"\r\n"):
            self.assertEqual(self.raw(b"POST /sweep HTTP/1.1\r\nHost: x\r\n" + body), 200, body)

    def test_huge_json(self):
        self.assertEqual(self.raw(b"POST /sandbox/create?sandbox_type=null HTTP/1.1\r\nHost: x\r\n"
                                  b"Content-Length: 2147483648\r\n\r\n{"), 413)
        # In chunks, whose sum nobody announced.
        with self.server.socket() as connection:
            connection.sendall(b"POST /sandbox/create?sandbox_type=null HTTP/1.1\r\nHost: x\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n")
            chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
            for _ in range(24):
                connection.sendall(chunk)
            connection.sendall(b"0\r\n\r\n")
            self.assertIn(b" 413 ", connection.recv(64))
        self.assertLess(self.server.rss(), 200 << 20)

    def test_deep_json(self):
        for opening, closing in (("[", "]"), ('{"a":', "}")):
            body = opening * 100000 + ("1" if opening != "[" else "") + closing * 100000
            self.server.call("POST", "/sandbox/create?sandbox_type=null", body, 400)
            body = '{"sandbox_id": "a", "tool_name": "b", "parameters": {"a": %s}}' % body
            self.server.call("POST", "/sandbox/tool/execute", body, 400)

    def test_json_that_is_none(self):
        for body in ("{", "[1,", "\xff\xfe", "{} {}", "{}x", "nul", '{"a": 1,}', "5", "\0"):
            answer = self.server.request("POST", "/sandbox/create?sandbox_type=null", body.encode("latin-1"))
            self.assertEqual(answer.status, 422, (body, answer.body))

    def test_queries(self):
        for query in ("&".join("a%d=1" % i for i in range(17)), "a=%", "a=%g0", "%00=1"):
            self.assertEqual(self.server.request("GET", "/health?" + query).status, 400, query[:20])
        for query in ("", "&&", "a", "a=b=c", "a=1&a=2"):
            self.assertEqual(self.server.request("GET", "/health?" + query).status, 200, query)

    def test_a_hundred_creates_of_one_id(self):
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            statuses = list(pool.map(lambda _: self.server.request(
                "POST", "/sandbox/create?sandbox_type=null&sandbox_id=one", {}).status, range(100)))
        self.assertEqual((statuses.count(200), statuses.count(409)), (1, 99))

    def test_delete_while_executing(self):
        for _ in range(20):
            id = self.server.create()
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                runs = [pool.submit(self.server.request, "POST", "/sandbox/tool/execute",
                                    {"sandbox_id": id, "tool_name": "run", "parameters": {"argv": ["sleep", "20"]}})
                        for _ in range(3)]
                self.server.call("DELETE", "/sandbox/" + id)
                for run in runs:
                    answer = run.result()
                    if answer.status == 200:
                        self.assertIn(answer.json["cause"], ("exited", "backend_lost"))
                    else:
                        self.assertIn(answer.status, (404, 502), answer.body)

    def test_pipelined_requests(self):
        with self.server.socket() as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
            answer = b""
            while answer.count(b"HTTP/1.1 200") < 20:
                piece = connection.recv(65536)
                self.assertTrue(piece)
                answer += piece

    def test_more_connections_than_may(self):
        held = []
        try:
            for _ in range(200):
                held.append(self.server.socket())
            self.assertTrue(self.server.until(lambda: self.get(b"/health") == 503))
            with self.server.socket() as connection:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = connection.recv(65536)
                self.assertIn(b"Retry-After: 1", answer)
        finally:
            for connection in held:
                connection.close()
        self.assertTrue(self.server.until(lambda: self.get(b"/health") == 200))


class Limit(Case):
    options = {"server": "max_connections = 8\nheader_timeout = 600"}
    MORE = 64  # that are taken to be told so

    def sockets(self):
        folder = "/proc/%d/fd" % self.server.process.pid
        return sum(os.readlink(os.path.join(folder, fd)).startswith("socket:") for fd in os.listdir(folder))

    def test_a_place_that_becomes_free(self):
        before = self.sockets()
        held = [self.server.socket() for _ in range(8 + self.MORE)]
        self.assertTrue(self.server.until(lambda: self.sockets() == before + len(held)))
        with self.server.socket() as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            held.pop().close()
            self.assertTrue(connection.recv(4096).startswith(b"HTTP/1.1 503"))
        for other in held:
            other.close()


class Waiting(Case):
    """More calls than there are threads for them."""
    options = {"server": "workers = 1\nmax_jobs = 2"}

    def test_more_calls_than_may_wait(self):
        # Each waits in the backend until it is cancelled, which it is when its client goes away.
        held = []
        for i in range(3):
            connection = self.server.connect()
            connection.request("POST", "/sandbox/create?sandbox_type=null", '{"image": "slow"}')
            held.append(connection)
            self.assertTrue(self.server.until(
                lambda: self.server.metric("http_jobs_running") + self.server.metric("http_jobs_queued") == i + 1))
        answer = self.server.call("POST", "/sandbox/create?sandbox_type=null", {}, expect=503)
        self.assertEqual(answer.json["code"], "busy")
        for path in ("/health", "/sandboxes"):  # what is quick does not wait for what is slow
            self.assertEqual(self.server.request("GET", path).status, 200)
        for connection in held:
            connection.close()
        self.assertTrue(self.server.until(lambda: self.server.request(
            "POST", "/sandbox/create?sandbox_type=null", {}).status == 200))


if __name__ == "__main__":
    main()
