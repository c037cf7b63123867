// See client.hh.
#include "tools/client.hh"

#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "tools/commands.hh"

namespace lanes::tools {
namespace {

constexpr const char* directory = "/run/lanes";
constexpr std::string_view suffix = ".sock";
constexpr std::size_t answer_bytes_max = std::size_t{256} << 20;
constexpr std::size_t head_bytes_max = 64;
constexpr std::size_t line_bytes_max = 4096;

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

/// A connected socket, or -1 and errno.
int connected(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    const auto* where = static_cast<const sockaddr*>(static_cast<const void*>(&address));
    if (::connect(fd, where, sizeof address) == 0) return fd;
    const int code = errno;
    ::close(fd);
    errno = code;
    return -1;
}

engine::Error connect_error(int code, const std::string& path) {
    const std::string start = "start it with `lanes run FILE`";
    switch (code) {
        case ENOENT:
            return {code, "no node runs at " + path + ": " + start};
        case ECONNREFUSED:
            return {code, "nobody listens at " + path + ": the node has ended; " + start};
        case EACCES:
        case EPERM:
            return {code, path + " does not let you in: become a member of its group, or root"};
        default:
            return engine::system_error(code, "connect to " + path);
    }
}

/// STATUS LENGTH of an answer's first line.
bool parse_head(std::string_view head, int& status, std::size_t& len) {
    const char* end = head.data() + head.size();
    const auto first = std::from_chars(head.data(), end, status);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != ' ') return false;
    const auto second = std::from_chars(first.ptr + 1, end, len);
    return second.ec == std::errc() && second.ptr == end && status >= 0 && status < 256 &&
           len <= answer_bytes_max;
}

/// Whether a word must be quoted to stay one word.
bool plain(const std::string& word) {
    return !word.empty() && word.find_first_of(" \t\n\r'\"\\{") == std::string::npos;
}

}  // namespace

std::vector<std::string> running_nodes(const std::string& folder) {
    std::vector<std::string> nodes;
    DIR* open = ::opendir(folder.c_str());
    if (open == nullptr) return nodes;
    while (const dirent* entry = ::readdir(open)) {
        const std::string_view name = entry->d_name;
        if (name.size() <= suffix.size() || !name.ends_with(suffix)) continue;
        // A node that was killed leaves its socket behind. Where we are not let in, one runs.
        const int fd = connected(folder + "/" + std::string(name));
        if (fd >= 0) {
            ::close(fd);
        } else if (errno != EACCES) {
            continue;
        }
        nodes.emplace_back(name.substr(0, name.size() - suffix.size()));
    }
    ::closedir(open);
    std::sort(nodes.begin(), nodes.end());
    return nodes;
}

engine::Result<std::string> socket_of(const Target& target) {
    if (!target.socket.empty()) return target.socket;
    const std::string folder = directory;
    if (!target.node.empty()) {
        const std::string path = folder + "/" + target.node + std::string(suffix);
        if (::access(path.c_str(), F_OK) == 0) return path;
        const auto nodes = running_nodes(folder);
        return engine::Error{
            ENOENT,
            "no node " + target.node + " runs here (" + path + " is not there); " +
                (nodes.empty() ? "no other node runs either" : "there are: " + joined(nodes)) +
                "; name a socket elsewhere with --socket PATH"};
    }
    const auto nodes = running_nodes(folder);
    if (nodes.size() == 1) return folder + "/" + nodes.front() + std::string(suffix);
    if (nodes.empty()) {
        return engine::Error{ENOENT,
                             "no node runs here (none listens in " + folder +
                                 "): start one with `lanes run FILE`, or name its socket with "
                                 "--socket PATH"};
    }
    return engine::Error{
        0, "several nodes run here; say which one is meant with --node NAME: " + joined(nodes)};
}

Client::~Client() {
    close();
}

void Client::close() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    received_.clear();
}

bool Client::stands() const noexcept {
    if (fd_ < 0) return false;
    pollfd entry{fd_, POLLIN | POLLRDHUP, 0};
    // Nobody asked, so what comes now is the end, or a farewell.
    return ::poll(&entry, 1, 0) == 0;
}

engine::Result<void> Client::connect() {
    if (stands()) return {};
    close();
    fd_ = connected(socket_);
    if (fd_ < 0) return connect_error(errno, socket_);
    return {};
}

engine::Result<void> Client::read_more() {
    pollfd entry{fd_, POLLIN, 0};
    const int ready = ::poll(&entry, 1, patience_ms_);
    if (ready < 0) return engine::system_error(errno, "wait for the answer");
    if (ready == 0) {
        return engine::Error{ETIMEDOUT, "the node at " + socket_ + " does not answer within " +
                                            std::to_string(patience_ms_ / 1000) + " s"};
    }
    char bytes[65536];
    const ssize_t n = ::read(fd_, bytes, sizeof bytes);
    if (n < 0) return engine::system_error(errno, "read the answer");
    if (n == 0) {
        return engine::Error{ECONNRESET,
                             "the node at " + socket_ + " ended before its answer was whole"};
    }
    received_.append(bytes, static_cast<std::size_t>(n));
    return {};
}

engine::Result<manage::Answer> Client::receive() {
    std::size_t at;
    while ((at = received_.find('\n')) == std::string::npos) {
        if (received_.size() > head_bytes_max) break;
        if (auto more = read_more(); !more) return more.error();
    }
    manage::Answer answer;
    std::size_t len = 0;
    if (at == std::string::npos ||
        !parse_head(std::string_view(received_).substr(0, at), answer.status, len)) {
        return engine::Error{EPROTO, "what listens at " + socket_ + " does not speak as a node"};
    }
    received_.erase(0, at + 1);
    while (received_.size() < len) {
        if (auto more = read_more(); !more) return more.error();
    }
    answer.text = received_.substr(0, len);
    received_.erase(0, len);
    return answer;
}

engine::Result<manage::Answer> Client::ask(std::string_view line) {
    if (line.size() + 1 > line_bytes_max) {
        return engine::Error{EMSGSIZE, "a line has at most " + std::to_string(line_bytes_max - 1) +
                                           " bytes; this one has " + std::to_string(line.size())};
    }
    if (auto ready = connect(); !ready) return ready.error();
    const std::string whole = std::string(line) + '\n';
    for (std::size_t sent = 0; sent < whole.size();) {
        const ssize_t n = ::send(fd_, whole.data() + sent, whole.size() - sent, MSG_NOSIGNAL);
        if (n < 0) {
            const auto error = engine::system_error(errno, "send to " + socket_);
            close();
            return error;
        }
        sent += static_cast<std::size_t>(n);
    }
    auto answer = receive();
    if (!answer) close();
    return answer;
}

std::string line_of(const std::vector<std::string>& arguments) {
    std::string line;
    for (const std::string& argument : arguments) {
        if (!line.empty()) line += ' ';
        if (plain(argument)) {
            line += argument;
            continue;
        }
        line += '"';
        for (const char c : argument) {
            if (c == '"' || c == '\\') line += '\\';
            // A lane may be written on several lines; to YAML in braces they are blanks.
            line += c == '\n' || c == '\t' || c == '\r' ? ' ' : c;
        }
        line += '"';
    }
    return line;
}

int ask_node(const Target& target, const std::vector<std::string>& arguments) {
    const auto path = socket_of(target);
    if (!path) {
        std::fprintf(stderr, "lanes: %s\n", path.error().message.c_str());
        return path.error().code == 0 ? exit_unreadable : exit_no_node;
    }
    Client client(path.value());
    const auto answer = client.ask(line_of(arguments));
    if (!answer) {
        std::fprintf(stderr, "lanes: %s\n", answer.error().message.c_str());
        return answer.error().code == EMSGSIZE ? exit_unreadable : exit_no_node;
    }
    // What was asked for goes to standard output; a refusal that is no JSON, beside it.
    const std::string& text = answer.value().text;
    const bool refused = answer.value().status != 0 && !text.starts_with('{');
    std::fwrite(text.data(), 1, text.size(), refused ? stderr : stdout);
    if (std::fflush(stdout) != 0) return exit_errors;
    return answer.value().status;
}

}  // namespace lanes::tools
