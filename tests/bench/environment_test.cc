// The environment is compared with what the system says by other ways.
#include "bench/environment.hh"

#include <sys/utsname.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

namespace lanes::bench {

TEST_CASE("an environment has every field, known or null, and tells this machine's") {
    const Json all = describe_environment({"pipeline", "--size", "64"});
    for (const char* path : {"cpu.model", "cpu.flags", "cpu.cores", "cpu.cores_allowed",
                             "cpu.numa_nodes", "cpu.clock_hz", "cpu.governor", "cpu.hypervisor",
                             "kernel", "memory_kib", "compiler", "compiler_options", "sanitizer",
                             "commit", "version", "date", "options", "steal_seconds"}) {
        INFO(path);
        CHECK(find_field(all, path) != nullptr);
    }
    utsname name{};
    REQUIRE(::uname(&name) == 0);
    CHECK(all["kernel"].get<std::string>().find(name.release) != std::string::npos);
    CHECK(all["cpu"]["cores"] == ::sysconf(_SC_NPROCESSORS_ONLN));
    CHECK(all["options"] == Json({"pipeline", "--size", "64"}));
    CHECK(all["compiler"].get<std::string>().find_first_of("0123456789") != std::string::npos);
    CHECK(all["compiler_options"].get<std::string>().find("buildtype=") != std::string::npos);
    CHECK(all["date"].get<std::string>().size() == std::string("2026-11-23T11:25:37Z").size());
    // No machine that runs this is slower than 100 MHz or faster than 10 GHz.
    CHECK(all["cpu"]["clock_hz"].get<double>() > 1e8);
    CHECK(all["cpu"]["clock_hz"].get<double>() < 1e10);
}

TEST_CASE("a checked build says so in the environment") {
    const Json all = describe_environment({});
#if defined(__SANITIZE_ADDRESS__)
    CHECK(all["sanitizer"] == "address");
#elif defined(__SANITIZE_THREAD__)
    CHECK(all["sanitizer"] == "thread");
#elif !defined(__clang__)
    CHECK(all["sanitizer"] == "none");
#endif
}

TEST_CASE("the steal time of a finished environment is what was stolen since its start") {
    Json environment = describe_environment({});
    REQUIRE(environment["steal_seconds"].is_number());
    // As if the machine had been robbed of 3 s since.
    environment["steal_seconds"] = environment["steal_seconds"].get<double>() - 3;
    const StolenTime before = StolenTime::now();
    finish_environment(environment);
    const double stolen = environment["steal_seconds"].get<double>();
    const StolenTime after = StolenTime::now();
    CHECK(stolen >= 3);
    CHECK(stolen <= 3 + after.steal_seconds + 1e-9);
    CHECK(after.steal_seconds >= before.steal_seconds);

    environment["steal_seconds"] = nullptr;
    finish_environment(environment);
    CHECK(environment["steal_seconds"].is_null());
}

TEST_CASE("a thread's waiting time is that of the kernel's scheduler statistics") {
    std::ifstream file("/proc/thread-self/schedstat");
    double ran_ns = 0, waited_ns = 0;
    if (!(file >> ran_ns >> waited_ns)) {
        WARN("skipped: this kernel has no schedstat");
        return;
    }
    CHECK(StolenTime::now().waiting_seconds >= waited_ns / 1e9);
}

}  // namespace lanes::bench
