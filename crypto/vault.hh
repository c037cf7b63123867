// Locked memory for keys: pages that are never swapped (mlock), never in a core dump
// (MADV_DONTDUMP), never in a child (MADV_DONTFORK), with a page without access on either side.
// Not sodium_malloc: that takes four mappings for each key and a process may have some 65,000.
// Here slots of one size share a chunk; a slot is wiped when it is given back and used again, a
// chunk stays for the life of the process. Set-up path and Control only: taking a slot locks a
// mutex.
#pragma once

#include <cstddef>

#include "crypto/outcome.hh"

namespace lanes::crypto {

/// Readies libsodium and the first locked chunk; call it once, before privileges are dropped. It
/// raises the soft limit of lockable memory (RLIMIT_MEMLOCK) as far as it may. Fails when memory
/// cannot be locked at all.
Outcome<void> initialise();

/// What the vault holds. Past the limit of lockable memory it hands out memory that is not locked,
/// but still wiped and left out of dumps, rather than stop a lane at a rekey; whoever owns the log
/// says so.
struct VaultState {
    std::size_t bytes = 0;
    std::size_t bytes_not_locked = 0;
};
VaultState vault_state() noexcept;

/// A slot of the vault: aligned to 64 bytes, zero at first, wiped on release. Owns it; movable.
class LockedBlock {
  public:
    LockedBlock() noexcept = default;
    /// std::bad_alloc when the kernel gives no memory.
    explicit LockedBlock(std::size_t len);
    LockedBlock(LockedBlock&& other) noexcept;
    LockedBlock& operator=(LockedBlock&& other) noexcept;
    LockedBlock(const LockedBlock&) = delete;
    LockedBlock& operator=(const LockedBlock&) = delete;
    ~LockedBlock() { release(); }

    /// Wipes the slot and gives it back; the block is empty afterwards.
    void release() noexcept;

    std::byte* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return len_; }

  private:
    std::byte* data_ = nullptr;
    std::size_t len_ = 0;
};

}  // namespace lanes::crypto
