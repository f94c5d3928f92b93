# SPDX-License-Identifier: Apache-2.0
"""The Lua of docs/SCRIPTING.md: each block runs, on a command that does a bit of
everything."""

import os
import re

import harness
from harness import LiveTest

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    "../../docs/SCRIPTING.md")
COMMAND = ["sh", "-c", "echo one; echo two >/dev/null; cat /no/such/file; "
                       "dd if=/dev/zero of=/dev/null bs=8k count=2 status=none; "
                       "true"]


def blocks():
    with open(PAGE, encoding="utf-8") as file:
        return re.findall(r"^```lua\n(.*?)^```", file.read(), re.M | re.S)


class Page(LiveTest):

    def test_every_block_runs_and_shows_something(self):
        prelude, *scripts = blocks()
        self.assertGreater(len(scripts), 10)
        for number, script in enumerate(scripts):
            if "require" not in script:
                script = prelude + script
            with self.subTest(script=script):
                # Its files stay in the folder of the test.
                script = script.replace("/tmp/", self.folder + "/")
                path = self.file(f"block{number}.lua", script)
                result = harness.tracer("run", "-o", self.path("out"), path,
                                        "--", *COMMAND)
                self.assertEqual(result.status, 0, result.err)
                self.assertNotEqual(self.read("out"), b"", result.err)


if __name__ == "__main__":
    harness.main()
