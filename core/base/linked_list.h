#pragma once

namespace hearth {

template <typename T>
class LinkedList;

// Makes an object one that a LinkedList can hold, without memory of the list's own. An object is in
// one list at most and leaves it when destroyed. One thread.
class ListLink {
 public:
  ListLink() = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  bool linked() const { return next_ != nullptr; }
  void Unlink() {
    if (next_ == nullptr) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = nullptr;
  }

 protected:
  ~ListLink() { Unlink(); }

 private:
  template <typename T>
  friend class LinkedList;
  ListLink* prev_ = nullptr;
  ListLink* next_ = nullptr;
};

// First in, first out, with removal from the middle; every operation is a few pointers. T derives
// from ListLink. Outlived by nothing that it holds: destroy or unlink those first.
template <typename T>
class LinkedList {
 public:
  LinkedList() { ends_.prev_ = ends_.next_ = &ends_; }
  ~LinkedList() { ends_.prev_ = ends_.next_ = nullptr; }
  LinkedList(const LinkedList&) = delete;
  LinkedList& operator=(const LinkedList&) = delete;

  bool empty() const { return ends_.next_ == &ends_; }
  void PushBack(T* item) {  // not linked
    ListLink* const link = item;
    link->prev_ = ends_.prev_;
    link->next_ = &ends_;
    ends_.prev_->next_ = link;
    ends_.prev_ = link;
  }
  T* PopFront() {  // nullptr: empty
    if (empty()) return nullptr;
    ListLink* const first = ends_.next_;
    first->Unlink();
    return static_cast<T*>(first);
  }

 private:
  struct Ends : ListLink {};
  Ends ends_;
};

}  // namespace hearth
