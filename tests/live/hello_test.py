# SPDX-License-Identifier: Apache-2.0
"""The first script: a greeting for each program that is started."""

import harness
from harness import LiveTest, target


class Hello(LiveTest):

    def test_each_program_is_greeted_with_its_name_and_ids(self):
        lines = self.trace_lines("hello", target("exec_chain", "leader", 3))
        self.assertEqual(len(lines), 4)
        self.assertRegex(lines[0],
                         r'^hello from "exec_chain" \(\d+\), a child of \d+$')
        # It becomes /proc/self/exe, and stays the same process.
        self.assertEqual(lines[1:], [lines[0].replace("exec_chain", "exe")] * 3)

    def test_a_name_cannot_act_on_the_terminal(self):
        name = self.path("a\033[2Jb\nc")
        self.file(name, "#!/bin/sh\nexit 0\n", mode=0o700)
        lines = self.trace_lines("hello", [name])
        self.assertEqual(len(lines), 1)
        self.assertIn(r'"a\x1b[2Jb\nc"', lines[0])


if __name__ == "__main__":
    harness.main()
