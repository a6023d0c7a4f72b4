import sys
import unittest


class T(unittest.TestCase):
    def test_good(self):
        self.assertEqual(1, 1)

    def test_bad(self):
        self.assertEqual(1, 2)

    def test_skipped(self):
        self.skipTest("why not")


class Quiet(unittest.TextTestRunner):
    def __init__(self, **k):
        super().__init__(stream=open("/dev/null", "w"), **k)

    def run(self, test):
        r = super().run(test)
        print(r, [str(t) for t, _ in r.failures], r.failures[0][1])
        return r


unittest.main(testRunner=Quiet)
