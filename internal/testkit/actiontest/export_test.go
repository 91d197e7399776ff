package actiontest

import (
	"fmt"
	"maps"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// Failure is how a property, by its name, fails in these fixtures; "" when it holds.
func Failure(t testing.TB, name string, newFixture NewFixture) string {
	t.Helper()
	for _, property := range properties {
		if property.name != name {
			continue
		}
		recorder := &recorder{TB: t}
		s := newSubject(recorder, newFixture)
		ended := make(chan struct{})
		go func() { // a test that fails ends its goroutine
			defer close(ended)
			property.require(recorder, s)
		}()
		<-ended
		return recorder.failure
	}
	require.FailNow(t, "there is no property "+name)
	return ""
}

// recorder records the failures of a test instead of failing it.
type recorder struct {
	testing.TB
	failure string
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) { r.failure = fmt.Sprintf(format, args...) }

func (*recorder) FailNow() { runtime.Goexit() }

// Settle compares what tests have shown with the file in a directory, or writes it: see Main.
func Settle(shown Proofs, directory string, all, update bool) error {
	return (&record{proofs: shown}).settle(directory, all, update)
}

// Proven is what the tests of this process have shown of an action.
func Proven(id string) map[string]Proof {
	proven.mutex.Lock()
	defer proven.mutex.Unlock()
	return maps.Clone(proven.proofs[id])
}
