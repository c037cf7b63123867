// The bare cipher: what sealing or opening a burst of packets costs by itself, on buffers of the
// engine's own kind and number. The pipeline measures it between its own trials, so that the two
// can be compared: the ratio is the price of everything around the cipher.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/pipeline/library_call.hh"
#include "crypto/aead.hh"
#include "engine/frame_pool.hh"

namespace lanes::bench {

class BareCipher {
  public:
    enum class Way : std::uint8_t { seal, open };

    /// Packets of these lengths in turn, in bytes before the tag, as the pipeline's are, in buffers
    /// for frames of `frame_bytes`. Throws std::runtime_error.
    BareCipher(const std::string& backend, crypto::Suite suite, Way way,
               std::vector<std::uint32_t> lens, std::uint32_t frame_bytes);
    ~BareCipher();

    /// Clocks of `bursts` calls of the backend for 64 packets each, in place.
    std::uint64_t run(unsigned bursts);
    /// The same by the library's own call, one packet each; 0 where that is not to be had.
    std::uint64_t run_library(unsigned bursts);

  private:
    void fill(std::vector<crypto::Job>& jobs);
    std::span<engine::Frame> next_frames();

    /// Buffers that the pipeline has in use, roughly: its caches and one burst on each wire.
    static constexpr unsigned buffers = 256;

    std::unique_ptr<crypto::Backend> backend_;
    crypto::AeadKey key_;
    LibraryCall library_;
    Way way_;
    std::vector<std::uint32_t> lens_;
    std::size_t next_len_ = 0;
    std::shared_ptr<engine::FramePool> memory_;
    std::unique_ptr<engine::FramePool::Cache> cache_;
    std::vector<engine::Frame> frames_;
    std::size_t next_ = 0;
    std::uint64_t sequence_ = 0;
};

}  // namespace lanes::bench
