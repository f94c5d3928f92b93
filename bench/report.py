# SPDX-License-Identifier: Apache-2.0
"""What was measured, as a table, as JSON, as a chart, and against the bars."""

import json

# metric: heading, digits
METRICS = {
    "base": ("untraced ns", 0), "ns": ("ns a call", 0),
    "middle": ("median ns", 0), "ratio": ("ratio", 2),
    "user": ("user ns/event", 0), "cpu": ("CPU ns/event", 0),
    "reader": ("reader ns", 0), "script": ("script ns", 0), "sink": ("sink ns", 0),
    "rss": ("MB", 1), "first": ("first line ms", 1),
    "exit": ("to exit ms", 1), "closed": ("to end of output ms", 1),
    "p50": ("p50 ms", 2), "p99": ("p99 ms", 2), "max": ("max ms", 2),
    "idle": ("idle CPU %", 3),
}

# what, group, tracer, row, metric, at most. `lost` is the sum of all rounds.
BARS = [
    ("traced write, 64 B to a file, perf buffers", "flood", "tracer", "64 B to disk", "ratio", 2.8),
    ("the same, ring buffer", "flood", "tracer ring", "64 B to disk", "ratio", 2.4),
    ("lost, flood of 64 B to disk", "flood", "tracer", "64 B to disk", "lost", 0),
    ("lost, flood of 256 B to tmpfs", "flood", "tracer", "256 B to tmpfs", "lost", 0),
    ("lost, 64 B to disk, two hogs", "hogs", "tracer", "64 B to disk, hogs anywhere", "lost", 0),
    ("lost, 256 B to tmpfs, two hogs", "hogs", "tracer", "256 B to tmpfs, hogs anywhere", "lost", 0),
    ("lost, 64 B to disk, both hogs on its CPU", "hogs", "tracer", "64 B to disk, hogs on the tracer's CPU", "lost", 0),
    ("lost, 256 B to tmpfs, both hogs on its CPU", "hogs", "tracer", "256 B to tmpfs, hogs on the tracer's CPU", "lost", 0),
    ("write of an untraced neighbour", "neighbour", "tracer", "write", "ratio", 1.5),
    ("its other calls", "neighbour", "tracer", "getppid", "ratio", 1.15),
    ("user CPU of a text line, ns", "cpu", "tracer", "64 B text to disk", "user", 100),
    ("user CPU of a JSON line, ns", "cpu", "tracer", "64 B json to disk", "user", 150),
    ("first line, compiled anew, ms", "start", "tracer", "pid, compiled", "first", 75),
    ("first line, cached, ms", "start", "tracer", "pid, cached", "first", 8),
    ("last line to exit, ms", "start", "tracer", "command of 1,000 writes, cached", "exit", 100),
    ("last line to end of output, ms", "start", "tracer", "command of 1,000 writes, cached", "closed", 100),
    ("resident, MB", "paced", "tracer", "1,000 a second", "rss", 16),
    ("latency p99, low, ms", "latency", "tracer low", "1,000 a second", "p99", 1),
    ("latency p99, balanced, ms", "latency", "tracer", "1,000 a second", "p99", 5),
    ("replay to a file, ns an event of text", "recording", "tracer replay", "64 B text to disk, one CPU", "ns", 333),
    ("its memory, MB", "recording", "tracer replay", "64 B text to disk, one CPU", "rss", 64),
    ("idle CPU, %", "idle", "tracer", "traced process asleep", "idle", 0.1),
]


def number(value, digits):
    return f"{value:,.{digits}f}"


def cell(row, metric):
    found = row["metrics"].get(metric)
    if not found:
        return ""
    digits = METRICS[metric][1]
    middle, low, high = (number(value, digits) for value in found)
    return middle if low == high else f"{middle} ({low}–{high})"


def loss(row):
    if "lost" not in row:
        return ""
    return f"{row['lost']:,} of {row['expected']:,}"


def table(rows):
    """The rows of a group, as Markdown that is also fit to read as it is."""
    metrics = [key for key in METRICS
               if any(key in row["metrics"] for row in rows)]
    has_loss = any("lost" in row for row in rows)
    heads = ["tracer", "what", *(METRICS[key][0] for key in metrics),
             *(["lost"] if has_loss else []), "remarks"]
    body = [[row["tracer"], row["what"], *(cell(row, key) for key in metrics),
             *([loss(row)] if has_loss else []), "; ".join(row["notes"])]
            for row in rows]
    widths = [max(len(line[i]) for line in [heads, *body]) for i in range(len(heads))]
    lines = ["| " + " | ".join(text.ljust(width)
                               for text, width in zip(line, widths)) + " |"
             for line in [heads, *body]]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def judge(rows):
    """[(what, bar, measured or None, holds)] for each bar."""
    found = []
    for what, group, tracer, name, metric, bar in BARS:
        row = next((row for row in rows if (row["group"], row["tracer"], row["what"])
                    == (group, tracer, name)), None)
        value = None
        if row:
            value = row.get("lost") if metric == "lost" else \
                row["metrics"].get(metric, [None])[0]
        noisy = bool(row) and "noisy" in row["notes"]
        found.append((what, bar, value, value is not None and value <= bar, noisy))
    return found


def verdicts(rows):
    lines = []
    for what, bar, value, holds, noisy in judge(rows):
        if value is None:
            text = "not measured"
        else:
            text = ("holds " if holds else "MISSED") + f"  {value:,.4g}"
        lines.append(f"  {what:45} <= {bar:<6g} {text}{'  (noisy)' if noisy else ''}")
    return "\n".join(lines)


def heading(machine):
    text = (f"{machine['cpu']}, {machine['cpus']} CPUs, Linux {machine['kernel']}, "
            f"virtualised: {machine['virtualised']}, load {machine['load'][0]}, "
            f"{machine['date']}")
    if machine["virtualised"] != "no":
        text += ("\nThis is a virtual machine: a wake-up of another process is dear "
                 "here, so tracers that\nwake for each event look worse than on bare "
                 "metal, by a large factor.")
    return text


def to_json(machine, rows, quick):
    def short(value):
        return float(f"{value:.5g}") if isinstance(value, float) else value

    slim = [row | {"metrics": {key: [short(v) for v in values]
                               for key, values in row["metrics"].items()}}
            for row in rows]
    lines = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in slim)
    return (f'{{"machine": {json.dumps(machine)}, "quick": {json.dumps(quick)},\n'
            f' "rows": [\n  {lines}\n ]}}\n')


# --- the chart ---------------------------------------------------------------

PANELS = [
    ("A write of 64 B as a multiple of an untraced one (flood to a file)",
     "flood", ("64 B to disk",), "ratio", "×"),
    ("CPU of the tracer for each event, ns", "flood", ("64 B to disk",), "cpu", ""),
    ("From start to the first line, ms", "start", ("pid", "pid, cached", "pid, compiled"), "first", ""),
    ("Resident memory, MB", "idle", ("traced process asleep",), "rss", ""),
]


def chart(machine, rows):
    """Bars on a logarithmic scale, a panel for each of a few questions."""
    import html
    import math

    width, left, bar = 760, 230, 16
    parts, y = [], 44
    for title, group, what, metric, unit in PANELS:
        shown = [row for row in rows if row["group"] == group and
                 metric in row["metrics"] and
                 row["what"] in what]
        if not shown:
            continue
        parts.append(f'<text x="10" y="{y}" class="t">{html.escape(title)}</text>')
        y += 10
        values = [row["metrics"][metric][0] for row in shown]
        low = 10 ** math.floor(math.log10(max(min(values), 1e-3)))
        high = 10 ** math.ceil(math.log10(max(*values, low * 10)))
        scale = (width - left - 90) / math.log10(high / low)
        for row, value in zip(shown, values):
            length = max(2, scale * math.log10(max(value, low) / low))
            name = row["tracer"] + ("" if len(what) == 1 else row["what"][3:])
            ours = "o" if row["tracer"].startswith("tracer") else "p"
            text = f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
            parts.append(
                f'<text x="{left - 8}" y="{y + 12}" class="n">{html.escape(name)}</text>'
                f'<rect x="{left}" y="{y}" width="{length:.0f}" height="{bar - 3}" class="{ours}"/>'
                f'<text x="{left + length + 5:.0f}" y="{y + 11}">{text}{unit}</text>')
            y += bar
        y += 28
    caption = html.escape(f"{machine['cpu']}, {machine['cpus']} CPUs, "
                          f"{machine['kernel']}, {machine['date']}; logarithmic scale")
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" '
            f'viewBox="0 0 {width} {y}">\n<style>text{{font:12px sans-serif;fill:#222}}'
            '.t{font-weight:bold}.n{text-anchor:end}.o{fill:#1b7f5c}.p{fill:#9aa5b1}'
            f'</style>\n<rect width="{width}" height="{y}" fill="#fff"/>\n'
            f'<text x="10" y="18">{caption}</text>\n' + "\n".join(parts) + "\n</svg>\n")
