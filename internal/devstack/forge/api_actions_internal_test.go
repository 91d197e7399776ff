package forge

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAWorkflowTakesItsTime(t *testing.T) {
	t.Parallel()
	start := time.Now()
	for name, test := range map[string]struct {
		run                workflowRun
		takes, after       time.Duration
		status, conclusion string
	}{
		"at first":   {workflowRun{}, 6 * time.Second, time.Second, "queued", ""},
		"then":       {workflowRun{}, 6 * time.Second, 3 * time.Second, "in_progress", ""},
		"at the end": {workflowRun{}, 6 * time.Second, 6 * time.Second, "completed", "success"},
		"never":      {workflowRun{}, -1, time.Hour, "queued", ""},
		"settled":    {workflowRun{Status: "completed", Conclusion: "failure"}, 6 * time.Second, 0, "completed", "failure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.run.StartedAt = start
			status, conclusion, _ := test.run.progress(test.takes, start.Add(test.after))
			require.Equal(t, test.status, status)
			require.Equal(t, test.conclusion, conclusion)
		})
	}
}
