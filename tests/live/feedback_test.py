# SPDX-License-Identifier: Apache-2.0
"""Tracing what carries tracer's own output must not feed itself.

Each test traces a shell that it sits in, with results on the terminal, makes
one write, and counts the lines after a second: a loop would have made
thousands of them.
"""

import os
import re
import subprocess
import uuid

import harness
from harness import Attached, LiveTest, Target, Terminal, target

class Feedback(LiveTest):

    SHELL = ["bash", "--norc", "--noprofile"]
    PROMPT = "PS1='$ '\n"
    # A child of the shell that writes when it is told to, by a line in `go`;
    # its descriptor is none of the terminal.
    CHILD = "(read x <go; exec {raw} {mark} >/dev/null) &\n"

    def setUp(self):
        super().setUp()
        os.mkfifo(self.path("go"))
        # Other processes of the machine may be traced, too: what we wait for
        # must be ours alone.
        self.mark = b"the write " + uuid.uuid4().hex.encode()
        self.ended = b"ended %s " % uuid.uuid4().hex.encode()

    def start(self, terminal, *, command):
        """Runs the child and `command` in the shell on the terminal."""
        raw = target("raw")[0]
        terminal.type(f"cd {self.folder}\n" + self.PROMPT
                      + self.CHILD.format(raw=raw, mark=self.mark.hex())
                      + f"{command}; echo {self.ended.decode()}$((0+$?)).\n")

    def make_the_write(self):
        def reader_is_there():
            try:
                go = os.open(self.path("go"), os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                return False
            os.write(go, b"go\n")
            os.close(go)
            return True

        harness.wait_until(reader_is_there, "the child of the shell")

    def lines(self, shown):
        return [line for line in shown.decode(errors="replace").splitlines()
                if ") OUT >> " in line or ") ERR >> " in line
                or ") FD " in line]

    def assertBounded(self, shown):
        """The one write is there, and little besides."""
        lines = self.lines(shown)
        marked = [line for line in lines if f'"{self.mark.decode()}"' in line]
        self.assertEqual(len(marked), 1, lines[:20])
        self.assertLess(len(lines), 20, lines[:20])

    def run_in_shell(self, command):
        with Terminal(self.SHELL) as terminal:
            self.start(terminal, command=command)
            terminal.wait_for(rb"tracer: tracing .*ends")
            self.make_the_write()
            terminal.wait_for(self.ended + rb"\d+\.")
            self.assertIn(self.ended + b"0.", terminal.shown)
            terminal.type("exit\n")
            terminal.wait()
            return terminal.shown

    def test_the_shell_one_sits_in(self):
        shown = self.run_in_shell(
            f"{harness.TRACER} run -d 1s writesnoop $$")
        self.assertBounded(shown)

    def test_under_sudo_which_relays_the_terminal(self):
        shown = self.run_in_shell(
            f"sudo -n {harness.TRACER} run -d 1s writesnoop $$")
        self.assertBounded(shown)

    def test_through_tee(self):
        shown = self.run_in_shell(
            f"{harness.TRACER} run -d 1s writesnoop $$ | tee log")
        self.assertBounded(shown)
        self.assertBounded(self.read("log"))

    def test_through_a_chain_of_pipes_under_sudo(self):
        shown = self.run_in_shell(f"sudo -n {harness.TRACER} run -d 1s "
                                  "writesnoop $$ | tee log | cat")
        self.assertBounded(shown)

    def test_with_a_terminal_inside_the_terminal(self):
        # script(1) holds the master of the terminal in which tracer runs.
        command = f"{harness.TRACER} run -d 1s writesnoop $PPID_OF_SCRIPT"
        shown = self.run_in_shell(
            "export PPID_OF_SCRIPT=$$; "
            f"script -q -e -c '{command}' /dev/null")
        self.assertBounded(shown)

    def run_in_tmux(self, command):
        """As run_in_shell, in a pane of a server of our own with a client."""
        name = "tracer-live-" + uuid.uuid4().hex[:8]
        tmux = ["tmux", "-L", name, "-f", "/dev/null"]
        try:
            with Terminal([*tmux, "new-session", *self.SHELL]) as terminal:
                terminal.wait_for(rb"bash")
                self.start(terminal, command=command)
                terminal.wait_for(rb"tracer: tracing")
                self.make_the_write()
                terminal.wait_for(self.ended + rb"\d+\.")
                pane = harness.run([*tmux, "capture-pane", "-p", "-J", "-S",
                                    "-"])
        finally:
            harness.run([*tmux, "kill-server"])
        self.assertIn(self.ended + b"0.", pane.out)
        return pane.out

    def test_in_tmux(self):
        self.assertBounded(self.run_in_tmux(
            f"{harness.TRACER} run -d 1s writesnoop $$"))

    def test_all_processes_in_tmux(self):
        # Others may write as much as they like, so only ours are shown: the
        # one write, and what the server writes that shows it.
        script = self.file("ours.lua", f'''local tracer = require "tracer"
            local w = tracer.probe("write", {{ bytes = 64 }})
            w:filter(function(e)
              return e.data == "{self.mark.decode()}" or e.comm:find("tmux")
            end)
            w:format(function(e, b) b:put("by <", e.comm, ">\\n") end)
            ''')
        shown = self.run_in_tmux(f"{harness.TRACER} run -d 1s {script}")
        self.assertEqual(re.findall(b"by <.*>", shown), [b"by <raw>"])

    def test_a_reader_that_is_named_is_traced_with_a_warning(self):
        # Now each line does make another one, until -n ends it.
        read_end, write_end = os.pipe()
        with subprocess.Popen(
                ["cat"], stdin=read_end, stdout=subprocess.DEVNULL,
                env=harness.environment()) as cat, \
             Target("raw", "-g", self.mark.hex()) as process, \
             Attached("run", "-n", 5, "writesnoop", cat.pid,
                      process.wait_until_ready().pid,
                      stdout=write_end) as tracer:
            os.close(read_end)
            os.close(write_end)
            tracer.wait_until_ready()
            process.go()
            result = tracer.wait()
        self.assertEqual(result.status, 0, result.err)
        self.assertRegex(result.err, f"tracer: .*{cat.pid}.* named")


class Idle(LiveTest):

    def cpu_seconds(self, pid):
        """Of all threads, as the scheduler has it."""
        return sum(int(self.read_proc(f"{pid}/task/{task}/schedstat").split()[0])
                   for task in os.listdir(f"/proc/{pid}/task")) / 1e9

    def read_proc(self, name):
        with open(f"/proc/{name}") as file:
            return file.read()

    def test_a_tracer_sleeps_while_nothing_happens(self):
        # A loop that does not wait would take all of a CPU.
        with harness.Target("flood", "-g", 100, 1, 1) as target:
            target.wait_until_ready()
            with harness.Attached("run", "-o", self.path("out"), "writesnoop",
                                  target.pid) as tracer:
                tracer.wait_until_ready()
                before = self.cpu_seconds(tracer.pid)
                with harness.Attached("run", "-d", "2s", "-o", "/dev/null",
                                      "writesnoop", target.pid) as clock:
                    clock.wait()
                used = self.cpu_seconds(tracer.pid) - before
                target.go()
                target.wait()
                self.assertEqual(tracer.wait().status, 0)
        self.assertLess(used, 0.2)


if __name__ == "__main__":
    harness.main()
