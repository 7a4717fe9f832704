// {{name}}: answers with a greeting. The event is the HTTP request, the context knows the call and its deadline.
#include <hearth.h>

hearth::Response Handle(const hearth::Event& event, const hearth::Context& /*context*/) {
  return hearth::Response::Text(200, "Hello, " + event.query("name", "world") + "!\n");
}

int main() { return hearth::Run(Handle); }
