// See log_governor.hh.
#include "engine/log_governor.hh"

#include <algorithm>
#include <utility>

#include "engine/clock.hh"

namespace lanes::engine {
namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;

/// Whom it is about; if it says nothing of that, only the same words are the same thing.
std::string identity_of(const Message& message) {
    std::string identity;
    for (const Field& field : message.fields) {
        if (field.key > last_identity) continue;
        identity += static_cast<char>('a' + static_cast<int>(field.key));
        identity += std::to_string(field.value.size()) + ':' + field.value;
    }
    return identity.empty() ? '=' + message.text : identity;
}

/// What it says of it. Numbers that only count are not part of that.
std::string content_of(const Message& message) {
    return static_cast<char>('0' + static_cast<int>(message.severity)) + message.text;
}

/// Those who speak may have read the clock before one another.
std::uint64_t passed(std::uint64_t since_ns, std::uint64_t now_ns) {
    return now_ns > since_ns ? now_ns - since_ns : 0;
}

std::uint64_t seconds_since(std::uint64_t since_ns, std::uint64_t now_ns) {
    return std::max<std::uint64_t>((passed(since_ns, now_ns) + ns_per_second / 2) / ns_per_second,
                                   1);
}

void append_counts(Message& message, std::uint64_t count, std::uint64_t seconds) {
    std::erase_if(message.fields, [](const Field& field) {
        return field.key == Key::count || field.key == Key::seconds;
    });
    message.fields.push_back({Key::count, std::to_string(count)});
    message.fields.push_back({Key::seconds, std::to_string(seconds)});
}

}  // namespace

Governor::Bucket& Governor::bucket_of(const Event& event) noexcept {
    const auto at = std::find_if(std::begin(events::all), std::end(events::all),
                                 [&](const Event* one) { return one->name == event.name; });
    // One that is not in the list shares the first one's.
    const auto index = at == std::end(events::all) ? 0 : at - std::begin(events::all);
    return buckets_[static_cast<std::size_t>(index)];
}

bool Governor::take(Bucket& bucket, const Event& event, std::uint64_t now_ns) noexcept {
    const std::uint64_t full = event.burst * ns_per_second;
    if (!std::exchange(bucket.used, true)) {
        bucket.tokens = full;
    } else {
        const std::uint64_t gone =
            std::min(passed(bucket.filled_ns, now_ns), full / event.per_second);
        bucket.tokens = std::min(full, bucket.tokens + gone * event.per_second);
    }
    bucket.filled_ns = std::max(bucket.filled_ns, now_ns);
    if (bucket.tokens < ns_per_second) return false;
    bucket.tokens -= ns_per_second;
    return true;
}

// Whether a message about something known is only counted.
bool Governor::repeated(Thing& thing, const Message& message, std::uint64_t now_ns,
                        std::vector<Message>& before) {
    std::string content = content_of(message);
    const bool same = content == thing.said;
    thing.seen_ns = std::max(thing.seen_ns, now_ns);
    thing.said = std::move(content);
    if (same || thing.told == changes_max ||
        !take(bucket_of(*message.event), *message.event, now_ns)) {
        ++thing.held;
        thing.same = thing.same && same;
        thing.last = message;
        return true;
    }
    // What is held tells of former times, and later it would look like the news.
    if (thing.held != 0) before.push_back(sum_up(thing, now_ns));
    thing.held = 0;
    thing.same = true;
    ++thing.told;
    return false;
}

bool Governor::admit(const Message& message, std::uint64_t now_ns, std::vector<Message>& before) {
    const Event& event = *message.event;
    const std::string identity = identity_of(message);
    const bool counted = event.repeats == Event::Repeats::counted;
    if (counted) {
        const auto known = std::find_if(things_.begin(), things_.end(), [&](const Thing& thing) {
            return thing.event == &event && thing.identity == identity;
        });
        if (known != things_.end()) return !repeated(*known, message, now_ns, before);
    }
    Bucket& bucket = bucket_of(event);
    if (!take(bucket, event, now_ns)) {
        if (bucket.left_out++ == 0) bucket.since_ns = now_ns;
        bucket.severity = std::min(bucket.severity, message.severity);
        return false;
    }
    if (counted) {
        Thing thing{&event, identity, now_ns, now_ns, 1, 0, true, content_of(message), {}};
        remember(std::move(thing), now_ns, before);
    }
    return true;
}

// The one that was not heard of for longest makes room.
void Governor::remember(Thing thing, std::uint64_t now_ns, std::vector<Message>& before) {
    if (things_.size() == things_max) {
        const auto oldest =
            std::min_element(things_.begin(), things_.end(),
                             [](const Thing& a, const Thing& b) { return a.seen_ns < b.seen_ns; });
        if (oldest->held != 0) before.push_back(sum_up(*oldest, now_ns));
        things_.erase(oldest);
    }
    things_.push_back(std::move(thing));
}

Message Governor::sum_up(const Thing& thing, std::uint64_t now_ns) {
    Message message = thing.last;
    message.unix_ns = unix_ns();
    const std::uint64_t seconds = seconds_since(thing.since_ns, now_ns);
    const std::string held = std::to_string(thing.held);
    const bool once = thing.held == 1;
    message.text += thing.same ? " (repeated " + (once ? "once" : held + " times")
                               : " (the last of " + held + (once ? " change" : " changes");
    message.text += " in " + std::to_string(seconds) + " s)";
    append_counts(message, thing.held, seconds);
    return message;
}

Message Governor::sum_up(const Event& event, const Bucket& bucket, std::uint64_t now_ns) {
    const std::uint64_t seconds = seconds_since(bucket.since_ns, now_ns);
    Message message;
    message.severity = bucket.severity;
    message.event = &event;
    message.unix_ns = unix_ns();
    message.text = std::to_string(bucket.left_out) + " more " +
                   (bucket.left_out == 1 ? "message" : "messages") + " of the kind " +
                   std::string(event.name) + (bucket.left_out == 1 ? " was" : " were") +
                   " left out in " + std::to_string(seconds) + " s";
    append_counts(message, bucket.left_out, seconds);
    return message;
}

void Governor::tick(std::uint64_t now_ns, std::vector<Message>& summaries) {
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
        Bucket& bucket = buckets_[i];
        if (bucket.left_out == 0 || passed(bucket.since_ns, now_ns) < left_out_ns) continue;
        summaries.push_back(sum_up(*events::all[i], bucket, now_ns));
        bucket.left_out = 0;
        bucket.severity = Severity::debug;
    }
    std::erase_if(things_, [&](Thing& thing) {
        if (passed(thing.since_ns, now_ns) < window_ns) return false;
        if (thing.held == 0) return true;
        summaries.push_back(sum_up(thing, now_ns));
        // Another window, in which nothing is told but its sum, as long as it goes on.
        thing.since_ns = now_ns;
        thing.told = changes_max;
        thing.held = 0;
        thing.same = true;
        return false;
    });
}

void Governor::flush(std::uint64_t now_ns, std::vector<Message>& summaries) {
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
        if (buckets_[i].left_out == 0) continue;
        summaries.push_back(sum_up(*events::all[i], buckets_[i], now_ns));
    }
    for (const Thing& thing : things_) {
        if (thing.held != 0) summaries.push_back(sum_up(thing, now_ns));
    }
    things_.clear();
    buckets_ = {};
}

}  // namespace lanes::engine
