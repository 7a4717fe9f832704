#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

// A folder of its own for one test, removed with it.
class TempFolder {
 public:
  TempFolder() {
    char name[] = "/tmp/hearth-test-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};
