// The pcap driver under the contract test: what is to be received is written to a file before the
// port opens, and what was sent is read from the file that the port records.
#pragma once

#include <pcap/pcap.h>
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "engine/check.hh"
#include "tests/drivers/fixture.hh"

namespace lanes::test {

/// A directory of the test's own, removed with the object.
class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        char path[] = "/tmp/lanes-test-XXXXXX";
        LANES_CHECK(::mkdtemp(path) != nullptr);
        path_ = path;
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    std::string file(const char* name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

/// Writes a capture of `frames`, `gap_us` apart.
inline void write_capture(const std::string& path, const std::vector<Bytes>& frames,
                          int link_type = DLT_EN10MB, std::uint32_t gap_us = 1) {
    pcap_t* format = ::pcap_open_dead(link_type, 262144);
    pcap_dumper_t* dump = ::pcap_dump_open(format, path.c_str());
    LANES_CHECK(dump != nullptr);
    std::uint64_t time_us = 1'700'000'000'000'000;
    for (const Bytes& frame : frames) {
        pcap_pkthdr header{};
        header.ts.tv_sec = static_cast<time_t>(time_us / 1'000'000);
        header.ts.tv_usec = static_cast<suseconds_t>(time_us % 1'000'000);
        header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
        ::pcap_dump(reinterpret_cast<u_char*>(dump), &header,
                    reinterpret_cast<const u_char*>(frame.data()));
        time_us += gap_us;
    }
    ::pcap_dump_close(dump);
    ::pcap_close(format);
}

/// The frames of a capture from number `skip` on.
inline std::vector<Bytes> read_capture(const std::string& path, std::size_t skip = 0) {
    std::vector<Bytes> frames;
    char reason[PCAP_ERRBUF_SIZE];
    pcap_t* capture = ::pcap_open_offline(path.c_str(), reason);
    LANES_CHECK(capture != nullptr);
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    int state = 0;
    for (std::size_t i = 0; (state = ::pcap_next_ex(capture, &header, &bytes)) == 1; ++i) {
        if (i < skip) continue;
        const auto* at = reinterpret_cast<const std::byte*>(bytes);
        frames.emplace_back(at, at + header->caplen);
    }
    if (state != PCAP_ERROR_BREAK) WARN("reading " << path << ": " << ::pcap_geterr(capture));
    ::pcap_close(capture);
    return frames;
}

class PcapFixture : public Fixture {
  public:
    PcapFixture() {
        live = false;
        chunk = 8192;
    }

    drivers::OpenResult open(unsigned queues, std::vector<Bytes> incoming) override {
        engine::PortSpec spec;
        spec.name = "near";
        spec.write = directory_.file("out.pcap");
        spec.pace = engine::PortSpec::Pace::fast;
        if (!incoming.empty()) {
            spec.read = directory_.file("in.pcap");
            write_capture(spec.read, incoming);
        }
        return drivers::open_pcap(spec, queues);
    }
    void inject(std::size_t, std::size_t) override {}
    std::vector<Bytes> collect(std::size_t) override {
        auto frames = read_capture(directory_.file("out.pcap"), collected_);
        collected_ += frames.size();
        return frames;
    }

  private:
    TemporaryDirectory directory_;
    std::size_t collected_ = 0;
};

}  // namespace lanes::test
