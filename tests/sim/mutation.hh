// Mutation: a fault that is built into the simulated ends on purpose, to prove that the simulator
// can fail: each is what a hasty programmer might write, and each must break the promise that is
// named beside it (promises.hh) within some hundred seeds.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace lanes::sim {

// X(name, promise that it breaks, what is wrong)
#define LANES_SIM_MUTATIONS(X)                                                                \
    X(forgotten_floors, "twice", "a resumed session starts with an empty window")             \
    X(early_floors, "twice", "the floors of an orderly stop are those of the start")          \
    X(lying_store, "twice", "a receiver's store says that it has saved and has not")          \
    X(unsaved_mark, "twice", "sessions are made although the mark could not be saved")        \
    X(no_window, "twice", "the window is neither checked nor committed")                      \
    X(ignored_commit, "twice", "what the window says at commit is not looked at")             \
    X(unread_tag, "unsent", "a packet that does not authenticate is taken for good")          \
    X(reused_secret, "nonce", "a restarted sender numbers from 0 under the secret of before") \
    X(no_limit, "limit", "the hard limit of a key is not observed")                           \
    X(silent_drop, "counters", "packets of unknown sessions vanish without a count")          \
    X(double_count, "counters", "a duplicate is counted as old as well")                      \
    X(stuck_save, "liveness", "a save that fails is never tried again")                       \
    X(one_session, "liveness", "workers never switch to the successor of a session")          \
    X(early_commit, "addition", "numbers are taken before the packet has been opened")        \
    X(no_repeats, "prompt", "announcements are sent three times and never repeated")          \
    X(forgetful_sender, "stamps", "a sender starts from nothing although its state is kept")

enum class Mutation : std::uint8_t {
    none,
#define LANES_SIM_NAME(name, promise, what) name,
    LANES_SIM_MUTATIONS(LANES_SIM_NAME)
#undef LANES_SIM_NAME
};

struct MutationText {
    Mutation mutation;
    std::string_view name;
    std::string_view promise;
    std::string_view what;
};

inline constexpr std::array mutation_texts = {
#define LANES_SIM_TEXT(name, promise, what) MutationText{Mutation::name, #name, promise, what},
    LANES_SIM_MUTATIONS(LANES_SIM_TEXT)
#undef LANES_SIM_TEXT
};

inline std::optional<Mutation> mutation_of(std::string_view name) noexcept {
    for (const MutationText& text : mutation_texts) {
        if (text.name == name) return text.mutation;
    }
    return std::nullopt;
}

}  // namespace lanes::sim
