// DefaultScenario: bench/scenarios/soak.yaml and its node files, made ready to run in a folder of
// their own that nobody else may look into: with fresh keys, and pinned to cores that this process
// may use. The texts are within the program, so that a soak without a FILE works from anywhere.
#pragma once

#include <string>

namespace lanes::bench {

extern const char* const soak_scenario_text;
extern const char* const soak_sender_text;
extern const char* const soak_receiver_text;

class DefaultScenario {
  public:
    /// Throws std::runtime_error.
    DefaultScenario();
    ~DefaultScenario();  ///< removes the folder
    DefaultScenario(const DefaultScenario&) = delete;
    DefaultScenario& operator=(const DefaultScenario&) = delete;

    std::string file() const { return folder_ + "/soak.yaml"; }

  private:
    void fill() const;
    std::string folder_;
};

}  // namespace lanes::bench
