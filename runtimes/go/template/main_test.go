// Run with `go test` once go.mod names the module: go mod edit -require=hearth@v0.0.0 -replace=hearth=FOLDER,
// where FOLDER is runtimes/go/shim of Hearth. A handler is a plain function: call it.
package main

import (
	"context"
	"testing"

	"hearth"
)

func TestGreetsByName(t *testing.T) {
	event := hearth.Event{QueryStringParameters: map[string]string{"name": "Ada"}}
	answer, err := handler(context.Background(), event)
	if err != nil || answer.StatusCode != 200 || answer.Body != "Hello, Ada!\n" {
		t.Fatalf("got %+v, %v", answer, err)
	}
}
