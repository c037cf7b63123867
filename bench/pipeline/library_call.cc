// See library_call.hh.
#include "bench/pipeline/library_call.hh"

#ifdef LANES_IPSEC_MB

#include <intel-ipsec-mb.h>

#include "bench/clocks.hh"
#include "lanes/wire.hh"

namespace lanes::bench {

struct LibraryCall::State {
    IMB_MGR* manager = nullptr;
    alignas(64) gcm_key_data key;  // as its code wants it
    gcm_context_data context;
    std::uint64_t nonce[2] = {};

    template <typename Call>
    std::uint64_t each(std::span<const engine::Frame> frames, Call&& call) {
        const std::uint64_t before = read_clock();
        for (const engine::Frame& frame : frames) {
            ++nonce[0];
            auto* text = reinterpret_cast<unsigned char*>(frame.data - wire::inner_bytes);
            call(text, reinterpret_cast<const unsigned char*>(nonce), text - wire::header_bytes,
                 frame.len);
        }
        return read_clock() - before;
    }
};

LibraryCall::LibraryCall() {
    IMB_MGR* manager = alloc_mb_mgr(0);
    if (manager == nullptr) return;
    init_mb_mgr_auto(manager, nullptr);
    state_ = std::make_unique<State>();
    state_->manager = manager;
    const unsigned char key[32] = {1};
    IMB_AES256_GCM_PRE(manager, key, &state_->key);
}

LibraryCall::~LibraryCall() {
    if (state_) free_mb_mgr(state_->manager);
}

std::uint64_t LibraryCall::seal(std::span<const engine::Frame> frames) {
    State& state = *state_;
    return state.each(frames, [&](unsigned char* text, const unsigned char* nonce,
                                  const unsigned char* header, std::uint32_t len) {
        IMB_AES256_GCM_ENC(state.manager, &state.key, &state.context, text, text, len, nonce,
                           header, wire::header_bytes, text + len, wire::tag_bytes);
    });
}

std::uint64_t LibraryCall::open(std::span<const engine::Frame> frames) {
    State& state = *state_;
    unsigned char tag[wire::tag_bytes];
    return state.each(frames, [&](unsigned char* text, const unsigned char* nonce,
                                  const unsigned char* header, std::uint32_t len) {
        IMB_AES256_GCM_DEC(state.manager, &state.key, &state.context, text, text, len, nonce,
                           header, wire::header_bytes, tag, wire::tag_bytes);
    });
}

}  // namespace lanes::bench

#else

namespace lanes::bench {

struct LibraryCall::State {};
LibraryCall::LibraryCall() = default;
LibraryCall::~LibraryCall() = default;
std::uint64_t LibraryCall::seal(std::span<const engine::Frame>) {
    return 0;
}
std::uint64_t LibraryCall::open(std::span<const engine::Frame>) {
    return 0;
}

}  // namespace lanes::bench

#endif
