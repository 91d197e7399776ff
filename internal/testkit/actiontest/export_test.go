package actiontest

import (
	"fmt"
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
		ended := make(chan struct{})
		go func() { // a test that fails ends its goroutine
			defer close(ended)
			property.require(recorder, newFixture)
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

func (*recorder) Skip(...any) { runtime.Goexit() }
