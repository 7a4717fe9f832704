#!/usr/bin/python3
"""The layering check finds what it is there to find. Plain unittest: run by ctest."""

import pathlib
import tempfile
import unittest

import check_layering


class CheckLayeringTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)

    def problems(self, files):
        for path, text in files.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return check_layering.check(self.root)

    def assert_one(self, files, part):
        found = self.problems(files)
        self.assertEqual(len(found), 1, found)
        self.assertIn(part, found[0])

    def test_downwards_is_fine(self):
        self.assertEqual(self.problems({
            "core/net/a.h": '#include "core/http/b.h"\n#include "core/net/c.h"\n#include <thread>\n',
            "gateway/proxy/p.cc": '#include "core/net/a.h"\n#include "gateway/route/r.h"\n',
            "gateway/main.cc": '#include "gateway/proxy/p.h"\n',
        }), [])

    def test_upwards(self):
        self.assert_one({"core/base/a.h": '#include "core/net/b.h"\n'}, "core/base (rank 0) may not include core/net")

    def test_sideways(self):
        self.assert_one({"core/http/a.h": '#include "core/model/b.h"\n'}, "may not include core/model")

    def test_unknown_core_folder(self):
        self.assert_one({"core/new/a.h": '#include "core/base/b.h"\n'}, "no rank")

    def test_core_knows_no_component(self):
        self.assert_one({"core/net/a.h": '#include "gateway/x/y.h"\n'}, "core may not include gateway")

    def test_components_do_not_know_each_other(self):
        self.assert_one({"cli/a.cc": '#include "controller/x/y.h"\n'}, "cli may not include controller")

    def test_circle(self):
        self.assert_one({"gateway/a/x.h": '#include "gateway/b/x.h"\n',
                         "gateway/b/x.h": '#include "gateway/c/x.h"\n',
                         "gateway/c/x.h": '#include "gateway/a/x.h"\n'}, "circle: gateway/a -> gateway/b")

    def test_product_does_not_include_tests(self):
        self.assert_one({"core/net/a.cc": '#include "tests/fakes/x.h"\n'}, "may not include tests")

    def test_relative_include(self):
        self.assert_one({"core/net/a.cc": '#include "b.h"\n'}, "not a path from the root")

    def test_pure_folders(self):
        self.assert_one({"controller/scale/a.cc": "#include <thread>\n"}, "is pure")

    def test_foreign_libraries(self):
        self.assert_one({"gateway/api/a.cc": "#include <cpprest/json.h>\n"}, "must not depend on")
        self.root = self.root / "second"
        self.assert_one({"watchdog/app/a.cc": "#include <grpcpp/grpcpp.h>\n"}, "must not depend on")

    def test_protocol(self):
        self.assert_one({"gateway/proxy/a.cc": '#include "hearth/v1/fleet.pb.h"\n'}, "may include the protocol")

    def test_banned_calls(self):
        for call in ("std::this_thread::sleep_for(x);", "usleep(5);", "std::chrono::system_clock::now();",
                     "rand();", "absl::Mutex m;", "co_await f();", "using namespace std;"):
            with self.subTest(call):
                self.root = pathlib.Path(tempfile.mkdtemp(dir=self.folder.name))
                self.assertEqual(len(self.problems({"cli/a.cc": f"void f() {{ {call} }}\n"})), 1)

    def test_comments_and_strings_do_not_count(self):
        self.assertEqual(self.problems({
            "cli/a.cc": '// sleep_for\n/* co_await\n rand() */\nauto s = "absl::Mutex";\nauto r = R"(rand())";\n'
                        "char c = '\"'; int operand(int);\n"}), [])

    def test_clock_where_it_belongs(self):
        self.assertEqual(self.problems({"core/base/real_clock.cc": "auto t = steady_clock::now();\n"}), [])

    def test_long_files(self):
        self.assert_one({"cli/a.cc": "\n" * 601}, "601 lines")
        self.root = self.root / "second"
        self.assert_one({"cli/main.cc": "\n" * 151}, "a main of 151 lines")


if __name__ == "__main__":
    unittest.main()
