// See log_places.hh.
#include "engine/log_places.hh"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/clock.hh"
#include "engine/result.hh"

namespace lanes::engine {
namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;

/// Those who speak may have read the clock before one another.
std::uint64_t passed(std::uint64_t since_ns, std::uint64_t now_ns) {
    return now_ns > since_ns ? now_ns - since_ns : 0;
}

/// The system's words for an errno value.
std::string reason_of(int code) {
    constexpr std::size_t colon = 2;
    return system_error(code, "").message.substr(colon);
}

}  // namespace

void LogPlaces::add(std::unique_ptr<LogSink> sink, Kind kind) {
    Place& place = places_.emplace_back();
    place.sink = std::move(sink);
    place.kind = kind;
}

void LogPlaces::say(const Message& message, Reach reach, std::uint64_t now_ns) {
    std::vector<Message> before;
    const bool admitted = governor_.admit(message, now_ns, before);
    for (const Message& summary : before) write(summary, Reach::everywhere, now_ns);
    if (admitted) write(message, reach, now_ns);
}

void LogPlaces::tick(std::uint64_t now_ns) {
    std::vector<Message> summaries;
    governor_.tick(now_ns, summaries);
    for (const Message& summary : summaries) write(summary, Reach::everywhere, now_ns);
    Notices notices;
    for (Place& place : places_) {
        if (!drain(place, now_ns, notices)) continue;
        if (place.lost == 0 || passed(place.tried_ns, now_ns) < ns_per_second) continue;
        (void)reconcile(place, now_ns, notices);
    }
    tell_others(notices, now_ns);
}

void LogPlaces::flush(std::uint64_t now_ns) {
    std::vector<Message> summaries;
    governor_.flush(now_ns, summaries);
    for (const Message& summary : summaries) write(summary, Reach::everywhere, now_ns);
}

void LogPlaces::write(const Message& message, Reach reach, std::uint64_t now_ns) {
    Notices notices;
    for (Place& place : places_) {
        if (reach == Reach::not_stderr && place.kind.by_stderr) continue;
        deliver(place, message, now_ns, notices);
    }
    tell_others(notices, now_ns);
}

void LogPlaces::tell_others(const Notices& notices, std::uint64_t now_ns) {
    for (const Notice& notice : notices) {
        std::vector<Message> before;
        if (!governor_.admit(notice.message, now_ns, before)) continue;
        // No notice of a place that fails just now: it tells itself how much it missed.
        Notices unused;
        before.push_back(notice.message);
        for (const Message& message : before) {
            for (Place& place : places_) {
                if (&place != notice.about) deliver(place, message, now_ns, unused);
            }
        }
    }
}

void LogPlaces::deliver(Place& place, const Message& message, std::uint64_t now_ns,
                        Notices& notices) {
    if (!drain(place, now_ns, notices) || !reconcile(place, now_ns, notices)) {
        const bool room = place.lost == 0 && place.waiting.size() < waiting_max;
        if (room) return place.waiting.push_back(message);
        return lose(place, 1, EAGAIN, now_ns, notices);
    }
    const int code = place.sink->write(message);
    if (code == 0) {
        place.kind.maybe = false;
    } else if (code == EAGAIN) {
        place.waiting.push_back(message);
    } else {
        lose(place, 1, code, now_ns, notices);
    }
}

// What waits for a place that is gone is lost with it.
void LogPlaces::lose(Place& place, std::uint64_t count, int why, std::uint64_t now_ns,
                     Notices& notices) {
    const bool first = place.lost == 0;
    place.lost += count;
    if (why != EAGAIN) {
        place.lost += place.waiting.size();
        place.waiting.clear();
    }
    if (!first) return;
    place.why = why;
    place.since_ns = place.tried_ns = now_ns;
    if (!place.kind.maybe) notices.push_back({&place, failed(place)});
}

// Hands over what waits; whether nothing does any more.
bool LogPlaces::drain(Place& place, std::uint64_t now_ns, Notices& notices) {
    while (!place.waiting.empty()) {
        const int code = place.sink->write(place.waiting.front());
        if (code == EAGAIN) return false;
        if (code != 0) {
            lose(place, 0, code, now_ns, notices);
            return false;
        }
        place.waiting.pop_front();
    }
    return true;
}

// Tells a place what it missed; whether it takes messages.
bool LogPlaces::reconcile(Place& place, std::uint64_t now_ns, Notices& notices) {
    if (place.lost == 0) return true;
    place.tried_ns = now_ns;
    Message message = missed(place, now_ns);
    if (place.sink->write(message) != 0) return false;
    place.lost = 0;
    if (!std::exchange(place.kind.maybe, false)) notices.push_back({&place, std::move(message)});
    return true;
}

bool LogPlaces::waiting() const noexcept {
    return std::any_of(places_.begin(), places_.end(),
                       [](const Place& place) { return !place.waiting.empty(); });
}

Message LogPlaces::failed(const Place& place) {
    const std::string name = place.sink->name();
    const std::string reason = reason_of(place.why);
    return {Severity::warning,
            &events::log,
            {{Key::place, name}, {Key::reason, reason}},
            name + " takes no messages: " + reason + "; they are counted until it does",
            unix_ns()};
}

Message LogPlaces::missed(const Place& place, std::uint64_t now_ns) {
    const std::string name = place.sink->name();
    const std::string reason = reason_of(place.why);
    const std::string count = std::to_string(place.lost);
    const std::string seconds =
        std::to_string((passed(place.since_ns, now_ns) + ns_per_second / 2) / ns_per_second);
    return {
        Severity::warning,
        &events::log,
        {{Key::place, name}, {Key::count, count}, {Key::seconds, seconds}, {Key::reason, reason}},
        name + " did not take " + count + (place.lost == 1 ? " message" : " messages") + " in " +
            seconds + " s: " + reason};
}

}  // namespace lanes::engine
