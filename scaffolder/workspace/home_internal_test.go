package workspace

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// TestProcessesBeginTogether: each has a home of its own, which none of the others takes for an orphan.
func TestProcessesBeginTogether(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	var starting errgroup.Group
	for range 8 {
		starting.Go(func() error {
			for range 50 {
				made, err := newHome(directory)
				if err != nil {
					return err
				}
				for _, path := range []string{made.path, made.lock.Name()} {
					if _, err := os.Stat(path); err != nil {
						return err
					}
				}
				if err := made.remove(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, starting.Wait())
}
