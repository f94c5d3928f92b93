// SPDX-License-Identifier: Apache-2.0
#include "compiler/macros.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <vector>

#include "compiler/constants.h"
#include "compiler/tokens.h"

namespace tracer::compiler {
namespace {

// One macro on each line; those of the kernel's own headers. Values that have
// changed between kernels have the value they have since 5.15.
constexpr std::string_view kMacros = R"(
#define TASK_COMM_LEN 16
#define DISK_NAME_LEN 32
#define DNAME_INLINE_LEN 40
#define XATTR_NAME_MAX 255
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516
#define UINT_MAX (~0U)
#define LONG_MAX ((long)(~0UL >> 1))
#define ULONG_MAX (~0UL)
#define U32_MAX ((u32)~0U)
#define U64_MAX ((u64)~0ULL)
#define HZ 250
#define TASK_RUNNING 0
#define TASK_INTERRUPTIBLE 1
#define TASK_UNINTERRUPTIBLE 2
#define __TASK_STOPPED 4
#define __TASK_TRACED 8
#define EXIT_DEAD 16
#define EXIT_ZOMBIE 32
#define TASK_DEAD 128
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000
#define MAX_ERRNO 4095
#define IS_ERR_VALUE(x) ((unsigned long)(void *)(x) >= (unsigned long)-MAX_ERRNO)
#define FMODE_READ 0x1
#define FMODE_WRITE 0x2
#define FMODE_OPENED 0x80000
#define FMODE_CREATED 0x100000
#define READ 0
#define WRITE 1
#define REQ_OP_BITS 8
#define REQ_OP_MASK ((1 << REQ_OP_BITS) - 1)
#define MINORBITS 20
#define MINORMASK ((1U << MINORBITS) - 1)
#define MAJOR(dev) ((unsigned int)((dev) >> MINORBITS))
#define MINOR(dev) ((unsigned int)((dev) & MINORMASK))
#define MKDEV(ma, mi) (((ma) << MINORBITS) | (mi))
#define NSEC_PER_USEC 1000L
#define NSEC_PER_MSEC 1000000L
#define NSEC_PER_SEC 1000000000L
#define USEC_PER_MSEC 1000L
#define USEC_PER_SEC 1000000L
#define MSEC_PER_SEC 1000L
#define ETH_ALEN 6
#define ETH_HLEN 14
#define ETH_P_IP 0x0800
#define ETH_P_ARP 0x0806
#define ETH_P_8021Q 0x8100
#define ETH_P_IPV6 0x86DD
#define S_ISREG(m) (((m) & S_IFMT) == S_IFREG)
#define S_ISDIR(m) (((m) & S_IFMT) == S_IFDIR)
#define S_ISCHR(m) (((m) & S_IFMT) == S_IFCHR)
#define S_ISBLK(m) (((m) & S_IFMT) == S_IFBLK)
#define S_ISFIFO(m) (((m) & S_IFMT) == S_IFIFO)
#define S_ISLNK(m) (((m) & S_IFMT) == S_IFLNK)
#define S_ISSOCK(m) (((m) & S_IFMT) == S_IFSOCK)
#define KERN_INFO ""
#define PAGE_OFFSET 0xffff888000000000UL
#define BITS_PER_LONG 64
#define BIT(n) (1UL << (n))
#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))
#define container_of(p, t, m) ((t *)((void *)(p) - __builtin_offsetof(t, m)))
#define READ_ONCE(x) (*(volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define min_t(t, a, b) ((t)(a) < (t)(b) ? (t)(a) : (t)(b))
#define max_t(t, a, b) ((t)(a) > (t)(b) ? (t)(a) : (t)(b))
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define div_u64(n, d) ((u64)(n) / (u32)(d))
#define div64_u64(n, d) ((u64)(n) / (u64)(d))
#define ntohs(x) ((u16)__builtin_bswap16((u16)(x)))
#define htons(x) ((u16)__builtin_bswap16((u16)(x)))
#define ntohl(x) ((u32)__builtin_bswap32((u32)(x)))
#define htonl(x) ((u32)__builtin_bswap32((u32)(x)))
#define be16_to_cpu(x) ((u16)__builtin_bswap16((u16)(x)))
#define be32_to_cpu(x) ((u32)__builtin_bswap32((u32)(x)))
#define be64_to_cpu(x) ((u64)__builtin_bswap64((u64)(x)))
#define cpu_to_be16(x) ((u16)__builtin_bswap16((u16)(x)))
#define cpu_to_be32(x) ((u32)__builtin_bswap32((u32)(x)))
#define sk_num __sk_common.skc_num
#define sk_dport __sk_common.skc_dport
#define sk_addrpair __sk_common.skc_addrpair
#define sk_daddr __sk_common.skc_daddr
#define sk_rcv_saddr __sk_common.skc_rcv_saddr
#define sk_family __sk_common.skc_family
#define sk_state __sk_common.skc_state
#define sk_net __sk_common.skc_net
#define sk_v6_daddr __sk_common.skc_v6_daddr
#define sk_v6_rcv_saddr __sk_common.skc_v6_rcv_saddr
#define sk_bound_dev_if __sk_common.skc_bound_dev_if
#define sk_cookie __sk_common.skc_cookie
#define inet_daddr sk.__sk_common.skc_daddr
#define inet_rcv_saddr sk.__sk_common.skc_rcv_saddr
#define inet_dport sk.__sk_common.skc_dport
#define inet_num sk.__sk_common.skc_num
#define ir_num req.__req_common.skc_num
#define ir_rmt_port req.__req_common.skc_dport
#define ir_rmt_addr req.__req_common.skc_daddr
#define ir_loc_addr req.__req_common.skc_rcv_saddr
#define ireq_family req.__req_common.skc_family
#define ireq_state req.__req_common.skc_state
#define s6_addr in6_u.u6_addr8
#define s6_addr16 in6_u.u6_addr16
#define s6_addr32 in6_u.u6_addr32
#define tcp_flag_byte(th) (((u8 *)(th))[13])
#define tcp_sk(p) ((struct tcp_sock *)(p))
#define inet_sk(p) ((struct inet_sock *)(p))
#define udp_sk(p) ((struct udp_sock *)(p))
#define unix_sk(p) ((struct unix_sock *)(p))
#define inet_csk(p) ((struct inet_connection_sock *)(p))
#define inet_rsk(p) ((struct inet_request_sock *)(p))
#define tcp_rsk(p) ((struct tcp_request_sock *)(p))
#define file_inode(f) ((f)->f_inode)
#define file_dentry(f) ((f)->f_path.dentry)
#define d_inode(d) ((d)->d_inode)
#define i_blocksize(n) (1 << (n)->i_blkbits)
#define skb_rx_queue_recorded(s) ((s)->queue_mapping != 0)
#define skb_get_rx_queue(s) ((u16)((s)->queue_mapping - 1))
#define sg_is_chain(s) ((s)->page_link & 1)
#define sg_is_last(s) ((s)->page_link & 2)
#define sg_chain_ptr(s) ((struct scatterlist *)((s)->page_link & ~3UL))
#define page_address(p) ((void *)0)
)";

struct Macro {
  std::string_view name;
  std::string_view line;
};

// The lines of kMacros.
const std::vector<Macro>& macros() {
  static const std::vector<Macro> kList = [] {
    constexpr std::string_view kDefine = "#define ";
    std::vector<Macro> list;
    for (size_t at = kMacros.find(kDefine); at != std::string_view::npos;
         at = kMacros.find(kDefine, at + 1)) {
      const std::string_view line =
          kMacros.substr(at, kMacros.find('\n', at) - at);
      const std::string_view rest = line.substr(kDefine.size());
      list.push_back({rest.substr(0, rest.find_first_of(" (")), line});
    }
    return list;
  }();
  return kList;
}

bool is_used(const Names& names, std::string_view name) {
  return names.all.contains(name) && !names.own_macros.contains(name) &&
         !names.own_names.contains(name);
}

}  // namespace

std::string base_definitions(std::string_view release) {
  std::array<unsigned, 3> version{};
  const char* at = release.data();
  const char* const end = at + release.size();
  for (unsigned& part : version) {
    const auto [rest, problem] = std::from_chars(at, end, part);
    if (problem != std::errc() || rest == end || *rest != '.') {
      break;
    }
    at = rest + 1;
  }
  // 255 is as far as the number's lowest byte goes.
  std::string out = "#pragma once\n#define LINUX_VERSION_CODE ";
  out += std::to_string((version[0] << 16) + (version[1] << 8) +
                        (version[2] > 255 ? 255 : version[2]));
  out += R"(
#define KERNEL_VERSION(a, b, c) \
  (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))
#undef linux
#undef unix
#define CONFIG_BPF_SYSCALL 1
#define CONFIG_64BIT 1
#define CONFIG_SMP 1
#define CONFIG_NET_NS 1
#define CONFIG_IPV6 1
#define CONFIG_CGROUPS 1
#define CONFIG_ARCH_HAS_SYSCALL_WRAPPER 1
#define CONFIG_THREAD_INFO_IN_TASK 1
#define CONFIG_CC_IS_CLANG 1
#define __user
#define __rcu
#define __percpu
#define __iomem
#define __force
#define __bitwise
#define __must_check
#define __packed __attribute__((packed))
#define __aligned(x) __attribute__((aligned(x)))
#define __always_inline inline __attribute__((always_inline))
#define noinline __attribute__((noinline))
#define NULL ((void *)0)
#define offsetof(t, m) __builtin_offsetof(t, m)
#define true 1
#define false 0
#define roundup_pow_of_two(n) \
  ((n) <= 1 ? 1UL : 1UL << (64 - __builtin_clzll((unsigned long)(n) - 1)))
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef __u16 __le16;
typedef __u16 __be16;
typedef __u32 __le32;
typedef __u32 __be32;
typedef __u64 __le64;
typedef __u64 __be64;
typedef __u16 __sum16;
typedef __u32 __wsum;
typedef __u32 __poll_t;
typedef _Bool bool;
typedef unsigned long size_t;
typedef long ssize_t;
typedef unsigned long uintptr_t;
typedef long long loff_t;
typedef __u64 __attribute__((aligned(8))) __aligned_u64;
)";
  // BPF_RINGBUF_OUTPUT counts in pages.
  out += "#define PAGE_SIZE " + std::to_string(sysconf(_SC_PAGESIZE)) + "UL\n";
  return out;
}

void add_macro_names(Names& names) {
  // What a used macro mentions may be a macro itself.
  for (bool grew = true; grew;) {
    const size_t before = names.all.size();
    for (const Macro& macro : macros()) {
      if (!is_used(names, macro.name)) {
        continue;
      }
      bool is_tag = false;
      for (const Token& token : tokenize(macro.line)) {
        if (is_tag) {
          names.records.emplace(token.text, false);
        }
        if (token.is_name()) {
          names.all.insert(token.text);
        }
        is_tag = token.is("struct");
      }
    }
    grew = names.all.size() != before;
  }
}

std::string used_macros(
    const Names& names,
    const std::unordered_set<std::string_view>& enumerators) {
  std::string out;
  for (const Constant& each : user_constants()) {
    if (is_used(names, each.name) && !enumerators.contains(each.name)) {
      out += "#define " + std::string(each.name) + " (" +
             std::to_string(each.value) + ")\n";
    }
  }
  for (const Macro& each : macros()) {
    if (is_used(names, each.name) && !enumerators.contains(each.name)) {
      out.append(each.line).append("\n");
    }
  }
  return out;
}

}  // namespace tracer::compiler
