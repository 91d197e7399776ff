package temporal

import (
	"time"

	"go.temporal.io/server/common/dynamicconfig"
)

const (
	// pollRPS replaces 20 a second and shard: with few shards every dispatch would wait 50 ms for its turn.
	pollRPS = 2000
	// visibilityPollRPS replaces the same 20: lists of runs are up to date within a second or so.
	visibilityPollRPS = 1
	// taskWorkers replaces 512 goroutines for each kind of history task. Ours wait for 8 connections.
	taskWorkers = 32
	// cachedRuns replaces 128,000 workflow runs whose state is kept in memory, some 30 kB each.
	cachedRuns = 2000
)

// tuning fits a server that was built for clusters to a laptop. Measured with BenchmarkRuns of package
// devstack and by what the process uses when nothing happens.
var tuning = dynamicconfig.StaticClient{
	// Nobody waits for visibility: a short run is then listed once, when it has ended, and not when it began
	// as well.
	dynamicconfig.VisibilityProcessorMaxPollRPS.Key(): visibilityPollRPS,
	dynamicconfig.TransferProcessorMaxPollRPS.Key():   pollRPS,
	dynamicconfig.TimerProcessorMaxPollRPS.Key():      pollRPS,
	dynamicconfig.OutboundProcessorMaxPollRPS.Key():   pollRPS,

	// A second partition of a task queue would only have to forward to the first.
	dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
	dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,

	dynamicconfig.TransferProcessorSchedulerWorkerCount.Key():               taskWorkers,
	dynamicconfig.TimerProcessorSchedulerWorkerCount.Key():                  taskWorkers,
	dynamicconfig.VisibilityProcessorSchedulerWorkerCount.Key():             taskWorkers,
	dynamicconfig.MemoryTimerProcessorSchedulerWorkerCount.Key():            taskWorkers,
	dynamicconfig.ArchivalProcessorSchedulerWorkerCount.Key():               1, // nothing is archived
	dynamicconfig.ReplicationProcessorSchedulerWorkerCount.Key():            1, // nothing is replicated
	dynamicconfig.ReplicationLowPriorityProcessorSchedulerWorkerCount.Key(): 1,

	// Nothing is stored outside, and looking for it in each event takes a twentieth of what a short run
	// costs.
	dynamicconfig.ExternalPayloadsEnabled.Key(): false,

	dynamicconfig.HistoryCacheHostLevelMaxSize.Key(): cachedRuns,
	dynamicconfig.HistoryCacheTTL.Key():              10 * time.Minute,
	dynamicconfig.EventsCacheTTL.Key():               10 * time.Minute,
}
