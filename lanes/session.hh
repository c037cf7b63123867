// Sessions as workers see them: the keys of one epoch of a lane, a key for each subspace, ready for
// the cipher. The counter that makes nonces lies with the key that it must never be used with
// twice; the window that keeps replays out lies with the key whose packets it judges. So keys,
// numbers and windows come and go together, and none of them is ever reset. Control makes sessions,
// publishes them, and frees them (which wipes the keys) when no worker uses them any more.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "crypto/aead.hh"
#include "crypto/subspace.hh"
#include "engine/counters.hh"
#include "engine/result.hh"
#include "lanes/acceptor.hh"
#include "lanes/announcement.hh"
#include "lanes/window.hh"
#include "lanes/window_store.hh"

namespace lanes {

/// What one subspace seals with. Writer of `next`: the worker of that number, or Control.
struct alignas(engine::cache_line) SealKey {
    crypto::AeadKey key;
    crypto::Iv iv{};
    engine::Counter next;     ///< sequence number of the next packet
    std::uint64_t limit = 0;  ///< the lane stops here, rather than use a nonce twice

    /// The first of `n` numbers, and `n` lowered to how many there are below the limit.
    std::uint64_t take(unsigned& n) noexcept {
        const std::uint64_t first = next.get();
        const std::uint64_t left = first < limit ? limit - first : 0;
        if (n > left) n = static_cast<unsigned>(left);
        next.set(first + n);
        return first;
    }
};

struct SealSession {
    std::uint8_t epoch = 0;  ///< the low 8 bits
    std::uint16_t subspaces = 0;
    std::unique_ptr<SealKey[]> keys;  ///< one for each worker
    SealKey control;

    /// The highest number that any worker has come to.
    std::uint64_t sent_max() const noexcept;
};

/// What one subspace opens with. Not written after it was made, the window's words apart.
struct alignas(engine::cache_line) OpenKey {
    crypto::AeadKey key;
    crypto::Iv iv{};
    Window::Word* words = nullptr;
};

/// What one worker counts of a session.
struct alignas(engine::cache_line) OpenShare {
    engine::Counter accepted;  ///< packets of all subspaces, heartbeats not counted
    engine::Counter repeats;   ///< of the session's announcement
};

struct OpenSession {
    std::uint8_t epoch = 0;
    std::uint16_t subspaces = 0;
    std::uint32_t window_words = 0;       ///< of one subspace
    AnnounceBytes announcement{};         ///< that it came by; zeros where nobody asks
    std::unique_ptr<OpenKey[]> keys;      ///< Control's subspace behind the others
    std::unique_ptr<OpenShare[]> shares;  ///< one for each receiving worker
    WindowStore* store = nullptr;         ///< nullptr: the words are somebody else's
    Window::Word* words = nullptr;        ///< of all subspaces

    OpenSession() = default;
    OpenSession(const OpenSession&) = delete;
    OpenSession& operator=(const OpenSession&) = delete;
    ~OpenSession();

    /// The key of a subspace as the wire has it; nullptr: out of range.
    const OpenKey* find(std::uint16_t subspace) const noexcept {
        if (subspace < subspaces) return &keys[subspace];
        return subspace == wire::control_subspace ? &keys[subspaces] : nullptr;
    }
    Window window(const OpenKey& key) const noexcept { return Window(key.words, window_words); }
    std::uint64_t accepted(unsigned workers) const noexcept;
    std::uint64_t repeats(unsigned workers) const noexcept;
};

/// A receiving lane's sessions by epoch modulo sessions_max. Writer: Control (release); readers:
/// workers (acquire).
struct OpenSessions {
    std::array<std::atomic<OpenSession*>, sessions_max> at{};
    /// Knows whether an announcement is meant for this lane; set before workers see this.
    const AnnounceReader* reader = nullptr;

    /// nullptr: no session of this epoch.
    OpenSession* find(std::uint8_t epoch) const noexcept {
        OpenSession* session = at[epoch % sessions_max].load(std::memory_order_acquire);
        return session != nullptr && session->epoch == epoch ? session : nullptr;
    }
};

/// What a session of either side is made from.
struct SessionMaker {
    const crypto::Backend& backend;
    std::uint32_t lane = 0;
    Terms terms;
    const crypto::SessionSecret& secret;

    /// Sequence numbers start at `first` (0 but in tests) and stop at `limit`.
    engine::Result<std::unique_ptr<SealSession>> seal(std::uint64_t limit,
                                                      std::uint64_t first = 0) const;
    /// `floors` as in ReceiverRecord, or empty. `window` is in sequence numbers.
    engine::Result<std::unique_ptr<OpenSession>> open(
        WindowStore& store, std::uint32_t window, unsigned workers,
        const std::vector<std::uint64_t>& floors) const;

  private:
    engine::Result<void> derive(std::uint16_t subspace, crypto::AeadKey& key, crypto::Iv& iv) const;
};

/// The floors that let a receiver resume a session; no worker may be using it.
std::vector<std::uint64_t> floors_of(const OpenSession& session);

}  // namespace lanes
