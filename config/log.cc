// See log.hh.
#include "config/log.hh"

#include <sys/un.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "config/ports.hh"
#include "config/text.hh"

namespace lanes::config {
namespace {

using engine::LogPlace;
using engine::Severity;

/// What a sockaddr_un takes, its end excluded.
constexpr std::size_t socket_path_bytes_max = sizeof(sockaddr_un::sun_path) - 1;

constexpr std::array<std::string_view, 4> keys = {"facility", "level", "syslog", "to"};
constexpr std::array<std::string_view, 3> places = {"journal", "stderr", "syslog"};
constexpr std::array<LogPlace, 3> place_of = {LogPlace::journal, LogPlace::standard_error,
                                              LogPlace::syslog};
constexpr std::array<std::string_view, 5> levels = {"error", "warning", "notice", "info", "debug"};
/// By number, from 0 (RFC 5424 table 1); those in between are for others than daemons.
constexpr std::array<std::pair<std::string_view, unsigned>, 11> facilities = {{{"daemon", 3},
                                                                               {"local0", 16},
                                                                               {"local1", 17},
                                                                               {"local2", 18},
                                                                               {"local3", 19},
                                                                               {"local4", 20},
                                                                               {"local5", 21},
                                                                               {"local6", 22},
                                                                               {"local7", 23},
                                                                               {"user", 1},
                                                                               {"auth", 4}}};

class LogReader {
  public:
    LogReader(const std::filesystem::path& folder, Diagnostics& diagnostics)
        : folder_(folder), diagnostics_(diagnostics) {}

    LogSpec read(const Node& log) {
        for (const Node& child : log.children) {
            if (child.key == "to") {
                read_places(child);
            } else if (child.key == "level") {
                const auto index = word_of(child, {"log.level", {}}, levels);
                if (index) spec_.level = static_cast<Severity>(*index + least_number);
            } else if (child.key == "facility") {
                read_facility(child);
            } else if (child.key == "syslog") {
                read_syslog(child);
            } else {
                unknown_key(child, "`log`", keys, diagnostics_);
            }
        }
        const bool somewhere = !spec_.to.empty();
        const bool syslog =
            std::find(spec_.to.begin(), spec_.to.end(), LogPlace::syslog) != spec_.to.end();
        const Node* const where = log.find("syslog");
        if (where != nullptr && !syslog && (somewhere || log.find("to") == nullptr)) {
            diagnostics_.error(where->key_at,
                               "`log.syslog` says where syslog is, but messages do not go there; "
                               "expected `syslog` in `log.to`; add to: [syslog]");
        }
        return std::move(spec_);
    }

  private:
    static constexpr std::size_t least_number = static_cast<std::size_t>(Severity::error);

    std::optional<std::size_t> word_of(const Node& node, const Field& field,
                                       std::span<const std::string_view> words) {
        const Scalar scalar = scalar_of(node, field, "a word", diagnostics_);
        return read_word(scalar, field, words, diagnostics_);
    }

    void read_places(const Node& node) {
        if (node.kind != Node::Kind::list) return read_place(node);
        if (node.children.empty()) {
            diagnostics_.error(node.at,
                               "expected one or several of journal, stderr, syslog for `log.to`, "
                               "found an empty list; name one, or remove the key");
        }
        for (const Node& child : node.children) read_place(child);
    }

    void read_place(const Node& node) {
        const auto index = word_of(node, {"log.to", {}}, places);
        if (!index) return;
        const LogPlace place = place_of[*index];
        if (std::find(spec_.to.begin(), spec_.to.end(), place) != spec_.to.end()) {
            diagnostics_.error(node.at, say("found `", places[*index],
                                            "` twice for `log.to`; expected each place once; "
                                            "remove one of them"));
            return;
        }
        spec_.to.push_back(place);
    }

    void read_facility(const Node& node) {
        std::array<std::string_view, facilities.size()> words;
        std::transform(facilities.begin(), facilities.end(), words.begin(),
                       [](const auto& facility) { return facility.first; });
        const auto index = word_of(node, {"log.facility", {}}, words);
        if (index) spec_.facility = facilities[*index].second;
    }

    /// A path, or an address with a port: what has a slash is a path.
    void read_syslog(const Node& node) {
        const Field field{"log.syslog", {}};
        constexpr std::string_view expected =
            "the path of a socket, or the address and port of a server";
        const Scalar scalar = scalar_of(node, field, expected, diagnostics_);
        const auto text = read_path(scalar, field, diagnostics_);
        if (!text) return;
        if (text->find('/') != text->npos) return read_socket(node, *text);
        const auto server = engine::parse_endpoint(*text);
        if (!server || server->port == 0) {
            diagnostics_.error(node.at,
                               say("expected ", expected, " for `log.syslog`, found ", shown(*text),
                                   "; write syslog: /dev/log, or \"192.0.2.9:514\""));
            return;
        }
        spec_.server = *server;
    }

    void read_socket(const Node& node, const std::string& text) {
        const std::string path = (folder_ / text).lexically_normal().string();
        if (path.size() <= socket_path_bytes_max && !path.ends_with('/') && !find_bad_text(path)) {
            spec_.socket = path;
            return;
        }
        diagnostics_.error(
            node.at, say("expected the path of a socket, of at most ",
                         std::to_string(socket_path_bytes_max), " bytes, for `log.syslog`, found ",
                         shown(text), "; write syslog: /dev/log, or remove the key"));
    }

    const std::filesystem::path& folder_;
    Diagnostics& diagnostics_;
    LogSpec spec_;
};

}  // namespace

LogSpec read_log(const Node* log, const std::filesystem::path& folder, Diagnostics& diagnostics) {
    if (log == nullptr || log->kind == Node::Kind::broken) return {};
    if (log->kind != Node::Kind::map || log->children.empty()) {
        const bool empty = log->kind == Node::Kind::map;
        diagnostics.error(
            log->at,
            say("expected a map for `log`, found ", empty ? "an empty map" : described(*log),
                "; write log: {to: [syslog], level: notice}, or remove the key"));
        return {};
    }
    return LogReader(folder, diagnostics).read(*log);
}

}  // namespace lanes::config
