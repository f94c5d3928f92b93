# SPDX-License-Identifier: Apache-2.0
"""Maps: what programs count in the kernel is what a script reads, live and in
a replay of the recording."""

import textwrap

import harness
from harness import target, tracer

HEAD = '#include "tracer.bpf.h"\n'

# Counts each write of the traced processes in maps of all kinds.
ALL_KINDS = HEAD + """
struct key { u32 pid; char comm[16]; };
struct value { u64 calls; u64 bytes; u32 last[2]; };
struct slot_key { u32 fd; u32 slot; };
BPF_HASH(counts, struct key, struct value);
BPF_HASH(names, struct name, u64);
BPF_PERCPU_HASH(each, u32, u64);
BPF_PERCPU_ARRAY(every, struct value, 4);
BPF_ARRAY(plain, u64, 4);
BPF_HISTOGRAM(sizes);
BPF_HISTOGRAM(by_fd, struct slot_key);
BPF_QUEUE(first, u64, 16);
BPF_STACK(last, u32, 4);
BPF_TABLE("lru_hash", u64, u64, recent, 64);
BPF_STACK_TRACE(stacks, 64);
TRACEPOINT_PROBE(syscalls, sys_enter_write) {
  struct key key = {};
  struct name name = {};
  struct value none = {}, *value;
  struct slot_key of_fd = {};
  u64 zero = 0, *count, size = args->count;
  u32 one = 1;
  int two = 2;
  if (!tracer_traced()) {
    return 0;
  }
  key.pid = bpf_get_current_pid_tgid() >> 32;
  bpf_get_current_comm(&key.comm, sizeof(key.comm));
  value = counts.lookup_or_try_init(&key, &none);
  if (value) {
    __sync_fetch_and_add(&value->calls, 1);
    __sync_fetch_and_add(&value->bytes, size);
    value->last[1] = size;
  }
  bpf_get_current_comm(&name.text, sizeof(name.text));
  count = names.lookup_or_try_init(&name, &zero);
  if (count) {
    __sync_fetch_and_add(count, 1);
  }
  count = each.lookup_or_try_init(&one, &zero);
  if (count) {
    ++*count;
  }
  value = every.lookup(&two);
  if (value) {
    ++value->calls;
    value->bytes += size;
  }
  plain.atomic_increment(two);
  sizes.atomic_increment(bpf_log2l(size));
  of_fd.fd = args->fd;
  of_fd.slot = bpf_log2l(size);
  /* increment() of two CPUs that both find no entry counts one of them. */
  count = by_fd.lookup_or_try_init(&of_fd, &zero);
  if (count) {
    __sync_fetch_and_add(count, 1);
  }
  first.push(&size, 0);
  last.push(&one, BPF_EXIST);
  recent.update(&size, &size);
  return 0;
}
""".replace("BPF_HASH(names", "struct name { char text[16]; };\nBPF_HASH(names")

# Each write puts an entry of its own into a map; no entry is touched again.
UNIQUE = HEAD + """
BPF_HASH(found, u64, u64, 262144);
BPF_ARRAY(numbers, u64, 1);
BPF_HASH(total, u32, u64);
TRACEPOINT_PROBE(syscalls, sys_enter_write) {
  int zero = 0;
  u32 key = 0;
  u64 *next, number;
  if (!tracer_traced()) {
    return 0;
  }
  next = numbers.lookup(&zero);
  if (next) {
    number = (*next)++;
    found.update(&number, &number);
  }
  total.atomic_increment(key);
  return 0;
}
"""

# The same, and an event for each write, so that a handler runs meanwhile.
WITH_EVENTS = HEAD + """
EVENT(written) { EVENT_HEADER; };
BPF_HASH(found, u64, u64, 262144);
BPF_ARRAY(numbers, u64, 1);
TRACEPOINT_PROBE(syscalls, sys_enter_write) {
  struct written event = {};
  int zero = 0;
  u64 *next, number;
  if (!tracer_traced()) {
    return 0;
  }
  next = numbers.lookup(&zero);
  if (next) {
    number = (*next)++;
    found.update(&number, &number);
  }
  tracer_begin(&event, EVENT_ID_written);
  tracer_submit(args, &event, sizeof(event));
  tracer_end();
  return 0;
}
"""


def script_of(source, body):
    return ('local tracer = require "tracer"\n'
            f"local p = tracer.probe {{ source = [[\n{source}]] }}\n"
            + textwrap.dedent(body))


class MapsTest(harness.LiveTest):
    def script(self, source, body, name="maps.lua"):
        return self.file(name, script_of(source, body))

    def run_script(self, source, body, *arguments, command=("flood", 1000, 100,
                                                            2)):
        """The lines that a script prints while a target runs."""
        done = tracer("run", *arguments, self.script(source, body), "--",
                      *target(*command))
        self.assertEqual(done.status, 0, done.err)
        return done.out.decode().splitlines()

    def fails_with(self, body, expected, command=("flood", 10, 100, 1)):
        done = tracer("run", self.script(ALL_KINDS, body), "--",
                      *target(*command))
        self.assertEqual(done.status, 3, done.err)
        self.assertIn(expected, done.err)
        self.assertRegex(done.err, r"maps\.lua:\d+: ")


class ReadTest(MapsTest):
    def test_counts_what_the_target_did_in_every_kind_of_map(self):
        lines = self.run_script(ALL_KINDS, """
            tracer.at_end(function()
              local m = p.map
              for k, v in m.counts:pairs() do
                print(k.comm, v.calls, v.bytes, v.last[1], v.last[2])
                print(m.counts:get(k).calls, k.pid > 0)
              end
              print(m.names:get({ text = "flood" }),
                m.names:get({ text = "floods" }))
              local of_cpus = 0
              for _, n in ipairs(m.each:get_each(1)) do
                of_cpus = of_cpus + n
              end
              print(m.each:get(1), of_cpus, m.each:u64(1) == 2000ULL)
              print(m.every:get(2).calls, m.every:get(2).bytes,
                m.every:get(1).calls)
              print(m.plain:get(2), m.plain:get(4), m.plain:count())
              for key, counts in m.sizes:histograms() do
                print(key, #counts, counts[7])
              end
              for key, counts in m.by_fd:histograms() do
                print(key.fd, #counts, counts[7])
              end
              print(#m.first:drain(function(size) return size end),
                m.first:pop())
              print(m.last:peek(), m.last:pop())
              print(m.recent:get(100), m.recent:count())
            end)
            """)
        self.assertEqual(lines, [
            "flood\t2000\t200000\t0\t100", "2000\ttrue", "2000\tnil",
            "2000\t2000\ttrue", "2000\t200000\t0", "2000\tnil\t4",
            "false\t7\t2000", "9\t7\t2000", "16\tnil", "1\t1", "100\t1"])

    def test_writes_into_maps(self):
        lines = self.run_script(ALL_KINDS, """
            tracer.at_end(function()
              local m = p.map
              m.counts:clear()
              print(m.counts:set({ pid = 7, comm = "x" }, { calls = 5 }))
              for k, v in m.counts:pairs() do
                print(k.pid, k.comm, v.calls, v.bytes, v.last[2])
              end
              print(m.counts:delete({ pid = 7, comm = "x" }),
                m.counts:delete({ pid = 7, comm = "x" }))
              print(m.each:set(9, 4), m.each:get(9), m.each:get_each(9)[1])
              print(m.plain:set(3, 8), m.plain:set(4, 8))
              for k, v in m.plain:drain() do
                print(k, v)
              end
              for _, v in m.plain:pairs() do
                assert(v == 0)
              end
              m.last:clear()
              for i = 1, 4 do assert(m.last:push(i)) end
              print(m.last:push(5))
              print(m.last:pop(), m.last:pop())
            end)
            """)
        self.assertEqual(lines[:5], [
            "true", "7\tx\t5\t0\t0", "true\tfalse", "true\t4\t4",
            "true\tnil\tthe map plain: writing: it is full (4 entries); "
            "a larger one is declared with its size in C"])
        self.assertEqual(lines[5:7], ["2\t2000", "3\t8"])
        self.assertRegex(lines[7], "nil\tthe map last: writing: it is full")
        self.assertEqual(lines[8], "4\t3")

    def test_reads_a_hundred_thousand_entries_at_once(self):
        lines = self.run_script(UNIQUE, """
            tracer.at_end(function()
              local seen, sum = 0, 0
              local start = os.clock()
              for key, value in p.map.found:drain() do
                assert(key == value)
                seen, sum = seen + 1, sum + value
              end
              print(seen, sum, p.map.found:count())
              print(os.clock() - start)
            end)
            """, command=("flood", 100000, 1, 1))
        self.assertEqual(lines[0], f"100000\t{99999 * 50000}\t0")
        self.assertLess(float(lines[1]), 1.0)

    def test_drains_under_load_lose_and_double_nothing(self):
        lines = self.run_script(WITH_EVENTS, """
            local seen, doubled, drains = {}, 0, 0
            local function drain()
              for number in p.map.found:drain() do
                if seen[number] then
                  doubled = doubled + 1
                end
                seen[number] = true
              end
              drains = drains + 1
            end
            local events = 0
            p:on(function()
              events = events + 1
              if events % 1000 == 0 then
                drain()
              end
            end)
            tracer.at_end(function()
              drain()
              local count, missing = 0, 0
              for number = 0, p.map.numbers:get(0) - 1 do
                if seen[number] then
                  count = count + 1
                else
                  missing = missing + 1
                end
              end
              print(count, missing, doubled, drains > 20)
            end)
            """, command=("flood", 50000, 1, 1))
        self.assertEqual(lines, ["50000\t0\t0\ttrue"])

    def test_counts_are_final_at_the_end(self):
        # Nothing but the detaching stops a program that does not ask who is
        # traced.
        lines = self.run_script(HEAD + """
            BPF_ARRAY(calls, u64, 1);
            RAW_TRACEPOINT_PROBE(sys_enter) {
              calls.atomic_increment(0);
              return 0;
            }
            """.replace("calls.atomic_increment(0)",
                        "int zero = 0; calls.atomic_increment(zero)"), """
            tracer.at_end(function()
              local before = p.map.calls:get(0)
              local last
              for i = 1, 1000 do
                last = p.map.calls:get(0)
              end
              print(before > 1000, last - before)
            end)
            """)
        self.assertEqual(lines, ["true\t0"])


    def test_an_array_that_is_drained_under_load_loses_nothing(self):
        lines = self.run_script(WITH_EVENTS.replace(
            "BPF_ARRAY(numbers", "BPF_ARRAY(all, u64, 3);\nBPF_ARRAY(numbers"
        ).replace("int zero = 0;", "int zero = 0, two = 2;").replace(
            "next = ", "all.atomic_increment(two);\n  next = "), """
            local sum, drains, events = 0, 0, 0
            local function drain()
              for key, count in p.map.all:drain() do
                assert(key == 2)
                sum = sum + count
              end
              drains = drains + 1
            end
            p:on(function()
              events = events + 1
              if events % 20 == 0 then
                drain()
              end
            end)
            tracer.at_end(function()
              drain()
              print(sum, drains > 1000)
            end)
            """, command=("flood", 50000, 1, 2))
        self.assertEqual(lines, ["100000\ttrue"])

    def test_drains_what_the_kernel_reads_key_by_key(self):
        lines = self.run_script(HEAD + """
            struct prefix { u32 prefixlen; u32 address; };
            BPF_LPM_TRIE(nets, struct prefix, u64, 16);
            BPF_PERCPU_ARRAY(slots, u32, 3);
            """ + "TRACEPOINT_PROBE(syscalls, sys_enter_write) {\n"
            "  int one = 1; struct prefix all = {};\n"
            "  slots.increment(one); nets.lookup(&all); return 0;\n}\n", """
            tracer.at_end(function()
              for i = 1, 5 do
                p.map.nets:set({ prefixlen = 32, address = i }, i)
              end
              local sum = 0
              for key, value in p.map.nets:pairs() do
                assert(key.address == value)
                sum = sum + value
              end
              print(sum, #p.map.nets:drain(function(k) return k end),
                p.map.nets:count())
              local rows = p.map.slots:drain(function(k, v) return k, v end)
              print(#rows, rows[1][1], rows[1][2] >= 10, p.map.slots:get(1))
            end)
            """, command=("flood", 10, 1, 1))
        self.assertEqual(lines, ["15\t5\t0", "1\t1\ttrue\t0"])


class RecordedTest(MapsTest):
    BODY = """
        local events = 0
        p:on(function()
          events = events + 1
          if events % 700 == 0 then
            local rows = p.map.found:drain(function(k) return k end)
            print(events, #rows, rows[1] and rows[1][1], p.map.numbers:get(0))
          end
        end)
        tracer.at_end(function()
          print("end", p.map.numbers:get(0), p.map.found:count())
          local sum = 0
          for k in p.map.found:drain() do
            sum = sum + k
          end
          print(sum)
        end)
        """

    def replay(self, recording, script, *arguments):
        done = tracer("replay", *arguments, self.path(recording), script)
        self.assertEqual(done.status, 0, done.err)
        return done.out

    def test_a_replay_reads_what_was_read(self):
        script = self.script(WITH_EVENTS, self.BODY)
        live = tracer("run", f"--record={self.path('a.trc')}", script, "--",
                      *target("flood", 10000, 1, 2))
        self.assertEqual(live.status, 0, live.err)
        self.assertGreater(len(live.out.splitlines()), 20)
        self.assertEqual(self.replay("a.trc", script), live.out)

    def test_record_runs_a_script_that_reads_maps(self):
        script = self.script(ALL_KINDS, """
            tracer.at_end(function()
              for k, v in p.map.counts:pairs() do
                print(k.comm, v.calls)
              end
              for fd, counts in p.map.by_fd:histograms() do
                print(fd.fd, counts[7])
              end
            end)
            """)
        done = tracer("record", "-o", self.path("b.trc"), script, "--",
                      *target("flood", 500, 100, 2))
        self.assertEqual((done.status, done.out), (0, b""), done.err)
        self.assertEqual(self.replay("b.trc", script),
                         b"flood\t1000\n9\t1000\n")

    def test_large_answers_are_recorded(self):
        script = self.script(UNIQUE, """
            tracer.at_end(function()
              local sum = 0
              for k in p.map.found:pairs() do
                sum = sum + k
              end
              print(sum, p.map.found:count())
            end)
            """)
        live = tracer("run", f"--record={self.path('c.trc')}", script, "--",
                      *target("flood", 200000, 1, 1))
        self.assertEqual(live.status, 0, live.err)
        self.assertEqual(live.out, f"{199999 * 100000}\t200000\n".encode())
        self.assertEqual(self.replay("c.trc", script), live.out)

    def test_another_script_gets_what_is_known(self):
        script = self.script(ALL_KINDS, """
            tracer.at_end(function()
              for k, v in p.map.names:pairs() do
                print(k.text, v)
              end
            end)
            """)
        tracer("record", "-o", self.path("d.trc"), script, "--",
               *target("flood", 300, 100, 1))
        other = self.script(ALL_KINDS, """
            tracer.at_end(function()
              print(p.map.names:get({ text = "flood" }), p.map.names:count())
            end)
            """)
        self.assertEqual(self.replay("d.trc", other), b"300\t1\n")
        third = self.script(ALL_KINDS, """
            tracer.at_end(function()
              print(p.map.plain:get(1))
            end)
            """)
        done = tracer("replay", self.path("d.trc"), third)
        self.assertEqual(done.status, 3, done.err)
        self.assertRegex(done.err, r"maps\.lua:\d+: the recording does not have "
                         "what this asks of the map plain")


class ErrorTest(MapsTest):
    def test_name_the_line_and_what_there_is(self):
        for code, expected in (
                ("p.map.cuonts:get(1)", 'no map "cuonts"; did you mean "counts"?'),
                ("p.map.tracer_tree:get(1)", 'no map "tracer_tree"'),
                ("p.map.stacks:get(1)",
                 "the map stacks is a table of stacks, which a script cannot"),
                ("p.map.each:get(-1)", "-1 is not between 0 and 4294967295"),
                ("p.map.each:get('x')", "a number expected, got string"),
                ("p.map.counts:get({ pidd = 1 })",
                 'no field "pidd"; did you mean "pid"?'),
                ("p.map.plain:delete(1)", 'has no "delete": its entries'),
                ("p.map.first:pairs()", 'is a queue and has no "pairs"')):
            with self.subTest(code):
                self.fails_with(
                    f"tracer.at_end(function() {code} end)", expected)

    def test_before_the_trace_runs_there_are_no_maps(self):
        self.fails_with("local m = p.map.counts",
                        "the trace does not run yet; maps are read in handlers")


if __name__ == "__main__":
    harness.main()
