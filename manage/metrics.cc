// See metrics.hh.
#include "manage/metrics.hh"

#include <time.h>

#include <algorithm>
#include <utility>

#include "manage/metrics_lanes.hh"
#include "manage/metrics_node.hh"
#include "manage/metrics_text.hh"

namespace lanes::manage {
namespace {

using Syntax = MetricsText::Syntax;
using Type = MetricsText::Type;

constexpr unsigned good = 200;
constexpr unsigned not_found = 404;
constexpr unsigned unavailable = 503;

/// OpenMetrics, unless plain text is asked for and OpenMetrics is not.
Syntax wanted_by(std::string_view accept) noexcept {
    const bool open = accept.find("application/openmetrics-text") != accept.npos;
    const bool plain = accept.find("text/") != accept.npos;
    return plain && !open ? Syntax::prometheus : Syntax::open_metrics;
}

std::uint64_t started_unix_ns(Node& node) {
    const Moment now = node.control().now();
    return now.unix_ns - (now.boot_ns - std::min(now.boot_ns, node.started_ns()));
}

/// Processor time of this thread: what others take from it meanwhile is not our cost.
std::uint64_t thread_ns() noexcept {
    timespec spent{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return static_cast<std::uint64_t>(spent.tv_sec) * ns_per_second +
           static_cast<std::uint64_t>(spent.tv_nsec);
}

}  // namespace

/// One scrape, written while it is read.
class Metrics::Exposition final : public HttpServer::Body {
  public:
    Exposition(Metrics& metrics, Syntax syntax)
        : metrics_(metrics),
          text_(syntax),
          links_(metrics.node_.control()),
          lanes_(metrics.node_, links_) {
        ++metrics_.under_way_;
    }
    ~Exposition() override { --metrics_.under_way_; }

    std::size_t read(std::span<char> room) override {
        std::string& text = text_.text();
        if (taken_ == text.size()) {
            text.clear();
            taken_ = 0;
            while (text.empty() && part_ != Part::end) write();
        }
        const std::size_t len = text.copy(room.data(), room.size(), taken_);
        taken_ += len;
        metrics_.cost_.bytes += len;
        return len;
    }

  private:
    enum class Part : std::uint8_t { process, ports, workers, drops, lanes, cost, end };

    /// The next piece.
    void write() {
        Node& node = metrics_.node_;
        switch (part_) {
            case Part::process:
                write_process(node, metrics_.started_unix_ns_, text_);
                break;
            case Part::ports:
                write_ports(node.control(), links_, text_);
                break;
            case Part::workers:
                write_workers(node.control(), text_);
                break;
            case Part::drops:
                write_drops(node.control(), text_);
                break;
            case Part::lanes:
                if (lanes_.write(text_)) return;
                break;
            case Part::cost:
                write_cost();
                text_.end();
                break;
            case Part::end:
                return;
        }
        part_ = static_cast<Part>(static_cast<unsigned>(part_) + 1);
    }

    void write_cost() {
        Cost& cost = metrics_.cost_;
        cost.reported_ns = std::exchange(cost.longest_ns, 0);
        const auto counter = [&](std::string_view name, std::string_view unit,
                                 std::string_view help, std::uint64_t value) {
            text_.begin({name, Type::counter, unit, help});
            text_.sample({}, value);
        };
        counter("lanes_scrapes", "", "Scrapes that were written to their end, this one excluded.",
                cost.scrapes++);
        counter("lanes_scrapes_refused", "", "Scrapes that were refused: too many at a time.",
                cost.refused);
        counter("lanes_scrape_bytes", "bytes", "Bytes of all scrapes, this one up to here.",
                cost.bytes);
        text_.begin({"lanes_scrape_control_seconds", Type::counter, "seconds",
                     "Processor time of the Control thread that HTTP and scrapes took."});
        text_.sample_ns({}, cost.control_ns);
        text_.begin({"lanes_scrape_longest_piece_seconds", Type::gauge, "seconds",
                     "The most of it that this scrape took between two ticks."});
        text_.sample_ns({}, cost.reported_ns);
        counter("lanes_http_requests", "", "Requests of any kind, by HTTP.",
                metrics_.server_->requests());
        text_.begin({"lanes_http_connections", Type::gauge, "", "Connections that are open now."});
        text_.sample({}, metrics_.server_->connections());
    }

    Metrics& metrics_;
    MetricsText text_;
    Links links_;
    LaneMetrics lanes_;
    Part part_ = Part::process;
    std::size_t taken_ = 0;  ///< of the text
};

engine::Result<std::unique_ptr<Metrics>> Metrics::create(Node& node,
                                                         std::vector<Listener> listeners) {
    std::unique_ptr<Metrics> metrics(new Metrics(node));
    Metrics& self = *metrics;
    auto server = HttpServer::create(
        std::move(listeners),
        [&self](const HttpServer::Request& request) { return self.reply(request); });
    if (!server) return server.error();
    metrics->server_ = std::move(*server);
    return metrics;
}

Metrics::Metrics(Node& node) : node_(node), started_unix_ns_(started_unix_ns(node)) {}

Metrics::~Metrics() = default;

void Metrics::serve(std::uint64_t now_ns) {
    const std::uint64_t begin_ns = thread_ns();
    if (!server_->serve(now_ns)) return;
    const std::uint64_t spent_ns = thread_ns() - begin_ns;
    cost_.control_ns += spent_ns;
    cost_.longest_ns = std::max(cost_.longest_ns, spent_ns);
}

HttpServer::Reply Metrics::reply(const HttpServer::Request& request) {
    HttpServer::Reply reply;
    if (request.path == "/") {
        reply.text = "lanes node " + node_.name() + ": its metrics are at /metrics\n";
        return reply;
    }
    if (request.path != "/metrics") {
        reply.status = not_found;
        reply.text = "there is only /metrics\n";
        return reply;
    }
    const Syntax syntax = wanted_by(request.accept);
    if (request.method == HttpServer::Method::get && under_way_ >= scrapes_max) {
        ++cost_.refused;
        reply.status = unavailable;
        reply.text = "other scrapes are under way: try again\n";
        return reply;
    }
    reply.status = good;
    reply.type = MetricsText::content_type(syntax);
    if (request.method == HttpServer::Method::get) {
        reply.body = std::make_unique<Exposition>(*this, syntax);
    }
    return reply;
}

}  // namespace lanes::manage
