// `lanes trace ... --pcap FILE`: asks the node for a trace as JSON, and writes the frames that are
// in it, before and after, into a capture file. The node itself may write no files.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/client.hh"
#include "tools/commands.hh"
#include "tools/pcapng.hh"

namespace lanes::tools {
namespace {

using Json = nlohmann::json;

struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

std::vector<std::byte> bytes_of(const std::string& hex) {
    std::vector<std::byte> bytes;
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes.push_back(static_cast<std::byte>(digit(hex[i]) << 4 | digit(hex[i + 1])));
    }
    return bytes;
}

CaptureFile::Link link_of(const std::string& kind) {
    if (kind == "ethernet") return CaptureFile::Link::ethernet;
    return kind == "ip" ? CaptureFile::Link::ip : CaptureFile::Link::lane_packet;
}

void add(CaptureFile& file, const Json& frame, CaptureFile::Direction direction,
         std::uint64_t unix_ns, const std::string& remark) {
    const auto port = frame.at("port").get<std::string>();
    const std::vector<std::byte> bytes = bytes_of(frame.at("data").get<std::string>());
    file.add({port, link_of(frame.at("kind").get<std::string>()), direction, unix_ns, bytes,
              frame.at("bytes").get<std::uint32_t>(), remark});
}

/// What the answer has, into the file; what a person is to read, to standard output.
engine::Result<void> write(const Json& answer, std::FILE* to, const std::string& path,
                           std::uint64_t begun_ns) {
    using Direction = CaptureFile::Direction;
    CaptureFile file;
    std::printf("%s\n", answer.at("summary").get<std::string>().c_str());
    std::size_t number = 0;
    for (const Json& frame : answer.at("frames")) {
        const std::string text = frame.at("text").get<std::string>();
        const std::uint64_t after_ns = frame.at("after_ns").get<std::uint64_t>();
        const std::string head = "#" + std::to_string(++number);
        std::printf("%s after %.6f s\n%s", head.c_str(), static_cast<double>(after_ns) / 1e9,
                    text.c_str());
        add(file, frame.at("in"), Direction::in, begun_ns + after_ns, head + "\n" + text);
        for (const Json& out : frame.at("out")) {
            add(file, out, Direction::out, begun_ns + after_ns, head);
        }
    }
    if (!file.write(to)) return engine::system_error(errno, path);
    std::printf("%s\n%s has %zu frames, as they came and as they left\n",
                answer.at("end").get<std::string>().c_str(), path.c_str(), file.frames());
    return {};
}

int fail(const std::string& message, int status) {
    std::fprintf(stderr, "lanes: %s\n", message.c_str());
    return status;
}

}  // namespace

int trace_to_file(const Target& target, const std::vector<std::string>& words,
                  const std::string& path) {
    const auto socket = socket_of(target);
    if (!socket) {
        return fail(socket.error().message,
                    socket.error().code == 0 ? exit_unreadable : exit_no_node);
    }
    // Before the trace, which takes its time.
    const File file(std::fopen(path.c_str(), "we"));
    if (!file) return fail(engine::system_error(errno, path).message, exit_errors);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto begun = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
    Client client(socket.value());
    const auto answer = client.ask(line_of(words) + " --json");
    if (!answer) return fail(answer.error().message, exit_no_node);
    const Json json = Json::parse(answer.value().text, nullptr, false);
    if (!json.is_object() || !json.contains("frames")) {
        const auto error = json.is_object() ? json.find("error") : json.end();
        return fail(error != json.end() && error->is_string() ? error->get<std::string>()
                                                              : answer.value().text,
                    answer.value().status == 0 ? exit_errors : answer.value().status);
    }
    try {
        const auto written = write(json, file.get(), path, static_cast<std::uint64_t>(begun));
        if (!written) return fail(written.error().message, exit_errors);
    } catch (const Json::exception&) {
        return fail("what the node answers is no trace: are both of one version?", exit_errors);
    }
    return answer.value().status;
}

}  // namespace lanes::tools
