// What senders and receivers remember (SenderRecord, ReceiverRecord) as text, a line for each
// value: an operator can read it, and a damaged one is told from a good one.
#pragma once

#include <string>
#include <string_view>

#include "engine/result.hh"
#include "lanes/acceptor.hh"
#include "lanes/announcer.hh"

namespace lanes {

std::string to_text(const SenderRecord& record);
std::string to_text(const ReceiverRecord& record);

/// The error says which line is wrong and what was expected there.
engine::Result<SenderRecord> parse_sender_record(std::string_view text);
engine::Result<ReceiverRecord> parse_receiver_record(std::string_view text);

}  // namespace lanes
