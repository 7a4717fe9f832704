// {{name}}: answers with a greeting. The event is the HTTP request, ctx ends at the call's deadline.
package main

import (
	"context"

	"hearth"
)

func handler(ctx context.Context, event hearth.Event) (hearth.Response, error) {
	name := event.Query("name")
	if name == "" {
		name = "world"
	}
	return hearth.Text(200, "Hello, "+name+"!\n"), nil
}

func main() {
	hearth.Start(handler)
}
