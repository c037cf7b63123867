// The vault: one free list of slots per size, filled by chunks that double from 16 KiB to 1 MiB, so
// that few keys lock little memory and a hundred thousand keys need few mappings.
#include "crypto/vault.hh"

#include <sodium.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <vector>

namespace lanes::crypto {

namespace {

constexpr std::size_t slot_alignment = 64;
constexpr std::size_t chunk_bytes_min = std::size_t{16} << 10;
constexpr std::size_t chunk_bytes_max = std::size_t{1} << 20;

std::size_t round_up(std::size_t value, std::size_t unit) {
    return (value + unit - 1) / unit * unit;
}

/// Slots of one size.
struct Shelf {
    std::vector<std::byte*> free;
    std::size_t slots = 0;  ///< free and taken; free.capacity() is never less
    std::size_t next_chunk_bytes = chunk_bytes_min;
};

class Vault {
  public:
    std::byte* take(std::size_t slot_len) {
        const std::lock_guard guard(mutex_);
        Shelf& shelf = shelves_[slot_len];
        if (shelf.free.empty()) add_chunk(shelf, slot_len);
        std::byte* slot = shelf.free.back();
        shelf.free.pop_back();
        return slot;
    }

    void give_back(std::byte* slot, std::size_t slot_len) noexcept {
        sodium_memzero(slot, slot_len);
        const std::lock_guard guard(mutex_);
        shelves_.find(slot_len)->second.free.push_back(slot);
    }

    VaultState state() noexcept {
        const std::lock_guard guard(mutex_);
        return state_;
    }

  private:
    void add_chunk(Shelf& shelf, std::size_t slot_len) {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        const std::size_t len = round_up(std::max(shelf.next_chunk_bytes, slot_len), page);
        const std::size_t slots = len / slot_len;
        shelf.free.reserve(shelf.slots + slots);
        void* mapped = mmap(nullptr, len + 2 * page, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapped == MAP_FAILED) throw std::bad_alloc();
        std::byte* chunk = static_cast<std::byte*>(mapped) + page;
        if (mprotect(chunk, len, PROT_READ | PROT_WRITE) != 0 ||
            madvise(chunk, len, MADV_DONTDUMP) != 0 || madvise(chunk, len, MADV_DONTFORK) != 0) {
            munmap(mapped, len + 2 * page);
            throw std::bad_alloc();
        }
        state_.bytes += len;
        // Not mlock, which AddressSanitizer replaces by a function that does nothing.
        if (mlock2(chunk, len, 0) != 0) state_.bytes_not_locked += len;
        shelf.slots += slots;
        shelf.next_chunk_bytes = std::min(2 * shelf.next_chunk_bytes, chunk_bytes_max);
        for (std::size_t i = slots; i > 0; --i) {
            shelf.free.push_back(chunk + (i - 1) * slot_len);
        }
    }

    std::mutex mutex_;
    std::map<std::size_t, Shelf> shelves_;
    VaultState state_;
};

/// Lives as long as the process: keys in static objects are released after main.
Vault& vault() {
    static Vault* const only = new Vault;
    return *only;
}

void raise_lock_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return;
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_MEMLOCK, &all) == 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_MEMLOCK, &limit);
}

}  // namespace

void misuse(const char* what) noexcept {
    std::fprintf(stderr, "crypto misused: %s\n", what);
    std::abort();
}

Outcome<void> initialise() {
    if (sodium_init() < 0) return Failure{"libsodium cannot start: no source of randomness"};
    raise_lock_limit();
    const LockedBlock probe(slot_alignment);
    if (vault_state().bytes_not_locked == 0) return {};
    return Failure{
        "cannot lock memory for keys: raise the limit (ulimit -l, or LimitMEMLOCK=infinity in the "
        "unit file)"};
}

VaultState vault_state() noexcept {
    return vault().state();
}

LockedBlock::LockedBlock(std::size_t len)
    : data_(vault().take(round_up(len, slot_alignment))), len_(len) {}

LockedBlock::LockedBlock(LockedBlock&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), len_(std::exchange(other.len_, 0)) {}

LockedBlock& LockedBlock::operator=(LockedBlock&& other) noexcept {
    if (this != &other) {
        release();
        data_ = std::exchange(other.data_, nullptr);
        len_ = std::exchange(other.len_, 0);
    }
    return *this;
}

void LockedBlock::release() noexcept {
    if (data_ == nullptr) return;
    vault().give_back(std::exchange(data_, nullptr),
                      round_up(std::exchange(len_, 0), slot_alignment));
}

}  // namespace lanes::crypto
