package backendtest_test

import (
	"testing"

	"github.com/artifortress/afs-engine/backends"
	"github.com/artifortress/afs-engine/backends/backendtest"
	"github.com/artifortress/afs-engine/backends/mem"
)

// A store's own test calls the suite with a function that makes empty stores.
func ExampleTestStore() {
	testContract := func(t *testing.T) {
		backendtest.TestStore(t, func(*testing.T) backends.Store { return mem.New() })
	}
	_ = testContract // in a test file: func TestContract(t *testing.T)
}
