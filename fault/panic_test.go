package fault_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
)

func TestAPanicIsAnError(t *testing.T) {
	t.Parallel()
	breaks := func(at int) (err error) {
		defer fault.Recover(&err)
		_ = []int{1, 2}[at]
		return nil
	}
	require.NoError(t, breaks(1))
	err := breaks(2)
	require.EqualError(t, err, "panic: runtime error: index out of range [2] with length 2")
	panicked, is := errors.AsType[*fault.PanicError](err)
	require.True(t, is)
	require.Contains(t, string(panicked.Stack), "TestAPanicIsAnError")
}
