# SPDX-License-Identifier: Apache-2.0
"""As much of a kernel header tree as the probes in peers/ need.

libbcc wants the headers of the running kernel. Many machines, this bench's
first among them, have none; but a probe that uses helpers and the arguments of
a tracepoint alone names no type of the kernel, so the integers are enough.
"""

import os
import pathlib
import re

INTEGERS = """
typedef unsigned char __u8; typedef unsigned short __u16;
typedef unsigned int __u32; typedef unsigned long long __u64;
typedef signed char __s8; typedef short __s16;
typedef int __s32; typedef long long __s64;
typedef __u8 u8; typedef __u16 u16; typedef __u32 u32; typedef __u64 u64;
typedef __s8 s8; typedef __s16 s16; typedef __s32 s32; typedef __s64 s64;
typedef __u16 __le16; typedef __u16 __be16; typedef __u32 __le32;
typedef __u32 __be32; typedef __u64 __le64; typedef __u64 __be64;
typedef __u16 __sum16; typedef __u32 __wsum;
typedef _Bool bool; typedef unsigned long size_t; typedef long ssize_t;
typedef unsigned long uintptr_t; typedef long long loff_t;
typedef int pid_t; typedef unsigned umode_t;
typedef __u64 __attribute__((aligned(8))) __aligned_u64;
"""

EMPTY = ("linux/types.h", "linux/bpf_common.h", "uapi/linux/bpf.h",
         "uapi/linux/if_packet.h", "uapi/linux/if_ether.h", "linux/version.h",
         "linux/log2.h", "asm/page.h")


def write(folder):
    """Makes the tree; what it returns is for BCC_KERNEL_SOURCE."""
    version = [min(int(part), 255)
               for part in re.findall(r"\d+", os.uname().release)[:3]]
    code = (version[0] << 16) + (version[1] << 8) + version[2]
    include = pathlib.Path(folder, "include")
    for name in EMPTY:
        path = include / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#pragma once\n")
    (include / "linux/kconfig.h").write_text(
        f"#pragma once\n#define LINUX_VERSION_CODE {code}\n"
        "#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))\n"
        "#undef linux\n#undef unix\n#define CONFIG_BPF_SYSCALL 1\n"
        "#define CONFIG_64BIT 1\n#define __user\n#define __rcu\n"
        "#define __packed __attribute__((packed))\n"
        "#define __always_inline inline __attribute__((always_inline))\n"
        "#define NULL ((void *)0)\n"
        "#define offsetof(t, m) __builtin_offsetof(t, m)\n"
        "#define true 1\n#define false 0\n#define PAGE_SIZE 4096\n" + INTEGERS)
    return str(folder)
