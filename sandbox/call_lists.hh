// The names of system calls that the filter of calls.cc knows, for people to read and to compare
// with `syscalls(2)`. Calls that depend on their arguments (clone, socket, ioctl, mmap, prctl, ...)
// are in calls.cc. A name that this machine's kernel does not have is passed over.
#pragma once

#include <string_view>

namespace lanes::sandbox {

/// These end the process.
inline constexpr std::string_view deadly_call_names =
    // programs
    "execve execveat fork vfork "
    // other processes
    "ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd "
    // the kernel
    "init_module finit_module delete_module kexec_load kexec_file_load reboot iopl ioperm "
    "modify_ldt perf_event_open userfaultfd lookup_dcookie io_uring_setup io_uring_enter "
    "io_uring_register syslog acct quotactl quotactl_fd swapon swapoff settimeofday clock_settime "
    "adjtimex clock_adjtime sethostname setdomainname vhangup personality "
    // file systems and namespaces
    "mount umount2 pivot_root chroot move_mount open_tree fsopen fsconfig fsmount fspick "
    "mount_setattr unshare setns open_by_handle_at name_to_handle_at mknod mknodat fanotify_init "
    // identities and keys
    "setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset keyctl "
    "add_key request_key";

/// What LeakSanitizer does when the program ends: it starts a process that stops all threads.
inline constexpr std::string_view sanitizer_calls =
    "ptrace personality wait4 waitid clone prctl process_vm_readv tkill getdents";

/// These work.
inline constexpr std::string_view allowed_calls =
    // files; which ones, landlock says
    "read write readv writev pread64 pwrite64 preadv pwritev close fstat newfstatat stat lstat "
    "statx lseek fcntl dup dup2 dup3 open openat getdents64 access faccessat faccessat2 readlink "
    "readlinkat getcwd fsync fdatasync syncfs ftruncate fallocate fadvise64 rename renameat "
    "renameat2 unlink unlinkat mkdir mkdirat chmod fchmod fchmodat flock umask statfs fstatfs "
    "pipe2 "
    // waiting
    "poll ppoll select pselect6 epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 "
    "eventfd2 signalfd4 timerfd_create timerfd_settime timerfd_gettime nanosleep clock_nanosleep "
    "clock_gettime clock_getres gettimeofday time "
    // threads
    "futex futex_waitv rseq set_robust_list get_robust_list set_tid_address sched_yield "
    "sched_getaffinity sched_setaffinity sched_getparam sched_getscheduler getcpu membarrier exit "
    "exit_group restart_syscall "
    // who am I
    "gettid getpid getppid getuid geteuid getgid getegid getgroups getresuid getresgid capget "
    "uname "
    "sysinfo times getrusage getrlimit "
    // memory; mmap and mprotect depend on what is asked for
    "munmap mremap madvise brk mlock mlock2 munlock mincore set_mempolicy get_mempolicy mbind "
    "getrandom "
    // signals; kill and tgkill depend on whom
    "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait sigaltstack "
    // sockets; which ones may be made depends on the drivers
    "bind connect listen accept accept4 getsockname getpeername getsockopt setsockopt shutdown "
    "sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg";

}  // namespace lanes::sandbox
