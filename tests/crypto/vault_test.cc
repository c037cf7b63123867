// Locked memory: what the kernel says about it, and what is left in it afterwards.
#include "crypto/vault.hh"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "crypto/secret.hh"
#include "tests/crypto/support.hh"

using namespace lanes::crypto;

namespace {

struct Mapping {
    std::uintptr_t first = 0, end = 0;
    std::string access;
    std::string flags;  ///< " rd wr mr mw me lo ac dd "
};

std::vector<Mapping> mappings() {
    std::vector<Mapping> all;
    std::ifstream smaps("/proc/self/smaps");
    for (std::string line; std::getline(smaps, line);) {
        unsigned long first = 0, end = 0;
        char access[8] = {};
        if (std::sscanf(line.c_str(), "%lx-%lx %7s", &first, &end, access) == 3) {
            all.push_back({first, end, access, {}});
        } else if (line.starts_with("VmFlags:") && !all.empty()) {
            all.back().flags = line.substr(8) + " ";
        }
    }
    return all;
}

/// The mapping that holds `address`.
Mapping mapping_of(const std::vector<Mapping>& all, std::uintptr_t address) {
    for (const Mapping& one : all) {
        if (address >= one.first && address < one.end) return one;
    }
    return {};
}

bool all_zero(const std::byte* bytes, std::size_t len) {
    return std::all_of(bytes, bytes + len, [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

TEST_CASE("a secret's memory is locked, left out of core dumps and kept from children") {
    REQUIRE(initialise());
    const Secret<32> secret;
    const auto address = reinterpret_cast<std::uintptr_t>(secret.bytes().data());
    const auto all = mappings();
    const Mapping here = mapping_of(all, address);
    INFO("VmFlags:" << here.flags);
    CHECK(here.access == "rw-p");
    CHECK(here.flags.find(" lo ") != std::string::npos);
    CHECK(here.flags.find(" dd ") != std::string::npos);
    CHECK(here.flags.find(" dc ") != std::string::npos);
    CHECK(vault_state().bytes > 0);
    CHECK(vault_state().bytes_not_locked == 0);
}

TEST_CASE("a page without access lies on either side of locked memory") {
    const Secret<32> secret;
    const auto all = mappings();
    const Mapping here = mapping_of(all, reinterpret_cast<std::uintptr_t>(secret.bytes().data()));
    REQUIRE(here.end > here.first);
    CHECK(mapping_of(all, here.first - 1).access == "---p");
    CHECK(mapping_of(all, here.end).access == "---p");
}

TEST_CASE("an expanded key lies in locked memory and is wiped when it goes") {
    REQUIRE(initialise());
    test::for_each_cipher([](Backend& backend, Suite suite) {
        auto key = backend.expand(suite, test::secret<32>(std::string(64, '7')));
        REQUIRE(key);
        const std::byte* expanded = key->expanded();
        CHECK(reinterpret_cast<std::uintptr_t>(expanded) % 64 == 0);
        const auto flags = mapping_of(mappings(), reinterpret_cast<std::uintptr_t>(expanded)).flags;
        CHECK(flags.find(" lo ") != std::string::npos);
        CHECK(flags.find(" dd ") != std::string::npos);
        CHECK_FALSE(all_zero(expanded, 32));
        *key = AeadKey();
        CHECK(all_zero(expanded, 512));
    });
}

TEST_CASE("a secret is wiped when it is released, assigned over, or told to") {
    const std::byte* where = nullptr;
    {
        Secret<48> secret;
        std::fill(secret.bytes().begin(), secret.bytes().end(), std::byte{0x5a});
        where = secret.bytes().data();
        REQUIRE_FALSE(all_zero(where, 48));
    }
    CHECK(all_zero(where, 48));  // the vault keeps its pages mapped

    Secret<48> first, second;
    std::fill(first.bytes().begin(), first.bytes().end(), std::byte{0x5a});
    where = first.bytes().data();
    const std::byte* kept = second.bytes().data();
    first = std::move(second);
    CHECK(all_zero(where, 48));
    CHECK(first.bytes().data() == kept);

    std::fill(first.bytes().begin(), first.bytes().end(), std::byte{0x5a});
    first.wipe();
    CHECK(first.is_zero());
}

TEST_CASE("secrets compare by content, move without a trace and copy only by asking") {
    static_assert(!std::is_copy_constructible_v<Secret<32>>);
    static_assert(!std::is_copy_assignable_v<Secret<32>>);
    static_assert(std::is_nothrow_move_constructible_v<Secret<32>>);
    auto a = test::secret<32>(std::string(64, 'a'));
    const auto b = a.copy();
    CHECK((a == b));
    for (std::size_t i = 0; i < 32; ++i) {
        a.bytes()[i] ^= std::byte{1};
        CHECK_FALSE((a == b));
        a.bytes()[i] ^= std::byte{1};
    }
    const std::byte* where = a.bytes().data();
    const Secret<32> moved = std::move(a);
    CHECK(moved.bytes().data() == where);
    CHECK((moved == b));
}

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
    out << value;
};

TEST_CASE("a secret cannot be printed") {
    STATIC_REQUIRE_FALSE(Printable<Secret<32>>);
    STATIC_REQUIRE(Printable<int>);
}

TEST_CASE("slots of the vault are disjoint, zero at first and used again") {
    std::vector<LockedBlock> blocks;
    for (std::size_t i = 0; i < 2000; ++i) {
        blocks.emplace_back(1 + i % 300);
        REQUIRE(all_zero(blocks.back().data(), blocks.back().size()));
        std::fill_n(blocks.back().data(), blocks.back().size(), std::byte{0xff});
    }
    std::sort(blocks.begin(), blocks.end(),
              [](const auto& a, const auto& b) { return a.data() < b.data(); });
    for (std::size_t i = 1; i < blocks.size(); ++i) {
        REQUIRE(blocks[i - 1].data() + blocks[i - 1].size() <= blocks[i].data());
    }
    blocks.clear();
    const std::size_t before = vault_state().bytes;
    for (std::size_t i = 0; i < 2000; ++i) {
        blocks.emplace_back(1 + i % 300);
        REQUIRE(all_zero(blocks.back().data(), blocks.back().size()));
    }
    CHECK(vault_state().bytes == before);
}

TEST_CASE("several threads may take and give back at once") {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([t] {
            for (int i = 0; i < 5000; ++i) {
                LockedBlock block(static_cast<std::size_t>(32 + 64 * (i % 4)));
                std::fill_n(block.data(), block.size(), static_cast<std::byte>(t + 1));
                const bool own = std::all_of(block.data(), block.data() + block.size(),
                                             [t](std::byte b) { return b == std::byte(t + 1); });
                if (!own) std::abort();
            }
        });
    }
    for (auto& thread : threads) thread.join();
    SUCCEED("no slot was given out twice");
}

// Run by the next test only, in a process that was made poor.
TEST_CASE("memory is had but not locked, and initialise says so", "[.][no-lock]") {
    const LockedBlock block(7777);
    REQUIRE(block.data() != nullptr);
    CHECK(vault_state().bytes_not_locked >= 7777);
    const auto outcome = initialise();
    REQUIRE_FALSE(outcome);
    CHECK(outcome.message().find("ulimit -l") != std::string::npos);
}

TEST_CASE("a process that may lock nothing hears so at its start and still gets memory") {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const rlimit none{0, 0};
        const bool root = geteuid() == 0;
        if (setrlimit(RLIMIT_MEMLOCK, &none) != 0) _exit(100);
        for (const int capability : {CAP_IPC_LOCK, CAP_SYS_RESOURCE}) {
            if (root && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) _exit(101);
        }
        execl("/proc/self/exe", "crypto-tests", "[no-lock]", nullptr);
        _exit(102);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}
