// libFuzzer target: a run of packets of any lengths and alignments, in place or apart. Every
// backend gives the same bytes as libsodium and opens them again; a packet with one bit changed is
// refused and leaves zeros; nothing outside of a job is written. Input: suite, flags, a seed for
// key and nonces, the bit to change, then two bytes of length for each packet. Corpus:
// tests/fuzz/corpus/aead.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "crypto/aead.hh"
#include "engine/check.hh"

using namespace lanes::crypto;

namespace {

constexpr std::size_t prefix_bytes = 8;
constexpr std::size_t packets_max = 70;
constexpr std::size_t total_bytes_max = 80 << 10;  ///< so that a run stays quick
constexpr std::size_t margin = 16;
constexpr std::size_t header_bytes = 16;
constexpr std::byte untouched{0xa5};

using Buffers = std::vector<std::vector<std::byte>>;

struct Case {
    Suite suite = Suite::aes_256_gcm;
    bool in_place = false;
    std::size_t alignment = 0;
    std::size_t change = 0;  ///< bit that is changed, modulo the packet's bits
    std::vector<std::uint32_t> lengths;
    Secret<aead_key_bytes> key;
    Buffers headers, texts;
    std::vector<std::array<std::byte, nonce_bytes>> nonces;
};

void scatter(std::minstd_rand& random, std::span<std::byte> to) {
    for (std::byte& byte : to) byte = static_cast<std::byte>(random() >> 8);
}

Case read_case(const std::uint8_t* data, std::size_t size) {
    Case read;
    read.suite = data[0] & 1 ? Suite::chacha20_poly1305 : Suite::aes_256_gcm;
    read.in_place = data[0] & 2;
    read.alignment = data[1] % 64;
    std::minstd_rand random(data[2] * 256u + data[3]);
    std::uint32_t change = 0;
    std::memcpy(&change, data + 4, sizeof change);
    read.change = change;
    scatter(random, read.key.bytes());
    const std::size_t count = std::min((size - prefix_bytes) / 2, packets_max);
    std::size_t total = 0;
    for (std::size_t i = 0; i < count; ++i) {
        std::uint16_t len = 0;
        std::memcpy(&len, data + prefix_bytes + 2 * i, sizeof len);
        total += len;
        if (total > total_bytes_max) break;
        read.lengths.push_back(len);
        read.headers.emplace_back(header_bytes);
        read.texts.emplace_back(len);
        read.nonces.emplace_back();
        scatter(random, read.headers.back());
        scatter(random, read.texts.back());
        scatter(random, read.nonces.back());
    }
    return read;
}

/// The place of a packet in its buffer of margin, alignment, text, tag, margin.
std::byte* place(std::vector<std::byte>& buffer, const Case& run) {
    return buffer.data() + margin + run.alignment;
}

Buffers room(const Case& run) {
    Buffers buffers;
    for (const std::uint32_t len : run.lengths) {
        buffers.emplace_back(2 * margin + run.alignment + len + tag_bytes, untouched);
    }
    return buffers;
}

std::vector<Job> make_jobs(const Case& run, Buffers& from, Buffers& to) {
    std::vector<Job> jobs(run.lengths.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        jobs[i].source = place(from[i], run);
        jobs[i].destination = place(to[i], run);
        jobs[i].len = run.lengths[i];
        jobs[i].associated = run.headers[i].data();
        jobs[i].associated_len = header_bytes;
        jobs[i].tag = place(to[i], run) + run.lengths[i];
        jobs[i].nonce = run.nonces[i];
    }
    return jobs;
}

Buffers seal(Backend& backend, const AeadKey& key, const Case& run) {
    Buffers sources = room(run);
    for (std::size_t i = 0; i < sources.size(); ++i) {
        std::copy(run.texts[i].begin(), run.texts[i].end(), place(sources[i], run));
    }
    Buffers targets = run.in_place ? Buffers() : room(run);
    Buffers& results = run.in_place ? sources : targets;
    auto jobs = make_jobs(run, sources, results);
    LANES_CHECK(backend.seal(key, jobs) == jobs.size());
    return results;
}

void check_open(Backend& backend, const AeadKey& key, const Case& run, Buffers sealed,
                bool changed) {
    if (changed) {
        for (std::size_t i = 0; i < sealed.size(); ++i) {
            const std::size_t bit = run.change % (8 * (run.lengths[i] + tag_bytes));
            place(sealed[i], run)[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        }
    }
    Buffers targets = run.in_place ? Buffers() : room(run);
    Buffers& results = run.in_place ? sealed : targets;
    auto jobs = make_jobs(run, sealed, results);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        jobs[i].tag = place(sealed[i], run) + run.lengths[i];
    }
    LANES_CHECK(backend.open(key, jobs) == (changed ? 0 : jobs.size()));
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        LANES_CHECK(jobs[i].ok != changed);
        const std::byte* text = jobs[i].destination;
        const bool zeros =
            std::all_of(text, text + jobs[i].len, [](std::byte b) { return b == std::byte{0}; });
        LANES_CHECK(changed ? zeros : std::equal(run.texts[i].begin(), run.texts[i].end(), text));
        const auto& all = results[i];
        LANES_CHECK(
            std::all_of(all.end() - margin, all.end(), [](std::byte b) { return b == untouched; }));
        LANES_CHECK(std::all_of(all.data(), text, [](std::byte b) { return b == untouched; }));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static auto oracle = select_backend("libsodium");
    static auto fastest = select_backend("auto");
    LANES_CHECK(oracle && fastest);
    if (size < prefix_bytes) return 0;
    const Case run = read_case(data, size);
    if ((*oracle)->unavailable(run.suite) != nullptr) return 0;
    Buffers expected;
    for (Backend* backend : {oracle->get(), fastest->get()}) {
        auto key = backend->expand(run.suite, run.key);
        LANES_CHECK(key);
        const Buffers sealed = seal(*backend, *key, run);
        if (backend == oracle->get()) expected = sealed;
        LANES_CHECK(sealed == expected);
        check_open(*backend, *key, run, sealed, false);
        check_open(*backend, *key, run, sealed, true);
    }
    return 0;
}
