package fetch

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
)

func TestAPanicOfAJobIsAnError(t *testing.T) {
	t.Parallel()
	results, err := inParallel(t.Context(), 3, func(_ context.Context, index int) (int, error) {
		if index == 1 {
			panic("a file that nobody thought of")
		}
		return index, nil
	})
	require.Equal(t, []int{0}, results)
	var panicked *fault.PanicError
	require.ErrorAs(t, err, &panicked)
	require.ErrorContains(t, err, "a file that nobody thought of")
}
