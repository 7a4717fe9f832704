package main

import (
	"context"
	"fmt"

	"hearth"
)

func handler(ctx context.Context, event hearth.Event) (string, error) {
	name := event.Query("name")
	if name == "" {
		name = "world"
	}
	fmt.Println("Greeting", name, "in call", hearth.FromContext(ctx).RequestID)
	return fmt.Sprintf("Hello, %s! This is go.\n", name), nil
}

func main() {
	hearth.Start(handler)
}
