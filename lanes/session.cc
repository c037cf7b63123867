// See session.hh.
#include "lanes/session.hh"

#include <algorithm>

namespace lanes {

std::uint64_t SealSession::sent_max() const noexcept {
    std::uint64_t most = 0;
    for (unsigned i = 0; i < subspaces; ++i) most = std::max(most, keys[i].next.get());
    return most;
}

OpenSession::~OpenSession() {
    if (store != nullptr) store->give(words, window_words * (subspaces + std::size_t{1}));
}

std::uint64_t OpenSession::accepted(unsigned workers) const noexcept {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < workers; ++i) sum += shares[i].accepted.get();
    return sum;
}

std::uint64_t OpenSession::repeats(unsigned workers) const noexcept {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < workers; ++i) sum += shares[i].repeats.get();
    return sum;
}

engine::Result<void> SessionMaker::derive(std::uint16_t subspace, crypto::AeadKey& key,
                                          crypto::Iv& iv) const {
    const crypto::SubspaceKey derived =
        crypto::derive_subspace(secret, {lane, terms.epoch, subspace, terms.suite});
    auto expanded = backend.expand(terms.suite, derived.key);
    if (!expanded) return engine::Error{0, expanded.message()};
    key = std::move(*expanded);
    iv = derived.iv;
    return {};
}

engine::Result<std::unique_ptr<SealSession>> SessionMaker::seal(std::uint64_t limit,
                                                                std::uint64_t first) const {
    auto session = std::make_unique<SealSession>();
    session->epoch = static_cast<std::uint8_t>(terms.epoch);
    session->subspaces = terms.subspaces;
    session->keys = std::make_unique<SealKey[]>(terms.subspaces);
    for (std::uint32_t i = 0; i <= terms.subspaces; ++i) {
        const bool control = i == terms.subspaces;
        SealKey& key = control ? session->control : session->keys[i];
        const auto subspace = control ? wire::control_subspace : static_cast<std::uint16_t>(i);
        if (auto ok = derive(subspace, key.key, key.iv); !ok) return ok.error();
        key.limit = limit;
        key.next.set(control ? 0 : first);
    }
    return session;
}

engine::Result<std::unique_ptr<OpenSession>> SessionMaker::open(
    WindowStore& store, std::uint32_t window, unsigned workers,
    const std::vector<std::uint64_t>& floors) const {
    auto session = std::make_unique<OpenSession>();
    const std::size_t count = terms.subspaces + std::size_t{1};
    const auto window_words = static_cast<std::uint32_t>(window / Window::block_numbers);
    auto words = store.take(count * window_words);
    if (!words) return words.error();
    session->epoch = static_cast<std::uint8_t>(terms.epoch);
    session->subspaces = terms.subspaces;
    session->window_words = window_words;
    session->store = &store;
    session->words = *words;
    session->keys = std::make_unique<OpenKey[]>(count);
    session->shares = std::make_unique<OpenShare[]>(workers);
    for (std::size_t i = 0; i < count; ++i) {
        OpenKey& key = session->keys[i];
        const bool control = i == terms.subspaces;
        const auto subspace = control ? wire::control_subspace : static_cast<std::uint16_t>(i);
        if (auto ok = derive(subspace, key.key, key.iv); !ok) return ok.error();
        key.words = *words + i * window_words;
        if (!floors.empty()) session->window(key).start_at(floors[i]);
    }
    return session;
}

std::vector<std::uint64_t> floors_of(const OpenSession& session) {
    std::vector<std::uint64_t> floors;
    for (unsigned i = 0; i <= session.subspaces; ++i) {
        floors.push_back(session.window(session.keys[i]).end());
    }
    return floors;
}

}  // namespace lanes
