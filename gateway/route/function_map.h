#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "core/base/ids.h"

namespace hearth::route {

struct Function;

// Functions by name and namespace: a hash trie whose versions share all that they have in common,
// so that a version with one function changed costs the few nodes on the way to it, however many
// functions there are, and a version in use stays as it is. Thread-safe because it never changes;
// its pointers are as long-lived as the version they were found in.
class FunctionMap {
 public:
  const Function* Find(std::string_view name, std::string_view ns) const;
  std::shared_ptr<const Function> Share(std::string_view name, std::string_view ns) const;

  FunctionMap With(std::shared_ptr<const Function> function) const;  // added or replaced
  FunctionMap Without(const FunctionKey& key) const;
  size_t size() const { return size_; }

  template <typename F>
  void ForEach(F&& f) const {
    if (root_.get() != nullptr) Visit(*root_, f);
  }

 private:
  struct Leaf {
    uint64_t hash = 0;
    std::shared_ptr<const Function> function;
  };
  class NodePtr;
  struct Node;
  // A node that is being made.
  struct Draft;

  // Counted from any thread.
  class NodePtr {
   public:
    NodePtr() = default;
    explicit NodePtr(Node* counted) : node_(counted) {}
    NodePtr(const NodePtr& other);
    NodePtr(NodePtr&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
    NodePtr& operator=(NodePtr other) noexcept {
      std::swap(node_, other.node_);
      return *this;
    }
    ~NodePtr();
    const Node* get() const { return node_; }
    const Node& operator*() const { return *node_; }
    bool operator==(std::nullptr_t) const { return node_ == nullptr; }

   private:
    Node* node_ = nullptr;
  };

  // Each level looks at five bits of the hash. Bit i of the two sets says what stands at place i;
  // only what is there follows the node, in the same piece of memory, because a lookup costs what
  // it touches: the leaves in the order of the bits, then the children. Below the last level the
  // leaves are a list of functions whose hashes are equal.
  struct Node {
    std::atomic<uint32_t> references{1};
    uint32_t leaf_bits = 0;
    uint32_t child_bits = 0;
    uint32_t leaf_count = 0;

    const Leaf* leaves() const { return reinterpret_cast<const Leaf*>(this + 1); }
    const NodePtr* children() const {
      return reinterpret_cast<const NodePtr*>(leaves() + leaf_count);
    }
    size_t child_count() const { return static_cast<size_t>(std::popcount(child_bits)); }
  };

  static uint64_t Hash(std::string_view name, std::string_view ns);
  static NodePtr Put(const Node* node, uint32_t shift, Leaf leaf, bool* is_new);
  static NodePtr Take(const Node& node, uint32_t shift, uint64_t hash, const FunctionKey& key,
                      bool* found);
  const Leaf* FindLeaf(std::string_view name, std::string_view ns) const;
  template <typename F>
  static void Visit(const Node& node, F&& f) {
    for (const Leaf& leaf : std::span(node.leaves(), node.leaf_count)) f(*leaf.function);
    for (const NodePtr& child : std::span(node.children(), node.child_count())) Visit(*child, f);
  }

  NodePtr root_;
  size_t size_ = 0;
};

}  // namespace hearth::route
