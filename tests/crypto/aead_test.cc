// All backends against each other, and against tampering: lengths, alignments, runs, in place and
// apart. libsodium is the oracle. Bytes around every buffer are watched. A failing case names its
// seed.
#include "crypto/aead.hh"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>

#include "tests/crypto/support.hh"

using namespace lanes::crypto;

namespace {

constexpr std::uint64_t seed = 0x1a9e5;
constexpr std::size_t margin = 64;
constexpr std::byte untouched{0xa5};

enum class Place { apart, same };

/// One packet, its buffers at any alignment, with a margin around them that nobody may write.
class Packet {
  public:
    Packet(std::mt19937_64& random, std::size_t len, std::size_t associated_len)
        : len_(len), offset_(random() % 64) {
        text_.resize(len);
        associated_.resize(associated_len + 1);
        test::scatter(random, text_);
        test::scatter(random, associated_);
        test::scatter(random, job_nonce_);
        source_.assign(offset_ + len + tag_bytes + 2 * margin, untouched);
        target_offset_ = random() % 64;
        target_.assign(target_offset_ + len + tag_bytes + 2 * margin, untouched);
    }

    Job seal_job(Place place) {
        std::copy(text_.begin(), text_.end(), source());
        return job(source(), place == Place::same ? source() : target());
    }

    /// Text and tag as `seal_job` left them.
    std::vector<std::byte> sealed(const Job& job) const {
        std::vector<std::byte> bytes(job.destination, job.destination + len_);
        bytes.insert(bytes.end(), job.tag, job.tag + tag_bytes);
        return bytes;
    }

    /// Opens what seal_job(place) sealed: in place where it lies, or back into the other buffer.
    Job open_job(const Job& sealed_job, Place place) {
        Job opened = sealed_job;
        opened.source = sealed_job.destination;
        opened.destination = sealed_job.destination;
        opened.ok = false;
        if (place == Place::apart) {
            opened.destination = sealed_job.destination == source() ? target() : source();
        }
        return opened;
    }

    const std::vector<std::byte>& text() const { return text_; }
    std::byte* associated() { return associated_.data(); }

    bool margins_untouched() const {
        const auto clean = [&](const std::vector<std::byte>& all, std::size_t offset) {
            const auto is_clean = [](std::byte b) { return b == untouched; };
            const auto first = all.begin() + static_cast<std::ptrdiff_t>(offset + margin);
            return std::all_of(all.begin(), first, is_clean) &&
                   std::all_of(first + static_cast<std::ptrdiff_t>(len_ + tag_bytes), all.end(),
                               is_clean);
        };
        return clean(source_, offset_) && clean(target_, target_offset_);
    }

  private:
    std::byte* source() { return source_.data() + offset_ + margin; }
    std::byte* target() { return target_.data() + target_offset_ + margin; }

    Job job(const std::byte* from, std::byte* to) {
        Job made;
        made.source = from;
        made.destination = to;
        made.len = static_cast<std::uint32_t>(len_);
        made.associated = associated_.data();
        made.associated_len = static_cast<std::uint32_t>(associated_.size() - 1);
        made.tag = to + len_;
        made.nonce = job_nonce_;
        return made;
    }

    std::size_t len_, offset_, target_offset_ = 0;
    std::vector<std::byte> text_, associated_, source_, target_;
    std::array<std::byte, nonce_bytes> job_nonce_;
};

Secret<32> random_key(std::mt19937_64& random) {
    Secret<32> key;
    test::scatter(random, key.bytes());
    return key;
}

/// Seals a run on every backend and demands one result; opens each by each.
void check_run(std::mt19937_64& random, Suite suite, const std::vector<std::size_t>& lengths,
               std::size_t associated_len) {
    const Secret<32> raw = random_key(random);
    std::vector<Packet> packets;
    packets.reserve(lengths.size());
    for (const std::size_t len : lengths) packets.emplace_back(random, len, associated_len);
    std::vector<std::vector<std::byte>> expected;
    for (const auto& backend : test::backends()) {
        if (backend->unavailable(suite) != nullptr) continue;
        auto key = backend->expand(suite, raw);
        REQUIRE(key);
        for (const Place place : {Place::apart, Place::same}) {
            std::vector<Job> jobs;
            for (Packet& packet : packets) jobs.push_back(packet.seal_job(place));
            REQUIRE(backend->seal(*key, jobs) == jobs.size());
            for (std::size_t i = 0; i < jobs.size(); ++i) {
                const auto sealed = packets[i].sealed(jobs[i]);
                if (expected.size() <= i) expected.push_back(sealed);
                REQUIRE(sealed == expected[i]);
                REQUIRE(jobs[i].ok);
                jobs[i] = packets[i].open_job(jobs[i], place);
            }
            REQUIRE(backend->open(*key, jobs) == jobs.size());
            for (std::size_t i = 0; i < jobs.size(); ++i) {
                REQUIRE(jobs[i].ok);
                REQUIRE(std::equal(packets[i].text().begin(), packets[i].text().end(),
                                   jobs[i].destination));
                REQUIRE(packets[i].margins_untouched());
            }
        }
    }
}

const Suite suites[] = {Suite::aes_256_gcm, Suite::chacha20_poly1305};

}  // namespace

TEST_CASE("all backends give the same bytes at every length from 0 to 2048") {
    std::mt19937_64 random(seed);
    for (const Suite suite : suites) {
        for (std::size_t len = 0; len <= 2048; len += 8) {
            CAPTURE(static_cast<int>(suite), len);
            std::vector<std::size_t> lengths;
            for (std::size_t i = 0; i < 8 && len + i <= 2048; ++i) lengths.push_back(len + i);
            check_run(random, suite, lengths, 16);
        }
    }
}

TEST_CASE("all backends give the same bytes for large frames") {
    std::mt19937_64 random(seed + 1);
    for (const Suite suite : suites) {
        check_run(random, suite, {65535, 65534, 65520, 65519, 32768, 32767, 9001, 4097}, 16);
        for (int i = 0; i < 6; ++i) {
            const std::size_t len = 2049 + random() % (65536 - 2049);
            CAPTURE(static_cast<int>(suite), len);
            check_run(random, suite, {len, len - 1, len - 2}, 16);
        }
    }
}

TEST_CASE("all backends give the same bytes for any length of associated data") {
    std::mt19937_64 random(seed + 2);
    for (const Suite suite : suites) {
        for (std::size_t len = 0; len <= 130; ++len) {
            CAPTURE(static_cast<int>(suite), len);
            check_run(random, suite, {0, 1, 64, 100}, len);
        }
    }
}

TEST_CASE("all backends give the same bytes for runs of any count and mixed lengths") {
    std::mt19937_64 random(seed + 3);
    for (const Suite suite : suites) {
        for (const std::size_t count : {0u, 1u, 2u, 3u, 7u, 16u, 31u, 63u, 64u, 65u, 128u, 200u}) {
            std::vector<std::size_t> lengths(count);
            for (std::size_t& len : lengths) len = random() % 1500;
            CAPTURE(static_cast<int>(suite), count);
            check_run(random, suite, lengths, 16);
        }
    }
}

TEST_CASE("what one backend sealed another one opens") {
    std::mt19937_64 random(seed + 4);
    for (const Suite suite : suites) {
        const Secret<32> raw = random_key(random);
        for (const auto& sealer : test::backends()) {
            for (const auto& opener : test::backends()) {
                if (sealer->unavailable(suite) || opener->unavailable(suite)) continue;
                auto seal_key = sealer->expand(suite, raw);
                auto open_key = opener->expand(suite, raw);
                Packet packet(random, 777, 16);
                Job job = packet.seal_job(Place::apart);
                REQUIRE(sealer->seal(*seal_key, {&job, 1}) == 1);
                job = packet.open_job(job, Place::same);
                REQUIRE(opener->open(*open_key, {&job, 1}) == 1);
                CHECK(std::equal(packet.text().begin(), packet.text().end(), job.destination));
            }
        }
    }
}

TEST_CASE("a packet with any bit changed is refused and its destination is zeros") {
    test::for_each_cipher([](Backend& backend, Suite suite) {
        std::mt19937_64 random(seed + 5);
        constexpr std::size_t len = 37;
        auto key = backend.expand(suite, random_key(random));
        const Place place = GENERATE(Place::apart, Place::same);
        CAPTURE(name_of(backend.kind()), static_cast<int>(suite));
        Packet packet(random, len, 16);
        constexpr std::size_t bits = 8 * (16 + len + tag_bytes + nonce_bytes);
        for (std::size_t bit = 0; bit < bits; ++bit) {
            CAPTURE(bit);
            Job sealed = packet.seal_job(place);
            REQUIRE(backend.seal(*key, {&sealed, 1}) == 1);
            Job job = packet.open_job(sealed, place);
            std::fill_n(job.destination, job.destination == job.source ? 0 : len, untouched);
            const auto flip = static_cast<std::byte>(1u << bit % 8);
            std::size_t at = bit / 8;
            std::byte* changed = nullptr;
            if (at < 16) {
                changed = packet.associated() + at;
            } else if (at < 16 + len + tag_bytes) {
                changed = sealed.destination + at - 16;
            } else {
                changed = job.nonce.data() + at - 16 - len - tag_bytes;
            }
            *changed ^= flip;
            REQUIRE(backend.open(*key, {&job, 1}) == 0);
            REQUIRE_FALSE(job.ok);
            REQUIRE(std::all_of(job.destination, job.destination + len,
                                [](std::byte b) { return b == std::byte{0}; }));
            *changed ^= flip;
        }
        REQUIRE(packet.margins_untouched());
    });
}

TEST_CASE("a packet that was cut at any length is refused") {
    test::for_each_cipher([](Backend& backend, Suite suite) {
        std::mt19937_64 random(seed + 6);
        auto key = backend.expand(suite, random_key(random));
        Packet packet(random, 48, 16);
        Job sealed = packet.seal_job(Place::apart);
        REQUIRE(backend.seal(*key, {&sealed, 1}) == 1);
        for (std::uint32_t len = 0; len < 48; ++len) {
            Job job = packet.open_job(sealed, Place::apart);
            job.len = len;
            REQUIRE(backend.open(*key, {&job, 1}) == 0);
            job.tag = sealed.destination + len;  // as a receiver finds it in a packet that was cut
            REQUIRE(backend.open(*key, {&job, 1}) == 0);
        }
    });
}

TEST_CASE("in a run only the packets that were changed are refused") {
    test::for_each_cipher([](Backend& backend, Suite suite) {
        std::mt19937_64 random(seed + 7);
        auto key = backend.expand(suite, random_key(random));
        for (int round = 0; round < 20; ++round) {
            std::vector<Packet> packets;
            for (int i = 0; i < 70; ++i) packets.emplace_back(random, random() % 300, 16);
            std::vector<Job> jobs;
            for (Packet& packet : packets) jobs.push_back(packet.seal_job(Place::same));
            REQUIRE(backend.seal(*key, jobs) == jobs.size());
            std::vector<bool> changed;
            for (std::size_t i = 0; i < jobs.size(); ++i) {
                jobs[i] = packets[i].open_job(jobs[i], Place::same);
                changed.push_back(random() % 3 == 0);
                if (changed.back()) jobs[i].tag[random() % tag_bytes] ^= std::byte{0x40};
            }
            const auto bad =
                static_cast<std::size_t>(std::count(changed.begin(), changed.end(), true));
            REQUIRE(backend.open(*key, jobs) == jobs.size() - bad);
            for (std::size_t i = 0; i < jobs.size(); ++i) REQUIRE(jobs[i].ok != changed[i]);
        }
    });
}

TEST_CASE("another key, or the other suite under the same key, opens nothing") {
    test::for_each_cipher([](Backend& backend, Suite suite) {
        std::mt19937_64 random(seed + 8);
        const Secret<32> raw = random_key(random);
        Secret<32> other = raw.copy();
        other.bytes()[31] ^= std::byte{1};
        auto key = backend.expand(suite, raw);
        Packet packet(random, 100, 16);
        const Job sealed = [&] {
            Job job = packet.seal_job(Place::apart);
            REQUIRE(backend.seal(*key, {&job, 1}) == 1);
            return job;
        }();
        for (const Suite tried : suites) {
            if (backend.unavailable(tried) != nullptr) continue;
            auto wrong = backend.expand(tried, tried == suite ? other : raw);
            Job job = packet.open_job(sealed, Place::apart);
            CHECK(backend.open(*wrong, {&job, 1}) == 0);
        }
    });
}
