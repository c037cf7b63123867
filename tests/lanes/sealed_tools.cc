// See sealed_tools.hh.
#include "tests/lanes/sealed_tools.hh"

#include <catch2/catch.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <string_view>
#include <utility>

#include "lanes/records.hh"

namespace lanes::test {
namespace {

class SeededRandom final : public crypto::Random {
  public:
    explicit SeededRandom(unsigned seed) : engine_(seed) {}
    void fill(std::span<std::byte> bytes) noexcept override {
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(engine_());
    }

  private:
    std::mt19937 engine_;
};

class StoreOf final : public StateStore {
  public:
    explicit StoreOf(Memory& memory) : memory_(memory) {}
    engine::Result<std::optional<std::string>> load(const std::string& name) override {
        const auto at = memory_.texts.find(name);
        if (at == memory_.texts.end()) return std::optional<std::string>();
        return std::optional(at->second);
    }
    engine::Result<void> save(std::span<const Entry> entries) override {
        if (memory_.failing) return engine::Error{0, "the store was told to fail"};
        for (const Entry& entry : entries) memory_.texts[entry.name] = entry.text;
        return {};
    }

  private:
    Memory& memory_;
};

/// A receive queue whose frames have less room before them than they really have.
class CloseRx final : public engine::RxQueue {
  public:
    CloseRx(engine::RxQueue& inner, std::uint32_t headroom) : inner_(inner), headroom_(headroom) {}
    unsigned receive(engine::Burst& burst, engine::WorkerCounters& worker) noexcept override {
        const unsigned n = inner_.receive(burst, worker);
        for (engine::Frame& frame : burst) frame.headroom = std::min(frame.headroom, headroom_);
        return n;
    }
    void release(engine::Burst& burst) noexcept override { inner_.release(burst); }
    int wake_fd() const noexcept override { return inner_.wake_fd(); }
    bool prepare_sleep() noexcept override { return inner_.prepare_sleep(); }
    engine::FrameMemory* memory() const noexcept override { return inner_.memory(); }

  private:
    engine::RxQueue& inner_;
    std::uint32_t headroom_;
};

class ClosePort final : public engine::Port {
  public:
    ClosePort(std::unique_ptr<engine::Port> inner, unsigned queues, std::uint32_t headroom)
        : inner_(std::move(inner)) {
        for (unsigned i = 0; i < queues; ++i) {
            rx_.push_back(std::make_unique<CloseRx>(inner_->rx(i), headroom));
        }
    }
    const engine::PortInfo& info() const noexcept override { return inner_->info(); }
    engine::RxQueue& rx(unsigned queue) noexcept override { return *rx_[queue]; }
    engine::TxQueue& tx(unsigned queue) noexcept override { return inner_->tx(queue); }

  private:
    std::unique_ptr<engine::Port> inner_;
    std::vector<std::unique_ptr<CloseRx>> rx_;
};

}  // namespace

PortOpener close_opener(PortOpener open, std::uint32_t headroom) {
    return [open = std::move(open), headroom](
               const engine::PortSpec& spec,
               const engine::WorkerCores& cores) -> engine::Result<std::unique_ptr<engine::Port>> {
        auto port = open(spec, cores);
        if (!port) return port.error();
        return std::unique_ptr<engine::Port>(
            std::make_unique<ClosePort>(std::move(*port), cores.count(), headroom));
    };
}

std::unique_ptr<StateStore> Memory::open() {
    return std::make_unique<StoreOf>(*this);
}

Overheard::Overheard() : file_(::memfd_create("overheard", 0)), before_(::dup(2)) {
    REQUIRE(file_ >= 0);
    REQUIRE(::dup2(file_, 2) == 2);
}

Overheard::~Overheard() {
    ::dup2(before_, 2);
    ::close(before_);
    ::close(file_);
}

std::string Overheard::text() const {
    std::string text(static_cast<std::size_t>(::lseek(file_, 0, SEEK_END)), '\0');
    REQUIRE(::pread(file_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    return text;
}

std::shared_ptr<const crypto::KeyPair> pair_of(unsigned seed) {
    SeededRandom random(seed);
    return std::make_shared<const crypto::KeyPair>(crypto::KeyPair::generate(random));
}

std::shared_ptr<const crypto::SharedSecret> secret_of(unsigned seed) {
    SeededRandom random(seed);
    return std::make_shared<const crypto::SharedSecret>(crypto::generate_shared(random));
}

std::vector<std::string> backend_names() {
    std::vector<std::string> names;
    for (const char* name : {"ipsec-mb", "libsodium"}) {
        if (crypto::select_backend(name)) names.emplace_back(name);
    }
    if (names.size() == 1) WARN("without ipsec-mb, which this build does not have: skipped");
    return names;
}

std::vector<Bytes> sorted(std::vector<Bytes> frames) {
    const auto text = [](const Bytes& bytes) {
        return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    std::sort(frames.begin(), frames.end(),
              [&](const Bytes& a, const Bytes& b) { return text(a) < text(b); });
    return frames;
}

std::vector<Bytes> some_frames(unsigned count, std::size_t len, std::uint32_t first) {
    std::vector<Bytes> frames;
    for (unsigned i = 0; i < count; ++i) frames.push_back(ethernet_frame(len + i % 7, first + i));
    return frames;
}

std::string sender_text(std::uint64_t stamp, std::uint32_t epoch) {
    return to_text(SenderRecord{stamp, epoch});
}

}  // namespace lanes::test
