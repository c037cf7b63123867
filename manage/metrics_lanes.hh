// LaneMetrics: what the metrics say of lanes, in pieces, for the Control thread must not be kept
// from its ticks by 10,000 of them. The names are taken down at once; then each lane is looked at
// when the first family comes to it, and the other families tell what was seen then: whatever they
// say of a lane is of one moment. Lanes that went meanwhile are left out.
//
// Not labelled by worker (of 10,000 lanes and 16 workers nobody could keep the series; `show lane`
// has it) nor by drop reason, which lanes do not count apart.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lanes/control.hh"
#include "manage/lane_facts.hh"
#include "manage/metrics_text.hh"
#include "manage/node.hh"

namespace lanes::manage {

class LaneMetrics {
  public:
    /// Of a node with more lanes none has metrics of its own: a part of them, now these and now
    /// those, would be worse.
    static constexpr std::size_t lanes_labelled_max = 100'000;
    /// Looked at, and written, in one piece.
    static constexpr std::size_t looks_max = 64;
    static constexpr std::size_t samples_max = 256;

    /// `node` and `links` outlive it.
    LaneMetrics(Node& node, Links& links);

    /// Writes the next piece; false: there is no more.
    bool write(MetricsText& text);

    /// How a lane was when it was looked at.
    struct Seen {
        std::uint32_t label = 0;  ///< where its `lane="..."` begins in labels_
        std::uint32_t label_bytes = 0;
        Role role = Role::send;
        bool in_service = false;  ///< false: nothing else is known of it
        bool sealed = false;
        bool has_session = false;
        std::uint32_t epoch = 0;
        std::string_view state;
        std::uint64_t packets = 0, bytes = 0, dropped = 0, duplicates = 0, old = 0;
        std::uint64_t session_age_ns = 0;
        std::uint64_t lost = 0, delay_variation_ns = 0;
        std::uint64_t heard_boot_ns = 0, now_ns = 0;
    };

  private:
    void look(MetricsText& text);
    void look_at(std::string_view name, const Fleet::Entry& entry, MetricsText& text);
    void add_down(std::string_view name);
    void set_label(Seen& lane, std::string_view name);
    void write_samples(MetricsText& text);
    void write_numbers(MetricsText& text);
    std::string_view label_of(const Seen& lane) const noexcept;

    Node& node_;
    Links& links_;
    std::string names_;  ///< of lanes in service when the scrape began, one behind the other
    std::vector<std::uint32_t> ends_;  ///< of each, in names_
    std::vector<std::string> down_;    ///< and of those that were not
    std::size_t unlabelled_ = 0;
    std::size_t looked_at_ = 0;  ///< of these lanes
    std::vector<Seen> seen_;
    std::string labels_;
    std::size_t family_ = 0;
    std::size_t written_ = 0;  ///< of seen_, in this family
    enum class Stage : std::uint8_t { looking, samples, numbers, done } stage_ = Stage::looking;
};

}  // namespace lanes::manage
