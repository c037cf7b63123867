// What the kernel tells of a process, as a soak asks it: of this one, whose descriptors the test
// knows, and of a child that ends and is waited for late.
#include "bench/soak/process.hh"

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace lanes::bench {

using Catch::Matchers::Contains;

TEST_CASE("this process has memory, descriptors and threads, and a new descriptor is seen") {
    const Process self(::getpid());
    const auto before = self.usage();
    REQUIRE(before);
    CHECK(before->memory_mib > 0.5);
    CHECK(before->threads >= 1);
    int pipes[2];
    REQUIRE(::pipe(pipes) == 0);
    const auto after = self.usage();
    ::close(pipes[0]);
    ::close(pipes[1]);
    REQUIRE(after);
    CHECK(after->descriptors == before->descriptors + 2);
    CHECK(self.usage()->descriptors == before->descriptors);
}

TEST_CASE("a process that has ended has no usage, nor has one that is not waited for yet") {
    const pid_t child = ::fork();
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    REQUIRE(child > 0);
    const Process process(child);
    CHECK(process.usage());
    ::kill(child, SIGKILL);
    siginfo_t info;
    REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
    CHECK_FALSE(process.usage());
    ::waitpid(child, nullptr, 0);
    CHECK_FALSE(process.usage());
    CHECK_THROWS_WITH(Process(child), Contains("there is no process"));
}

}  // namespace lanes::bench
