#include <hearth.h>

#include <iostream>

std::string Handle(const hearth::Event& event, const hearth::Context& context) {
  const std::string name = event.query("name", "world");
  std::cout << "Greeting " << name << "; " << context.Remaining().count() << " ms are left\n";
  return "Hello, " + name + "! This is cpp.\n";
}

int main() { return hearth::Run(Handle); }
