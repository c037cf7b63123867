// See pcapng.hh. Numbers in the file are in the byte order of the machine that wrote it.
#include "tools/pcapng.hh"

namespace lanes::tools {
namespace {

constexpr std::uint32_t section_header = 0x0a0d0d0a;
constexpr std::uint32_t interface_description = 1;
constexpr std::uint32_t enhanced_packet = 6;
constexpr std::uint16_t option_comment = 1;
constexpr std::uint16_t option_name = 2;        ///< of an interface
constexpr std::uint16_t option_flags = 2;       ///< of a packet
constexpr std::uint16_t option_resolution = 9;  ///< of time stamps: 10 to the power of minus this
constexpr std::size_t comment_bytes_max = 4096;

template <typename Number>
void put(std::string& to, Number number) {
    to.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void put_padded(std::string& to, std::string_view bytes) {
    to += bytes;
    to.append((4 - bytes.size() % 4) % 4, '\0');
}

void put_option(std::string& to, std::uint16_t code, std::string_view value) {
    put(to, code);
    put(to, static_cast<std::uint16_t>(value.size()));
    put_padded(to, value);
}

/// A block of which `body` is what lies between its two lengths.
void put_block(std::string& to, std::uint32_t type, const std::string& body) {
    const auto len = static_cast<std::uint32_t>(body.size() + 12);
    put(to, type);
    put(to, len);
    to += body;
    put(to, len);
}

}  // namespace

CaptureFile::CaptureFile() {
    std::string body;
    put(body, std::uint32_t{0x1a2b3c4d});
    put(body, std::uint16_t{1});
    put(body, std::uint16_t{0});
    put(body, std::int64_t{-1});  // of unknown length
    put_block(bytes_, section_header, body);
}

std::uint32_t CaptureFile::interface_of(std::string_view port, Link link) {
    for (std::size_t i = 0; i < ports_.size(); ++i) {
        if (ports_[i].name == port && ports_[i].link == link) return static_cast<std::uint32_t>(i);
    }
    ports_.push_back({std::string(port), link});
    std::string body;
    put(body, static_cast<std::uint16_t>(link));
    put(body, std::uint16_t{0});
    put(body, std::uint32_t{0});  // no limit to what is kept
    put_option(body, option_name, port);
    put_option(body, option_resolution, "\x09");
    put(body, std::uint32_t{0});
    put_block(bytes_, interface_description, body);
    return static_cast<std::uint32_t>(ports_.size() - 1);
}

void CaptureFile::add(const Frame& frame) {
    std::string body;
    put(body, interface_of(frame.port, frame.link));
    put(body, static_cast<std::uint32_t>(frame.unix_ns >> 32));
    put(body, static_cast<std::uint32_t>(frame.unix_ns));
    put(body, static_cast<std::uint32_t>(frame.bytes.size()));
    put(body, frame.len);
    put_padded(body, {reinterpret_cast<const char*>(frame.bytes.data()), frame.bytes.size()});
    put_option(body, option_comment, frame.remark.substr(0, comment_bytes_max));
    std::string flags;
    put(flags, static_cast<std::uint32_t>(frame.direction));
    put_option(body, option_flags, flags);
    put(body, std::uint32_t{0});
    put_block(bytes_, enhanced_packet, body);
    ++frames_;
}

bool CaptureFile::write(std::FILE* file) const {
    return std::fwrite(bytes_.data(), 1, bytes_.size(), file) == bytes_.size() &&
           std::fflush(file) == 0;
}

}  // namespace lanes::tools
