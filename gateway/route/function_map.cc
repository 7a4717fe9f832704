#include "gateway/route/function_map.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "gateway/route/table.h"

namespace hearth::route {
namespace {

constexpr uint32_t kBits = 5;
constexpr uint32_t kHashBits = 64;

uint32_t BitOf(uint64_t hash, uint32_t shift) { return 1u << ((hash >> shift) & 31); }

// Where in a vector the element of that bit is, or would be.
long IndexOf(uint32_t bits, uint32_t bit) { return std::popcount(bits & (bit - 1)); }

}  // namespace

struct FunctionMap::Draft {
  Draft() = default;
  explicit Draft(const Node& node)
      : leaf_bits(node.leaf_bits),
        child_bits(node.child_bits),
        leaves(node.leaves(), node.leaves() + node.leaf_count),
        children(node.children(), node.children() + node.child_count()) {}

  NodePtr Finish() {
    static_assert(sizeof(Node) % alignof(Leaf) == 0 && sizeof(Leaf) % alignof(NodePtr) == 0);
    void* memory = ::operator new(sizeof(Node) + leaves.size() * sizeof(Leaf) +
                                  children.size() * sizeof(NodePtr));
    Node* node =
        new (memory) Node{{1}, leaf_bits, child_bits, static_cast<uint32_t>(leaves.size())};
    std::uninitialized_move(leaves.begin(), leaves.end(), const_cast<Leaf*>(node->leaves()));
    std::uninitialized_move(children.begin(), children.end(),
                            const_cast<NodePtr*>(node->children()));
    return NodePtr(node);
  }

  uint32_t leaf_bits = 0;
  uint32_t child_bits = 0;
  std::vector<Leaf> leaves;
  std::vector<NodePtr> children;
};

FunctionMap::NodePtr::NodePtr(const NodePtr& other) : node_(other.node_) {
  if (node_ != nullptr) node_->references.fetch_add(1, std::memory_order_relaxed);
}

FunctionMap::NodePtr::~NodePtr() {
  if (node_ == nullptr || node_->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  std::destroy_n(const_cast<NodePtr*>(node_->children()), node_->child_count());
  std::destroy_n(const_cast<Leaf*>(node_->leaves()), node_->leaf_count);
  node_->~Node();
  ::operator delete(node_);
}

uint64_t FunctionMap::Hash(std::string_view name, std::string_view ns) {
  const std::hash<std::string_view> hash;
  const uint64_t h = hash(name) * 0x9E3779B97F4A7C15ULL + hash(ns);
  return h ^ (h >> 32);
}

const FunctionMap::Leaf* FunctionMap::FindLeaf(std::string_view name, std::string_view ns) const {
  const auto is_it = [&](const Leaf& leaf) {
    return leaf.function->key.name == name && leaf.function->key.ns == ns;
  };
  const uint64_t hash = Hash(name, ns);
  uint32_t shift = 0;
  for (const Node* node = root_.get(); node != nullptr; shift += kBits) {
    if (shift >= kHashBits) {
      for (const Leaf& leaf : std::span(node->leaves(), node->leaf_count)) {
        if (is_it(leaf)) return &leaf;
      }
      return nullptr;
    }
    const uint32_t bit = BitOf(hash, shift);
    if ((node->leaf_bits & bit) != 0) {
      const Leaf& leaf = node->leaves()[IndexOf(node->leaf_bits, bit)];
      return leaf.hash == hash && is_it(leaf) ? &leaf : nullptr;
    }
    if ((node->child_bits & bit) == 0) return nullptr;
    node = node->children()[IndexOf(node->child_bits, bit)].get();
  }
  return nullptr;
}

const Function* FunctionMap::Find(std::string_view name, std::string_view ns) const {
  const Leaf* leaf = FindLeaf(name, ns);
  return leaf == nullptr ? nullptr : leaf->function.get();
}

std::shared_ptr<const Function> FunctionMap::Share(std::string_view name,
                                                   std::string_view ns) const {
  const Leaf* leaf = FindLeaf(name, ns);
  return leaf == nullptr ? nullptr : leaf->function;
}

FunctionMap FunctionMap::With(std::shared_ptr<const Function> function) const {
  const uint64_t hash = Hash(function->key.name, function->key.ns);
  bool is_new = false;
  FunctionMap made;
  made.root_ = Put(root_.get(), 0, Leaf{hash, std::move(function)}, &is_new);
  made.size_ = size_ + (is_new ? 1 : 0);
  return made;
}

FunctionMap FunctionMap::Without(const FunctionKey& key) const {
  bool found = false;
  FunctionMap made;
  if (root_.get() != nullptr) made.root_ = Take(*root_, 0, Hash(key.name, key.ns), key, &found);
  if (!found) return *this;
  made.size_ = size_ - 1;
  return made;
}

FunctionMap::NodePtr FunctionMap::Put(const Node* node, uint32_t shift, Leaf leaf, bool* is_new) {
  Draft draft = node == nullptr ? Draft() : Draft(*node);
  if (shift >= kHashBits) {
    const auto same = std::find_if(draft.leaves.begin(), draft.leaves.end(), [&](const Leaf& l) {
      return l.function->key == leaf.function->key;
    });
    *is_new = same == draft.leaves.end();
    *is_new ? draft.leaves.push_back(std::move(leaf)) : void(*same = std::move(leaf));
    return draft.Finish();
  }
  const uint32_t bit = BitOf(leaf.hash, shift);
  const long place = IndexOf(draft.leaf_bits, bit);
  const long child_place = IndexOf(draft.child_bits, bit);
  if ((draft.child_bits & bit) != 0) {
    NodePtr& child = draft.children[static_cast<size_t>(child_place)];
    child = Put(child.get(), shift + kBits, std::move(leaf), is_new);
    return draft.Finish();
  }
  if ((draft.leaf_bits & bit) == 0) {
    *is_new = true;
    draft.leaf_bits |= bit;
    draft.leaves.insert(draft.leaves.begin() + place, std::move(leaf));
    return draft.Finish();
  }
  Leaf& other = draft.leaves[static_cast<size_t>(place)];
  if (other.function->key == leaf.function->key) {
    other = std::move(leaf);
    return draft.Finish();
  }
  NodePtr both = Put(nullptr, shift + kBits, std::move(other), is_new);
  both = Put(both.get(), shift + kBits, std::move(leaf), is_new);
  draft.leaves.erase(draft.leaves.begin() + place);
  draft.leaf_bits &= ~bit;
  draft.child_bits |= bit;
  draft.children.insert(draft.children.begin() + child_place, std::move(both));
  return draft.Finish();
}

// Null: nothing is left of the node, or the function was not found.
FunctionMap::NodePtr FunctionMap::Take(const Node& node, uint32_t shift, uint64_t hash,
                                       const FunctionKey& key, bool* found) {
  if (shift >= kHashBits) {
    Draft draft(node);
    *found =
        std::erase_if(draft.leaves, [&](const Leaf& l) { return l.function->key == key; }) != 0;
    return draft.leaves.empty() ? NodePtr() : draft.Finish();
  }
  const uint32_t bit = BitOf(hash, shift);
  if ((node.leaf_bits & bit) != 0) {
    const long place = IndexOf(node.leaf_bits, bit);
    if (node.leaves()[place].function->key != key) return {};
    *found = true;
    if (node.leaf_count == 1 && node.child_bits == 0) return {};
    Draft draft(node);
    draft.leaves.erase(draft.leaves.begin() + place);
    draft.leaf_bits &= ~bit;
    return draft.Finish();
  }
  if ((node.child_bits & bit) == 0) return {};
  const long place = IndexOf(node.child_bits, bit);
  NodePtr rest = Take(*node.children()[place], shift + kBits, hash, key, found);
  if (!*found) return {};
  if (rest == nullptr && node.child_count() == 1 && node.leaf_count == 0) return {};
  Draft draft(node);
  // A single function needs no node of its own: without this a table that shrinks stays deep.
  const bool is_single =
      rest.get() != nullptr && (*rest).child_bits == 0 && (*rest).leaf_count == 1;
  if (rest.get() != nullptr && !is_single) {
    draft.children[static_cast<size_t>(place)] = std::move(rest);
    return draft.Finish();
  }
  draft.children.erase(draft.children.begin() + place);
  draft.child_bits &= ~bit;
  if (is_single) {
    draft.leaves.insert(draft.leaves.begin() + IndexOf(draft.leaf_bits, bit), (*rest).leaves()[0]);
    draft.leaf_bits |= bit;
  }
  return draft.Finish();
}

}  // namespace hearth::route
