// See checkpoint.hh.
#include "bench/soak/checkpoint.hh"

#define XXH_INLINE_ALL
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "bench/report.hh"

namespace lanes::bench {
namespace {

constexpr int format = 1;

/// Values of Traffic with their names in the file.
constexpr std::pair<const char*, std::uint64_t Traffic::*> traffic_fields[] = {
    {"sent", &Traffic::sent},           {"received", &Traffic::received},
    {"lost", &Traffic::lost},           {"sink_lost", &Traffic::sink_lost},
    {"corrupt", &Traffic::corrupt},     {"duplicates", &Traffic::duplicates},
    {"reordered", &Traffic::reordered},
};

Json header_of(const SoakTerms& terms) {
    Json options = Json::object();
    for (const auto& [name, value] : terms) options[name] = value;
    const std::string text = options.dump(-1, ' ', false, Json::error_handler_t::replace);
    Json header = {{"soak", format}, {"options", options}};
    header["hash"] = XXH3_64bits(text.data(), text.size());
    return header;
}

}  // namespace

std::string to_line(const Sample& sample) {
    Json line = {{"piece", sample.piece},
                 {"x_seconds", sample.x_seconds},
                 {"piece_seconds", sample.piece_seconds},
                 {"unix_seconds", sample.unix_seconds},
                 {"steal_seconds", sample.steal_seconds}};
    Json& values = line["values"] = Json::array();
    for (const double value : sample.values) {
        values.push_back(std::isfinite(value) ? Json(value) : Json());
    }
    for (const auto& [name, field] : traffic_fields) line[name] = sample.traffic.*field;
    line["drops"] = sample.drops;
    return line.dump();
}

Sample sample_from(const std::string& text, std::size_t series) {
    const Json line = Json::parse(text);
    Sample sample;
    sample.piece = line.at("piece").get<unsigned>();
    sample.x_seconds = line.at("x_seconds").get<double>();
    sample.piece_seconds = line.at("piece_seconds").get<double>();
    sample.unix_seconds = line.at("unix_seconds").get<std::int64_t>();
    sample.steal_seconds = line.at("steal_seconds").get<double>();
    for (const Json& value : line.at("values")) {
        sample.values.push_back(value.is_null() ? std::nan("") : value.get<double>());
    }
    if (sample.values.size() != series) throw std::runtime_error("wrong number of values");
    for (const auto& [name, field] : traffic_fields) {
        sample.traffic.*field = line.at(name).get<std::uint64_t>();
    }
    sample.drops = line.at("drops").get<DropCounts>();
    return sample;
}

namespace {

/// Nothing, or what keeps a soak of `terms` from going on with a file that begins so.
std::string difference(const std::string& first_line, const SoakTerms& terms) {
    const Json found = Json::parse(first_line, nullptr, false);
    const Json wanted = header_of(terms);
    if (!found.is_object() || !found.contains("soak") || !found.contains("options") ||
        !found["options"].is_object()) {
        return "is no checkpoint of a soak; name another file";
    }
    if (found["soak"] != wanted["soak"]) return "was written by another version of lanes-bench";
    if (found.contains("hash") && found["hash"] == wanted["hash"]) return {};
    const auto text = [](const Json& value) {
        return value.is_string() ? value.get<std::string>() : value.dump();
    };
    for (const auto& [name, value] : terms) {
        const Json* former = find_field(found["options"], name);
        const std::string had = former == nullptr ? "nothing" : text(*former);
        if (had != value) {
            return "was made with " + name + " " + had + ", and this soak has " + value +
                   "; give the same options, or name another file";
        }
    }
    return "has a damaged first line; name another file";
}

}  // namespace

Checkpoint::Checkpoint(const std::string& path, Mode mode, const SoakTerms& terms,
                       std::size_t series, const std::function<void(const Sample&)>& take)
    : path_(path) {
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail_errno("cannot be opened");
    try {
        lock();
        const std::string text = contents();
        if (mode == Mode::begin && !text.empty()) {
            fail("is there already; go on with it by --resume, remove it, or name another file");
        }
        std::size_t kept = 0;  // whole lines, in characters
        for (std::size_t number = 1, end; kept < text.size(); ++number, kept = end + 1) {
            end = text.find('\n', kept);
            if (end == std::string::npos) break;
            const std::string line = text.substr(kept, end - kept);
            if (number == 1) {
                if (const std::string other = difference(line, terms); !other.empty()) fail(other);
                continue;
            }
            try {
                take(sample_from(line, series));
            } catch (const std::exception& error) {
                if (end + 1 == text.size()) break;  // what a power cut leaves of the last line
                fail("line " + std::to_string(number) + " is no sample (" + error.what() + ")");
            }
        }
        torn_chars_ = text.size() - kept;
        if (torn_chars_ > 0 && ::ftruncate(descriptor_, static_cast<off_t>(kept)) != 0) {
            fail_errno("its torn last line cannot be cut off");
        }
        if (kept == 0) append(header_of(terms).dump());
    } catch (...) {
        ::close(descriptor_);
        throw;
    }
}

Checkpoint::~Checkpoint() {
    ::close(descriptor_);
}

void Checkpoint::add(const Sample& sample) {
    append(to_line(sample));
}

void Checkpoint::append(std::string line) {
    line += '\n';
    for (std::size_t done = 0; done < line.size();) {
        const ssize_t len = ::write(descriptor_, line.data() + done, line.size() - done);
        if (len < 0 && errno == EINTR) continue;
        if (len < 0) fail_errno("cannot be written");
        done += static_cast<std::size_t>(len);
    }
    // What is no disk (a pipe, /dev/stderr) has nothing to wait for.
    if (::fdatasync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) {
        fail_errno("cannot be written");
    }
}

void Checkpoint::lock() {
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
    if (errno == EWOULDBLOCK) fail("is in use by another soak");
    fail_errno("cannot be locked");
}

std::string Checkpoint::contents() const {
    std::string text;
    char block[65536];
    ssize_t len;
    while ((len = ::pread(descriptor_, block, sizeof block, static_cast<off_t>(text.size()))) > 0) {
        text.append(block, static_cast<std::size_t>(len));
    }
    if (len < 0) fail_errno("cannot be read");
    return text;
}

void Checkpoint::fail(const std::string& what) const {
    throw std::runtime_error("checkpoint " + path_ + " " + what);
}

void Checkpoint::fail_errno(const std::string& what) const {
    fail(what + ": " + std::strerror(errno));
}

}  // namespace lanes::bench
