// See cipher.hh.
#include "bench/pipeline/cipher.hh"

#include <stdexcept>

#include "bench/clocks.hh"
#include "crypto/subspace.hh"
#include "crypto/vault.hh"
#include "lanes/wire.hh"

namespace lanes::bench {

BareCipher::BareCipher(const std::string& backend, crypto::Suite suite, Way way,
                       std::vector<std::uint32_t> lens, std::uint32_t frame_bytes)
    : way_(way), lens_(std::move(lens)) {
    if (auto ready = crypto::initialise(); !ready) throw std::runtime_error(ready.message());
    auto selected = crypto::select_backend(backend);
    if (!selected) throw std::runtime_error(selected.message());
    backend_ = std::move(*selected);
    auto key = backend_->expand(suite, crypto::Secret<crypto::aead_key_bytes>());
    if (!key) throw std::runtime_error(key.message());
    key_ = std::move(*key);
    auto memory = engine::FramePool::create(frame_bytes, buffers);
    if (!memory) throw std::runtime_error(memory.error().message);
    memory_ = std::move(*memory);
    cache_ = std::make_unique<engine::FramePool::Cache>(*memory_);
    for (unsigned i = 0; i < buffers; ++i) frames_.push_back(cache_->take());
}

BareCipher::~BareCipher() {
    for (const engine::Frame& frame : frames_) cache_->give(frame.token);
}

/// The jobs of the next burst: header, text and tag lie behind each other, and exactly where the
/// pipeline has them, since text across one cache line more costs more.
void BareCipher::fill(std::vector<crypto::Job>& jobs) {
    const auto frames = next_frames();
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        crypto::Job& job = jobs[i];
        std::byte* text = frames[i].data - wire::inner_bytes;
        std::byte* header = text - wire::header_bytes;
        job.source = text;
        job.destination = text;
        job.len = frames[i].len;
        job.associated = header;
        job.associated_len = wire::header_bytes;
        job.tag = text + job.len;
        job.nonce = crypto::make_nonce({}, sequence_++);
    }
}

/// The next 64 buffers, with lengths of text.
std::span<engine::Frame> BareCipher::next_frames() {
    static_assert(buffers % engine::burst_max == 0);
    const std::size_t at = next_;
    next_ = (next_ + engine::burst_max) % buffers;
    const auto frames = std::span<engine::Frame>(frames_).subspan(at, engine::burst_max);
    for (engine::Frame& frame : frames) frame.len = lens_[next_len_++ % lens_.size()];
    return frames;
}

std::uint64_t BareCipher::run_library(unsigned bursts) {
    const bool same = backend_->kind() == crypto::BackendKind::ipsec_mb &&
                      key_.suite() == crypto::Suite::aes_256_gcm;
    if (!same || !library_.there()) return 0;
    std::uint64_t spent = 0;
    for (unsigned i = 0; i < bursts; ++i) {
        const auto frames = next_frames();
        if (way_ == Way::open) library_.seal(frames);
        spent += way_ == Way::seal ? library_.seal(frames) : library_.open(frames);
    }
    return spent;
}

std::uint64_t BareCipher::run(unsigned bursts) {
    std::vector<crypto::Job> jobs(engine::burst_max);
    std::uint64_t spent = 0;
    for (unsigned i = 0; i < bursts; ++i) {
        fill(jobs);
        // What is opened has been sealed just before, as in the pipeline.
        if (way_ == Way::open) backend_->seal(key_, jobs);
        const std::uint64_t before = read_clock();
        const std::size_t good =
            way_ == Way::seal ? backend_->seal(key_, jobs) : backend_->open(key_, jobs);
        spent += read_clock() - before;
        if (good != jobs.size()) throw std::runtime_error("the cipher refused a packet");
    }
    return spent;
}

}  // namespace lanes::bench
