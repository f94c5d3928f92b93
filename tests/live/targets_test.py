# SPDX-License-Identifier: Apache-2.0
"""tracer.targets: processes are added and removed while the trace runs."""

import subprocess

import harness
from harness import LiveTest

# Reads what to do from a pipe, a line each: + PID, - PID, ? or . for the end.
SCRIPT = '''
local tracer = require "tracer"
local opt = tracer.options { { "orders", type = "string" } }
local write = tracer.probe("write", { fd = { 1, 9 } })
write:format(function(e, buf) buf:put(e.pid, " wrote\\n") end)
local orders = assert(io.open(opt.orders))
tracer.every("5ms", function()
  for line in orders:lines() do
    local what, pid = line:match("^(.)%s*(%d*)$")
    pid = tonumber(pid)
    if what == "+" then
      print("add", pid, tracer.targets:add(pid))
    elseif what == "-" then
      print("remove", pid, tracer.targets:remove(pid))
    elseif what == "?" then
      print("list", unpack(tracer.targets:list()))
    else
      tracer.stop()
    end
  end
end)
'''


class TargetsTest(LiveTest):

    def setUp(self):
        super().setUp()
        self.orders = self.file("orders", "")
        self.script = self.file("targets.lua", SCRIPT)

    def attach(self, *arguments):
        return harness.Attached("run", self.script, "--orders", self.orders,
                                *arguments)

    def order(self, tracer, text, answer):
        """Gives an order and waits for the answer to it."""
        before = tracer.output().decode().count("\n")
        with open(self.orders, "a") as file:
            file.write(text + "\n")

        def answered():
            lines = tracer.output().decode().splitlines()[before:]
            return any(line == answer for line in lines)

        harness.wait_until(answered, f"{answer!r} after {text!r}",
                           explain=lambda: tracer.output().decode()
                           + tracer.stderr())

    def end(self, tracer):
        with open(self.orders, "a") as file:
            file.write(".\n")
        result = tracer.wait()
        self.assertEqual(result.status, 0, result.err)
        return result.out.decode().splitlines()

    def flood(self):
        flood = harness.Target("flood", "-g", 3, 1, 1)
        self.addCleanup(flood.__exit__, None, None, None)
        flood.__enter__()
        flood.wait_until_ready()
        return flood

    def test_nobody_is_traced_before_it_is_added(self):
        first, second, third = self.flood(), self.flood(), self.flood()
        with self.attach() as tracer:
            tracer.wait_until_ready()
            third.go()
            third.wait()
            self.order(tracer, f"+ {first.pid}", f"add\t{first.pid}\ttrue")
            self.order(tracer, f"+ {first.pid}", f"add\t{first.pid}\tfalse")
            self.order(tracer, f"+ {second.pid}", f"add\t{second.pid}\ttrue")
            both = sorted((first.pid, second.pid))
            self.order(tracer, "?", f"list\t{both[0]}\t{both[1]}")
            self.order(tracer, f"- {second.pid}", f"remove\t{second.pid}\ttrue")
            self.order(tracer, f"- {second.pid}",
                       f"remove\t{second.pid}\tfalse")
            for flood in first, second:
                flood.go()
                flood.wait()
            # Its end takes it off.
            self.order(tracer, "?", "list")
            self.order(tracer, f"+ {third.pid}", f"add\t{third.pid}\tnil\t"
                       f"no such process: {third.pid}")
            lines = self.end(tracer)
        self.assertEqual([line for line in lines if "wrote" in line],
                         [f"{first.pid} wrote"] * 3)

    def test_a_target_of_the_command_line_can_be_removed(self):
        first, second = self.flood(), self.flood()
        with self.attach("-p", first.pid, "-p", second.pid) as tracer:
            tracer.wait_until_ready()
            self.order(tracer, f"- {first.pid}", f"remove\t{first.pid}\ttrue")
            for flood in first, second:
                flood.go()
                flood.wait()
            lines = self.end(tracer)
        self.assertEqual([line for line in lines if "wrote" in line],
                         [f"{second.pid} wrote"] * 3)

    def test_a_tree_comes_and_goes_with_its_root(self):
        # A shell that starts a process for each line it reads.
        tree = subprocess.Popen(
            ["sh", "-c", "while read x; do sh -c 'echo x >&9'; done 9>/dev/null"],
            stdin=subprocess.PIPE, env=harness.environment())
        with tree, self.attach() as tracer:
            tracer.wait_until_ready()
            self.order(tracer, f"+ {tree.pid}", f"add\t{tree.pid}\ttrue")
            tree.stdin.write(b"1\n")
            tree.stdin.flush()
            harness.wait_until(lambda: b"wrote" in tracer.output(),
                               "the write of a child")
            self.order(tracer, f"- {tree.pid}", f"remove\t{tree.pid}\ttrue")
            tree.stdin.write(b"2\n")
            tree.stdin.close()
            tree.wait()
            lines = self.end(tracer)
        self.assertEqual(len([line for line in lines if "wrote" in line]), 1)

    def test_a_thousand_times(self):
        flood = self.flood()
        with self.attach() as tracer:
            tracer.wait_until_ready()
            for _ in range(20):
                with open(self.orders, "a") as file:
                    file.write(f"+ {flood.pid}\n- {flood.pid}\n" * 50)
            self.order(tracer, f"+ {flood.pid}\n?", f"list\t{flood.pid}")
            flood.go()
            flood.wait()
            self.order(tracer, "?", "list")
            lines = self.end(tracer)
        self.assertEqual(lines.count(f"add\t{flood.pid}\ttrue"), 1001)
        self.assertEqual(lines.count(f"remove\t{flood.pid}\ttrue"), 1000)
        self.assertEqual(lines.count(f"{flood.pid} wrote"), 3)

    def test_no_number_is_the_scripts_error(self):
        script = self.file("wrong.lua", 'local tracer = require "tracer"\n'
                           'tracer.probe("write"):on(function() end)\n'
                           'tracer.at_start(function()\n'
                           '  tracer.targets:add("x")\nend)')
        result = harness.tracer("run", "-q", script, "--", "true")
        self.assertEqual(result.status, 3, result.err)
        self.assertIn(f"{script}:4: tracer.targets:add: a process id expected",
                      result.err)


if __name__ == "__main__":
    harness.main()
