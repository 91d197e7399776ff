package processing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestABurstWaitsForLocationsThatAreReadForTheFirstTime(t *testing.T) {
	t.Parallel()
	var b bursts
	leftAfter := func(passed time.Duration) time.Duration { return b.leftAt(time.Now().Add(passed).UnixNano()) }
	b.reading.Add(1)
	b.note(burstSize - 1)
	require.Zero(t, leftAfter(0), "a Location that is read puts nothing off")
	b.note(burstSize)
	require.Positive(t, leftAfter(2*burstTime), "a Location that is still read may bring more")
	require.Zero(t, leftAfter(burstPatience), "its host is slow")
	b.reading.Add(-1)
	require.Positive(t, leftAfter(0))
	require.Zero(t, leftAfter(burstTime), "it was written, and brought nothing")
}
