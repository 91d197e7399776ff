package temporal

import (
	"time"

	"go.temporal.io/server/common/dynamicconfig"
)

const (
	// pollRPS replaces 20 a second and shard: with few shards, every dispatch would wait up to 50 ms.
	pollRPS = 2000
	// visibilityPollRPS replaces the same 20: lists of runs are current within a second or so.
	visibilityPollRPS = 1
	// taskWorkers replaces 512 goroutines for each kind of history task. Here they wait for 8 connections.
	taskWorkers = 32
	// cachedRuns replaces 128,000 workflow runs whose state is kept in memory, some 30 kB each.
	cachedRuns = 2000
)

// tuning adapts a server that was built for clusters to a laptop. It was measured with BenchmarkRuns of
// package devstack and by the idle CPU usage.
var tuning = dynamicconfig.StaticClient{
	// Visibility is not urgent: a short run is then listed once, when it has ended, and not also when it
	// begins.
	dynamicconfig.VisibilityProcessorMaxPollRPS.Key(): visibilityPollRPS,
	dynamicconfig.TransferProcessorMaxPollRPS.Key():   pollRPS,
	dynamicconfig.TimerProcessorMaxPollRPS.Key():      pollRPS,
	dynamicconfig.OutboundProcessorMaxPollRPS.Key():   pollRPS,

	// A second partition of a task queue would only forward to the first.
	dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
	dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,

	dynamicconfig.TransferProcessorSchedulerWorkerCount.Key():               taskWorkers,
	dynamicconfig.TimerProcessorSchedulerWorkerCount.Key():                  taskWorkers,
	dynamicconfig.VisibilityProcessorSchedulerWorkerCount.Key():             taskWorkers,
	dynamicconfig.MemoryTimerProcessorSchedulerWorkerCount.Key():            taskWorkers,
	dynamicconfig.ArchivalProcessorSchedulerWorkerCount.Key():               1, // nothing is archived
	dynamicconfig.ReplicationProcessorSchedulerWorkerCount.Key():            1, // nothing is replicated
	dynamicconfig.ReplicationLowPriorityProcessorSchedulerWorkerCount.Key(): 1,

	// Payloads are not stored externally, and looking for such payloads in each event takes a twentieth of
	// the cost of a short run.
	dynamicconfig.ExternalPayloadsEnabled.Key(): false,

	dynamicconfig.HistoryCacheHostLevelMaxSize.Key(): cachedRuns,
	dynamicconfig.HistoryCacheTTL.Key():              10 * time.Minute,
	dynamicconfig.EventsCacheTTL.Key():               10 * time.Minute,
}
