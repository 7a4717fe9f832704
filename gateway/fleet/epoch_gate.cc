#include "gateway/fleet/epoch_gate.h"

namespace hearth::fleet {

EpochGate::Verdict EpochGate::OnHello(size_t link, uint64_t epoch, bool leader) {
  links_[link] = {true, leader, epoch};
  if (!leader) {
    if (Obeyed(link)) obeyed_.reset();
    return Verdict::kStandby;
  }
  if (epoch < newest_) {
    if (Obeyed(link)) obeyed_.reset();
    return Verdict::kStale;
  }
  if (epoch == newest_ && obeyed_ && !Obeyed(link)) return Verdict::kDuplicate;
  newest_ = epoch;
  obeyed_ = link;
  return Verdict::kObey;
}

std::optional<size_t> EpochGate::OnLost(size_t link) {
  links_[link] = {};
  if (!Obeyed(link)) return std::nullopt;
  obeyed_.reset();
  for (size_t i = 0; i < links_.size(); ++i) {
    if (links_[i].connected && links_[i].leader && links_[i].epoch == newest_) return i;
  }
  return std::nullopt;
}

}  // namespace hearth::fleet
