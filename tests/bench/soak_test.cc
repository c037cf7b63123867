// The soak with time, traffic and leaks made up: what grows is found with its size, what does not
// grow is not, and a soak that was resumed is one soak.
#include "bench/soak/soak.hh"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/soak/judge.hh"
#include "bench/soak/rows.hh"

namespace lanes::bench {
namespace {

using Catch::Matchers::Contains;

/// A clock that only traffic moves.
struct FakeTime {
    double seconds = 1000;
};

class FakeTestbed final : public Testbed {
  public:
    explicit FakeTestbed(FakeTime& time) : time_(time) {}

    Trial run(double rate_pps, double seconds) override {
        time_.seconds += seconds;
        lengths.push_back(seconds);
        Trial trial;
        trial.rate_pps = rate_pps;
        trial.seconds = seconds;
        trial.sent = static_cast<std::uint64_t>(rate_pps * seconds);
        trial.lost = static_cast<std::uint64_t>(loss(time_.seconds) *  //
                                                static_cast<double>(trial.sent));
        trial.received = trial.sent - trial.lost;
        for (int i = 0; i < 100; ++i) {
            trial.latency_ns.record(static_cast<std::uint64_t>(latency_ns(time_.seconds)));
        }
        return trial;
    }
    Trial burst(std::uint64_t) override { return {}; }
    Calibration calibrate() override { return {}; }
    double frame_bits() const override { return 512; }

    std::function<double(double)> loss = [](double) { return 0.0; };
    std::function<double(double)> latency_ns = [](double) { return 20'000.0; };
    std::vector<double> lengths;

  private:
    FakeTime& time_;
};

class FakeWorld final : public Surroundings {
  public:
    explicit FakeWorld(FakeTime& time) : time_(time) {}

    double now_seconds() override { return time_.seconds; }
    std::int64_t unix_seconds() override { return 0; }
    double steal_seconds() override { return time_.seconds / 100; }
    Usage own_usage() override { return {memory(time_.seconds), descriptors(time_.seconds), 7}; }
    std::vector<std::optional<Usage>> watched_usage() override {
        if (watched_until == 0) return {};
        if (time_.seconds > watched_until) return {std::nullopt};
        return {Usage{10, 5, 1}};
    }
    DropCounts drops() override { return {{"tx_full", static_cast<std::uint64_t>(++looks)}}; }
    bool stopped() override { return time_.seconds >= stop_at; }
    void check() override {
        if (fails) throw std::runtime_error("the reload failed");
    }

    std::function<double(double)> memory = [](double) { return 40.0; };
    std::function<double(double)> descriptors = [](double) { return 30.0; };
    double watched_until = 0;
    double stop_at = 1e12;
    bool fails = false;
    int looks = 0;

  private:
    FakeTime& time_;
};

struct Rig {
    FakeTime time;
    FakeTestbed testbed{time};
    FakeWorld world{time};
    SoakPlan plan{3600, 10, 1000, 0, 0};
    std::vector<SeriesName> series = series_of({});
    History history{series.size(), 400};

    SoakEnd run() {
        return soak(plan, testbed, world, [this](const Sample& sample) { history.add(sample); });
    }
    /// The row of a series.
    Json row(const std::string& name, const Budgets& budgets = {}, double warm_up = 0) {
        Report report;
        over = report_soak({history, series, budgets, warm_up}, report);
        remarks = report.remarks;
        for (const Json& found : report.results) {
            if (found["case"] == name) return found;
        }
        FAIL("no row " << name);
        return {};
    }
    std::string verdict(const std::string& name) { return row(name)["verdict"]; }

    bool over = false;
    std::vector<std::string> remarks;
};

/// The same noise for the same time, whoever asks.
double noise(double seconds, double deviation) {
    std::mt19937 random(static_cast<unsigned>(seconds * 8));
    return std::normal_distribution<double>(0, deviation)(random);
}

std::string joined(const std::vector<std::string>& lines) {
    std::string all;
    for (const std::string& line : lines) all += line + "\n";
    return all;
}

}  // namespace

TEST_CASE("a leak of 10 MB an hour is found, its size within the bounds, and it is over budget") {
    Rig rig;
    const double mib_per_hour = 10e6 / (1 << 20);
    rig.world.memory = [=](double now) { return 40 + mib_per_hour * now / 3600 + noise(now, 0.5); };
    CHECK(rig.run() == SoakEnd::time);
    const Json row = rig.row("memory");
    CHECK(row["slope_per_hour"].get<double>() == Approx(mib_per_hour).epsilon(0.02));
    CHECK(row["low"].get<double>() <= mib_per_hour);
    CHECK(row["high"].get<double>() >= mib_per_hour);
    CHECK(row["at_72_hours"].get<double>() == Approx(72 * row["slope_per_hour"].get<double>()));
    CHECK(row["budget"] == 64);
    CHECK(row["verdict"] == "over");
    CHECK(rig.over);
    CHECK_THAT(joined(rig.remarks), Contains("memory is over budget"));
}

TEST_CASE("noise without a slope is not over budget, and unsure says how long it would take") {
    Rig rig;
    rig.world.memory = [](double now) { return 40 + noise(now, 10); };
    rig.run();
    CHECK(rig.verdict("memory") == "unsure");
    CHECK_FALSE(rig.over);
    CHECK_THAT(joined(rig.remarks), Contains("memory is not sure") && Contains("more would tell"));

    Rig longer;
    longer.plan.total_seconds = 72 * 3600;
    longer.plan.interval_seconds = 100;
    longer.world.memory = rig.world.memory;
    longer.run();
    CHECK(longer.verdict("memory") == "within");
}

TEST_CASE("what does not change has slope 0 and is within any budget, even of nothing") {
    Rig rig;
    rig.run();
    const Json row = rig.row("threads", {0, 0, 0, 0, 0});
    CHECK(row["slope_per_hour"] == 0);
    CHECK(row["low"] == 0);
    CHECK(row["high"] == 0);
    CHECK(row["verdict"] == "within");
    CHECK_FALSE(rig.over);
}

TEST_CASE("a descriptor that is lost every ten minutes is found among whole numbers with ties") {
    Rig rig;
    rig.world.descriptors = [](double now) { return 30 + std::floor(now / 600); };
    rig.run();
    const Json row = rig.row("descriptors");
    CHECK(row["slope_per_hour"].get<double>() == Approx(6).epsilon(0.05));
    CHECK(row["verdict"] == "over");
}

TEST_CASE("loss and latency that rise are found, in percentage points and in percent") {
    Rig rig;
    rig.testbed.loss = [](double now) { return now / 3600 * 0.01; };
    rig.testbed.latency_ns = [](double now) { return 20'000 + now; };
    rig.run();
    CHECK(rig.row("loss")["slope_per_hour"].get<double>() == Approx(1).epsilon(0.05));
    CHECK(rig.verdict("loss") == "over");
    const Json latency = rig.row("latency p50");
    CHECK(latency["slope_per_hour"].get<double>() == Approx(3.6).epsilon(0.05));
    CHECK(latency["budget"].get<double>() ==
          Approx(0.2 * latency["median"].get<double>()).epsilon(1e-9));
    CHECK(rig.verdict("latency p99") == "over");
}

TEST_CASE("what the sink's own port loses is not the system's loss") {
    Trial trial;
    trial.sent = 1000;
    trial.received = 900;
    trial.lost = 100;
    trial.sink_lost = 60;
    CHECK(traffic_of(trial).loss_percent() == Approx(4));
    CHECK(traffic_of(trial).sink_lost == 60);
}

TEST_CASE("a soak that was resumed is judged within its pieces, and each of them warms up") {
    Rig rig;
    rig.plan.total_seconds = 1800;
    rig.run();
    CHECK(rig.history.last_x_seconds() == 1800);
    rig.plan = {3600, 10, 1000, rig.history.last_piece() + 1, rig.history.last_x_seconds()};
    const double begin = rig.time.seconds;
    rig.world.memory = [=](double now) { return 400 + (now < begin + 100 ? now - begin : 100); };
    CHECK(rig.run() == SoakEnd::time);
    CHECK(rig.history.samples() == 360);
    CHECK(rig.history.last_x_seconds() == 3600);
    const Json row = rig.row("memory", {}, 100);
    CHECK(row["slope_per_hour"] == 0);
    CHECK(row["verdict"] == "within");
    CHECK(row["series"]["y"].size() == 340);
}

TEST_CASE("a step of memory soon after the beginning does not fail a soak") {
    Rig rig;
    rig.world.memory = [](double now) { return now < 1300 ? 40.0 : 45.0; };
    rig.run();
    CHECK(rig.verdict("memory") == "within");
}

TEST_CASE("a soak ends early when somebody wants it to, and is judged by what there is") {
    Rig rig;
    rig.world.stop_at = rig.time.seconds + 200;
    CHECK(rig.run() == SoakEnd::stopped);
    CHECK(rig.history.samples() == 20);
    CHECK(rig.verdict("memory") == "within");
}

TEST_CASE("a soak of fewer samples than tell anything is unsure, whatever they are") {
    Rig rig;
    rig.plan.total_seconds = 50;
    rig.world.memory = [](double now) { return now; };
    rig.run();
    CHECK(rig.verdict("memory") == "unsure");
    CHECK_THAT(joined(rig.remarks), Contains("memory is not sure: 5 samples"));
}

TEST_CASE("a watched process that ends, ends the soak") {
    Rig rig;
    rig.world.watched_until = rig.time.seconds + 100;
    CHECK(rig.run() == SoakEnd::watched_died);
    CHECK(rig.history.samples() == 11);
}

TEST_CASE("what fails beside the traffic ends the soak with its message") {
    Rig rig;
    rig.world.fails = true;
    CHECK_THROWS_WITH(rig.run(), "the reload failed");
}

TEST_CASE("the last interval is shorter, but not by more than half") {
    Rig rig;
    rig.plan.total_seconds = 36;
    rig.run();
    CHECK(rig.testbed.lengths == std::vector<double>{10, 10, 10, 6});
    Rig other;
    other.plan.total_seconds = 34;
    other.run();
    CHECK(other.testbed.lengths == std::vector<double>{10, 10, 10});
}

TEST_CASE("rows have few points for plots, of a day of samples too, and all traffic is summed up") {
    Rig rig;
    rig.plan.total_seconds = 86400;
    rig.run();
    const Json row = rig.row("memory");
    CHECK(row["series"]["x_seconds"].size() == 500);
    CHECK(row["series"]["y"].size() == 500);
    const Json traffic = rig.row("traffic");
    CHECK(traffic["sent"] == 86400 * 1000);
    CHECK(traffic["drops"]["tx_full"] == 8640);
    CHECK(traffic["steal_seconds"].get<double>() == Approx(864));
}

TEST_CASE("drops of all pieces are added up") {
    History history(0, 4);
    Sample sample;
    sample.drops = {{"a", 5}};
    history.add(sample);
    sample.drops = {{"a", 8}, {"b", 1}};
    history.add(sample);
    sample.piece = 1;
    sample.drops = {{"a", 2}};
    history.add(sample);
    CHECK(history.drops() == DropCounts{{"a", 10}, {"b", 1}});
}

TEST_CASE("series of processes of one name are told apart") {
    const auto series = series_of({"lanes", "other", "lanes"});
    REQUIRE(series.size() == 15);
    CHECK(series[6].name == "memory of lanes");
    CHECK(series[9].name == "memory of other");
    CHECK(series[12].name == "memory of lanes 2");
}

}  // namespace lanes::bench
