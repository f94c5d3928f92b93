// SPDX-License-Identifier: Apache-2.0
#include "compiler/constants.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <csignal>

namespace tracer::compiler {
namespace {

// One of these on a line would be 150 lines to scroll through.
// clang-format off
#define N(name) {#name, name}
constexpr Constant kConstants[] = {
    N(AF_UNSPEC), N(AF_UNIX), N(AF_LOCAL), N(AF_INET), N(AF_INET6),
    N(AF_NETLINK), N(AF_PACKET), N(AF_VSOCK), N(PF_INET), N(PF_INET6),
    N(SCM_RIGHTS), N(SOL_SOCKET), N(SOL_IP), N(SHUT_RD), N(SHUT_WR),
    N(SHUT_RDWR), N(MSG_PEEK), N(MSG_DONTWAIT), N(MSG_TRUNC), N(MSG_WAITALL),
    N(MSG_ERRQUEUE), N(MSG_OOB), N(SOMAXCONN), N(S_IFMT), N(S_IFSOCK),
    N(S_IFLNK), N(S_IFREG), N(S_IFBLK), N(S_IFDIR), N(S_IFCHR), N(S_IFIFO),
    N(S_ISUID), N(S_ISGID), N(S_ISVTX), N(S_IRWXU), N(S_IRUSR), N(S_IWUSR),
    N(S_IXUSR), N(O_RDONLY), N(O_WRONLY), N(O_RDWR), N(O_ACCMODE), N(O_CREAT),
    N(O_EXCL), N(O_TRUNC), N(O_APPEND), N(O_NONBLOCK), N(O_DIRECT),
    N(O_DIRECTORY), N(O_NOFOLLOW), N(O_CLOEXEC), N(O_SYNC), N(O_DSYNC),
    N(O_PATH), N(O_TMPFILE), N(O_NOCTTY), N(AT_FDCWD), N(AT_EMPTY_PATH),
    N(AT_REMOVEDIR), N(AT_SYMLINK_NOFOLLOW), N(AT_SYMLINK_FOLLOW), N(F_DUPFD),
    N(F_DUPFD_CLOEXEC), N(F_SETFL), N(F_GETFL), N(F_SETFD), N(F_GETFD),
    N(PROT_READ), N(PROT_WRITE), N(PROT_EXEC), N(PROT_NONE), N(MAP_SHARED),
    N(MAP_PRIVATE), N(MAP_FIXED), N(MAP_ANONYMOUS), N(SIGHUP), N(SIGINT),
    N(SIGQUIT), N(SIGILL), N(SIGTRAP), N(SIGABRT), N(SIGBUS), N(SIGFPE),
    N(SIGKILL), N(SIGUSR1), N(SIGSEGV), N(SIGUSR2), N(SIGPIPE), N(SIGALRM),
    N(SIGTERM), N(SIGCHLD), N(SIGCONT), N(SIGSTOP), N(SIGTSTP), N(EPERM),
    N(ENOENT), N(ESRCH), N(EINTR), N(EIO), N(ENXIO), N(E2BIG), N(ENOEXEC),
    N(EBADF), N(ECHILD), N(EAGAIN), N(ENOMEM), N(EACCES), N(EFAULT), N(EBUSY),
    N(EEXIST), N(EXDEV), N(ENODEV), N(ENOTDIR), N(EISDIR), N(EINVAL), N(ENFILE),
    N(EMFILE), N(ENOTTY), N(ETXTBSY), N(EFBIG), N(ENOSPC), N(ESPIPE), N(EROFS),
    N(EMLINK), N(EPIPE), N(EDOM), N(ERANGE), N(EDEADLK), N(ENAMETOOLONG),
    N(ENOLCK), N(ENOSYS), N(ENOTEMPTY), N(ELOOP), N(EWOULDBLOCK), N(ENODATA),
    N(ETIME), N(EPROTO), N(EBADMSG), N(EOVERFLOW), N(EILSEQ), N(ENOTSOCK),
    N(EMSGSIZE), N(EOPNOTSUPP), N(ENOTSUP), N(EAFNOSUPPORT), N(EADDRINUSE),
    N(EADDRNOTAVAIL), N(ENETDOWN), N(ENETUNREACH), N(ECONNABORTED),
    N(ECONNRESET), N(ENOBUFS), N(EISCONN), N(ENOTCONN), N(ETIMEDOUT),
    N(ECONNREFUSED), N(EHOSTUNREACH), N(EALREADY), N(EINPROGRESS), N(ESTALE),
    N(ECANCELED), N(NAME_MAX), N(PATH_MAX), N(IFNAMSIZ), N(IPPROTO_TCP),
    N(IPPROTO_UDP), N(IPPROTO_ICMP), N(IPPROTO_ICMPV6), N(IPPROTO_IP),
    N(IPPROTO_IPV6), N(INT_MAX), N(INT_MIN), N(SOCK_STREAM), N(SOCK_DGRAM),
    N(SOCK_RAW),
};
#undef N
// clang-format on

}  // namespace

std::span<const Constant> user_constants() {
  return kConstants;
}

}  // namespace tracer::compiler
