#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::cli {

struct TerminalSize {
  size_t columns = 0;
  size_t rows = 0;
};

// What the command's output goes to. Colours and progress appear only on a terminal: output that is
// read by programs stays plain. One thread.
class Terminal {
 public:
  struct Options {
    bool out_is_terminal = false;
    bool err_is_terminal = false;
    bool colour = false;  // on whichever of the two is a terminal
  };
  Terminal(std::ostream& out, std::ostream& err, Options options)
      : out_(out), err_(err), options_(options) {}

  std::ostream& out() { return out_; }
  std::ostream& err() { return err_; }
  bool out_is_terminal() const { return options_.out_is_terminal; }
  bool err_is_terminal() const { return options_.err_is_terminal; }

  enum class Style : uint8_t { kBold, kDim, kGreen, kYellow, kRed };
  std::string Out(Style style, std::string_view text) const;  // for out()
  std::string Err(Style style, std::string_view text) const;  // for err()

  // One line on the terminal that is written over by the next; nothing where err() is no terminal.
  void Progress(std::string_view text);
  void EndProgress();  // wipes it
  // A line on err(): what happens, for people.
  void Note(std::string_view text);
  void Warn(std::string_view text);
  void Error(std::string_view text);

 private:
  std::ostream& out_;
  std::ostream& err_;
  Options options_;
  bool progress_ = false;
};

// Columns, each as wide as its widest cell (by characters, not bytes); the last is not padded.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string Text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "3s", "5m", "2h", "4d": how long ago, for tables.
std::string ShortAge(int64_t seconds);

// Text from elsewhere without what could move the cursor or change the title of a terminal: control
// characters but \n and \t become "?".
std::string Printable(std::string_view text);

}  // namespace hearth::cli
