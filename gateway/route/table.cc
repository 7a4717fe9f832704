#include "gateway/route/table.h"

#include <algorithm>
#include <bit>

#include "core/base/strings.h"

namespace hearth::route {
namespace {

// Which characters occur, as a set of 64.
uint64_t LettersOf(std::string_view name) {
  uint64_t set = 0;
  for (const char c : name) set |= uint64_t{1} << (static_cast<unsigned char>(c) % 64);
  return set;
}

}  // namespace

const Function* Table::Find(std::string_view name, std::string_view ns) const {
  if (ns.empty()) return functions_.Find(name, default_namespace_);
  const Function* found = functions_.Find(name, ns);
  if (found == nullptr && openfaas_count_ == 0 && ns == kOpenFaasNamespace) {
    return functions_.Find(name, default_namespace_);
  }
  return found;
}

std::vector<std::string> Table::Near(std::string_view name, std::string_view ns) const {
  // Measuring a distance is dear. Names that are near have nearly the same length and are made of
  // nearly the same characters, so only those that are nearest in this are measured.
  constexpr size_t kMeasured = 64;
  struct Candidate {
    size_t difference;
    const Function* function;
  };
  const uint64_t letters = LettersOf(name);
  std::vector<Candidate> candidates;
  ForEach([&](const Function& f) {
    const size_t a = f.key.name.size(), b = name.size();
    const size_t longer = a > b ? a - b : b - a;
    if (longer > 3) return;
    const int different = std::popcount(letters ^ LettersOf(f.key.name));
    candidates.push_back({longer + static_cast<size_t>(different), &f});
  });
  if (candidates.size() > kMeasured) {
    std::nth_element(
        candidates.begin(), candidates.begin() + kMeasured, candidates.end(),
        [](const Candidate& x, const Candidate& y) { return x.difference < y.difference; });
    candidates.resize(kMeasured);
  }
  std::vector<std::string> names;
  for (const Candidate& candidate : candidates) {
    const FunctionKey& key = candidate.function->key;
    names.push_back(key.ns == default_namespace_ ? key.name : key.Text());
  }
  std::string wanted(name);
  if (!ns.empty() && ns != default_namespace_) wanted.append(".").append(ns);
  std::vector<std::string> near = NearNames(wanted, names);
  if (near.empty() && wanted.size() != name.size()) near = NearNames(name, names);
  return near;
}

}  // namespace hearth::route
