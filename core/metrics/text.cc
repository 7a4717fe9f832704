#include "core/metrics/text.h"

#include <cmath>
#include <cstdio>

#include "core/base/duration.h"
#include "core/base/strings.h"

namespace hearth::metrics {
namespace {

std::string NumberText(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", v);
  return text;
}

void AppendEscaped(std::string* out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\n') {
      out->append("\\n");
      continue;
    }
    if (c == '\\' || (quotes && c == '"')) out->push_back('\\');
    out->push_back(c);
  }
}

}  // namespace

void TextWriter::Family(std::string_view name, std::string_view type, std::string_view help) {
  family_ = name;
  out_ += Cat("# HELP ", name, " ");
  AppendEscaped(&out_, help, /*quotes=*/false);
  out_ += Cat("\n# TYPE ", name, " ", type, "\n");
}

void TextWriter::Line(std::string_view suffix, Labels labels, std::string_view le,
                      std::string_view value) {
  out_ += Cat(family_, suffix);
  char separator = '{';
  const auto label = [&](std::string_view name, std::string_view text) {
    out_ += Cat(separator, name, "=\"");
    AppendEscaped(&out_, text, /*quotes=*/true);
    out_ += '"';
    separator = ',';
  };
  for (const auto& [name, text] : labels) label(name, text);
  if (!le.empty()) label("le", le);
  if (separator == ',') out_ += '}';
  out_ += Cat(' ', value, '\n');
}

void TextWriter::Sample(Labels labels, double value) { Line("", labels, "", NumberText(value)); }
void TextWriter::Sample(Labels labels, uint64_t value) { Line("", labels, "", Cat(value)); }

void TextWriter::Sample(Labels labels, const HistogramSnapshot& histogram) {
  uint64_t cumulative = 0;
  if (histogram.buckets != nullptr) {
    const auto bounds = histogram.buckets->bounds();
    for (size_t i = 0; i < bounds.size(); ++i) {
      cumulative += histogram.counts[i];
      Line("_bucket", labels, NumberText(ToSeconds(bounds[i])), Cat(cumulative));
    }
  }
  Line("_bucket", labels, "+Inf", Cat(histogram.count));
  Line("_sum", labels, "", NumberText(ToSeconds(histogram.sum)));
  Line("_count", labels, "", Cat(histogram.count));
}

}  // namespace hearth::metrics
