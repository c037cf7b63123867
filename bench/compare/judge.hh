// Whether B is worse than A, case by case: by how much, and whether chance alone could have done
// it. A difference counts when it is larger than the budget and stays significant when p values are
// corrected for the number of cases (Holm 1979): of fifty cases that did not change, one in two
// runs would otherwise show a difference at p < 0.01.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace lanes::bench {

enum class Test : std::uint8_t {
    mann_whitney,  ///< samples of two runs, which have nothing to do with each other
    signed_rank,   ///< a[i] and b[i] are of the same round
};

struct Rules {
    double budget_percent = 2;  ///< smallest change that counts
    double alpha = 0.01;        ///< p values below are significant
    bool force = false;         ///< judge by the budget alone what cannot be tested
    Test test = Test::mann_whitney;
};

/// One case on both sides. A side that does not have it has a median of NaN.
struct Pair {
    std::string name;
    std::string metric;
    std::string unit;
    bool lower_is_better = true;
    double a_median = std::numeric_limits<double>::quiet_NaN();
    double b_median = std::numeric_limits<double>::quiet_NaN();
    std::vector<double> a;  ///< samples; may be empty
    std::vector<double> b;
};

enum class Change : std::uint8_t { better, worse, same, only_a, only_b, no_samples, few_samples };
const char* to_string(Change change);

struct Judged {
    std::optional<double> change_percent;  ///< from A to B; none if A is 0 or a side is missing
    std::optional<double> p;
    std::optional<double> p_holm;  ///< corrected for the number of cases
    Change change = Change::same;
};

/// In the order of `pairs`.
std::vector<Judged> judge(const std::vector<Pair>& pairs, const Rules& rules);

/// Holm's correction, in the order given: never above 1, and in the order of the p values.
std::vector<double> holm(const std::vector<double>& p);

/// The least p value that a test on lists of m and n values can give; n does not matter for pairs.
double least_p(Test test, std::size_t m, std::size_t n);

/// Rounds without which no one of `cases` could be significant.
unsigned rounds_needed(std::size_t cases, double alpha);

}  // namespace lanes::bench
