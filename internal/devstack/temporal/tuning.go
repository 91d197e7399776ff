package temporal

import (
	"time"

	"go.temporal.io/server/common/dynamicconfig"
)

// pollRPS replaces the default of 20 a second and shard: with few shards every dispatch would wait 50 ms for its turn.
const pollRPS = 2000

// tuning makes a server that was built for clusters behave on one machine.
var tuning = dynamicconfig.StaticClient{
	dynamicconfig.TransferProcessorMaxPollRPS.Key():   pollRPS,
	dynamicconfig.TimerProcessorMaxPollRPS.Key():      pollRPS,
	dynamicconfig.VisibilityProcessorMaxPollRPS.Key(): pollRPS,
	dynamicconfig.OutboundProcessorMaxPollRPS.Key():   pollRPS,

	// A second partition of a task queue would only have to forward to the first.
	dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
	dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
}

var _ = time.Second
