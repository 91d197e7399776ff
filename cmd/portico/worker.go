package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/worker"

	"github.com/portico-dev/portico/activities/templaterun"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/idempotency"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/signin"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/techdocs/build"
	"github.com/portico-dev/portico/workflows"
)

const (
	// heartbeatTimeout is how long after its worker's death a step is given to another one.
	heartbeatTimeout = 5 * time.Second
	// pendingInterval is the interval for starting runs that were recorded but never handed to Temporal.
	pendingInterval = 5 * time.Second
	// retentionInterval is the interval for deleting old runs and the files of ended runs.
	retentionInterval = 10 * time.Minute
	// sealInterval is the interval for adding new events of the audit log to its hash chain.
	sealInterval = 2 * time.Second
	// doneWorkspaceRetention is how long the files of a run are kept after an end from which the run cannot
	// continue.
	doneWorkspaceRetention = 2 * time.Hour
)

func workerCommand() *cobra.Command {
	var s settings
	command := &cobra.Command{
		Use:   "worker",
		Short: "Run templates and keep the catalog up to date",
		Long: `Takes the work of runs from Temporal and keeps the catalog up to date. Start as many as you like; when one dies, the
others carry on with its runs.`,
		Example: "  portico worker --config app-config.yaml",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return s.withPlatform(command, func(ctx context.Context, p *platform) error {
				if p.config.Portico.Workspace.URL == "" {
					p.log.Warn("portico.workspace.url is not set: the files of runs are kept on this machine, where no worker elsewhere finds them",
						"directory", dataDirectory())
				}
				return p.work(ctx)
			})
		},
	}
	s.addFlags(command)
	return command
}

// work runs workflows and activities, processes the catalog and starts pending runs until the context ends.
func (p *platform) work(ctx context.Context) error {
	if err := p.catalog.Configure(ctx, identity.System("configuration"), catalogLocations(p.config)); err != nil {
		return err
	}
	sources, err := p.sources()
	if err != nil {
		return err
	}
	if err := p.sweeps.Configure(ctx, sources); err != nil {
		return err
	}
	if err := p.outbox.Configure(ctx); err != nil {
		return err
	}
	docs, err := p.docsBuilder()
	if err != nil {
		return err
	}
	pushed, err := p.searchSources()
	if err != nil {
		return err
	}
	var group runGroup
	group.add(func(ctx context.Context) error { return p.runWorkflows(ctx, sources, docs) })
	group.add(p.processing().Run)
	group.add(p.searchIndex().Run)
	group.add(p.searchSites().Run)
	group.add(p.atOnceAndEvery(scheduleInterval, "compare the schedules of sources with the configuration", p.syncSources))
	group.add(func(ctx context.Context) error { return p.workOffEvents(ctx, sources) })
	group.add(p.every(changesInterval, "send changes of entities", p.sendChanges))
	group.add(p.every(pendingInterval, "start every run that waits for its start", p.startPending))
	group.add(p.every(p.config.Portico.Run.ReconcileInterval, "compare the runs with Temporal", p.reconcile))
	group.add(p.every(sealInterval, "seal the audit log", p.sealAuditLog))
	if p.webhook != nil {
		group.add(p.every(sealInterval, "send the audit log", p.sendAuditLog))
	}
	group.add(p.every(retentionInterval, "delete the secrets of runs that expired", p.forgetSecrets))
	group.add(p.every(retentionInterval, "delete the workspaces of runs that ended", p.deleteWorkspaces))
	group.add(p.every(retentionInterval, "delete runs that ended long ago", p.deleteRuns))
	group.add(p.every(retentionInterval, "delete old events of the audit log", p.deleteAuditEvents))
	group.add(p.every(retentionInterval, "delete old versions of entities", p.deleteRevisions))
	group.add(p.every(retentionInterval, "delete old events of source code hosts", p.deleteEvents))
	group.add(p.every(retentionInterval, "delete old changes of entities", p.deleteChanges))
	group.add(p.every(retentionInterval, "delete old idempotency keys", p.deleteIdempotencyKeys))
	group.add(p.every(retentionInterval, "delete the sessions that expired", p.deleteSessions))
	group.add(p.every(retentionInterval, "delete old sweeps", p.deleteSweeps))
	group.add(p.every(retentionInterval, "delete what was searched long ago and not found", p.searchIndex().ForgetMisses))
	group.add(p.every(retentionInterval, "delete what other systems pushed to the search long ago", p.deletePushed(pushed)))
	if p.buildsDocs() {
		group.add(p.atOnceAndEvery(docsInterval, "look which documentation is due", p.lookAtDocs))
		group.add(p.every(docsInterval, "remove versions of documentation", p.removeVersions(docs)))
		group.add(p.every(retentionInterval, "delete old documentation", p.deleteDocs(docs)))
	}
	return group.run(ctx)
}

func (p *platform) processing() *processing.Engine {
	configured := p.config.Catalog
	return processing.NewEngine(p.pool, p.pipeline, processing.Options{Notifications: p.direct, Interval: configured.ProcessingInterval,
		Paused: configured.ProcessingInterval == 0, Orphan: processing.OrphanStrategy(configured.OrphanStrategy)}, p.log)
}

// runWorkflows takes the work of workflows from Temporal, each queue's by a worker of its own.
func (p *platform) runWorkflows(ctx context.Context, sources []provider.Source, docs *build.Builder) error {
	// Without it, the SDK hashes the whole binary, which takes a third of a second.
	worker.SetBinaryChecksum("portico " + version)
	fatal := make(chan error, len(workflows.Queues))
	for _, queue := range p.queues() {
		running := p.newWorker(queue, sources, docs, func(err error) { fatal <- err })
		if err := running.Start(); err != nil {
			return p.turnedAway(err)
		}
		defer running.Stop()
	}
	select {
	case err := <-fatal:
		return p.turnedAway(err)
	case <-ctx.Done():
	}
	p.log.Info("stopping: steps under way are finished first", "grace", p.config.Portico.Server.ShutdownGracePeriod)
	return nil
}

// queues are the queues from which this worker takes work.
func (p *platform) queues() []workflows.Queue {
	queues := []workflows.Queue{workflows.QueueBackground}
	if p.config.Scaffolder.ConcurrentTasksLimit > 0 {
		queues = append(queues, workflows.QueueRuns)
	} else {
		p.log.Warn("this worker runs no templates: scaffolder.concurrentTasksLimit is 0")
	}
	if p.buildsDocs() {
		queues = append(queues, workflows.QueueDocs)
	}
	return queues
}

// newWorker creates the worker of a queue's workflows and activities.
func (p *platform) newWorker(queue workflows.Queue, sources []provider.Source, docs *build.Builder, onFatalError func(error)) worker.Worker {
	concurrency := map[workflows.Queue]int{
		workflows.QueueRuns:       p.config.Scaffolder.ConcurrentTasksLimit,
		workflows.QueueBackground: p.config.Portico.Temporal.BackgroundConcurrency,
		workflows.QueueDocs:       p.config.Portico.TechDocs.MaxConcurrentBuilds,
	}
	running := worker.New(p.temporal, queue.TaskQueue(p.config.Portico.Temporal.TaskQueue), worker.Options{
		WorkerStopTimeout:                  p.config.Portico.Server.ShutdownGracePeriod,
		MaxConcurrentActivityExecutionSize: concurrency[queue],
		Identity:                           workerIdentity(),
		OnFatalError:                       onFatalError,
	})
	workflows.Register(running, queue)
	switch queue {
	case workflows.QueueRuns:
		p.templateActivities().Register(running)
	case workflows.QueueBackground:
		p.discoveryActivities(sources).Register(running)
	case workflows.QueueDocs:
		p.docsActivities(docs).Register(running)
	}
	return running
}

func (p *platform) templateActivities() *templaterun.Activities {
	retry := p.config.Portico.Run.Retry
	return templaterun.New(templaterun.Options{Log: p.log, Telemetry: p.telemetry, CrashBudget: p.crashBudget,
		Refusals:     p.refusals,
		Access:       p.access,
		StuckTimeout: p.config.Portico.Run.StuckTimeout, Runs: p.runs, Planner: p.planner, Actions: p.actions, Workspaces: p.workspaces,
		Settings: engine.Settings{StepTimeout: p.config.Portico.Run.StepTimeout, HeartbeatTimeout: heartbeatTimeout,
			InitialInterval: retry.InitialInterval, MaximumInterval: retry.MaximumInterval, MaximumAttempts: retry.MaximumAttempts,
			ParkedExpiry: p.config.Portico.Run.ParkedExpiry}})
}

// turnedAway is the error of a worker to which Temporal gives no more work. The process ends, because it
// would do nothing.
func (p *platform) turnedAway(cause error) error {
	return fmt.Errorf("no work comes from Temporal (%s), and will not by itself: %w\n"+
		"Check that the namespace %q exists there and that this worker may use it (portico.temporal), then start it again; "+
		"runs under way wait in the database", p.target.Address, cause, p.target.Namespace)
}

// workerIdentity is the name of this worker in the Temporal Web UI.
func workerIdentity() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return "portico@" + host
}

// atOnceAndEvery is every that does not wait for the first period.
func (p *platform) atOnceAndEvery(interval time.Duration, what string, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		p.tryTo(ctx, what, do)
		return p.every(interval, what, do)(ctx)
	}
}

// tryTo does a periodic job once.
func (p *platform) tryTo(ctx context.Context, what string, do func(context.Context) error) {
	if err := do(ctx); err != nil && ctx.Err() == nil {
		p.log.Warn("could not "+what+"; this is tried again", "error", err)
	}
}

// every runs a periodic job until the context ends. A failure is retried in the next period.
func (p *platform) every(interval time.Duration, what string, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
				p.tryTo(ctx, what, do)
			}
		}
	}
}

func (p *platform) startPending(ctx context.Context) error {
	return p.sweeper.StartPending(ctx, pendingInterval)
}

// reconcile parks the runs whose workflow Temporal does not run any more.
func (p *platform) reconcile(ctx context.Context) error {
	return p.sweeper.Reconcile(ctx, p.config.Portico.Run.ReconcileInterval, p.config.Portico.Run.StuckTimeout)
}

// forgetSecrets deletes the secrets of parked runs that have expired.
func (p *platform) forgetSecrets(ctx context.Context) error {
	return p.runs.ForgetExpiredSecrets(ctx, time.Now().Add(-p.config.Portico.Run.ParkedExpiry))
}

// deleteWorkspaces releases the snapshots of runs that cannot continue, and deletes those without references.
func (p *platform) deleteWorkspaces(ctx context.Context) error {
	now := time.Now()
	err := untilNone(ctx, func(ctx context.Context) (more bool, err error) {
		return p.runs.ExpireWorkspaces(ctx, now.Add(-doneWorkspaceRetention), now.Add(-p.config.Portico.Run.WorkspaceRetention))
	})
	if err != nil {
		return err
	}
	return untilNone(ctx, func(ctx context.Context) (more bool, err error) {
		spent, err := p.runs.ExpiredWorkspaces(ctx)
		if err != nil || len(spent) == 0 {
			return false, err
		}
		if err := p.workspaces.Delete(ctx, spent...); err != nil {
			return false, err
		}
		return true, p.runs.ForgetWorkspaces(ctx, spent)
	})
}

// deleteRuns deletes the runs whose retention is over.
func (p *platform) deleteRuns(ctx context.Context) error {
	retention := p.config.Portico.Run.Retention
	if retention == 0 {
		return nil
	}
	before := time.Now().Add(-retention)
	return untilNone(ctx, func(ctx context.Context) (more bool, err error) { return p.runs.DeleteRuns(ctx, before) })
}

// deleteRevisions deletes the versions of entities whose retention is over.
func (p *platform) deleteRevisions(ctx context.Context) error {
	retention := p.config.Catalog.History.Retention
	if retention == 0 {
		return nil
	}
	before := time.Now().Add(-retention)
	return untilNone(ctx, func(ctx context.Context) (more bool, err error) {
		return processing.DeleteRevisions(ctx, p.pool, before)
	})
}

// deleteIdempotencyKeys deletes the expired responses to commands.
func (p *platform) deleteIdempotencyKeys(ctx context.Context) error {
	return untilNone(ctx, idempotency.New(p.pool, idempotency.Options{}).DeleteOld)
}

// deleteSessions deletes the sessions of browsers that have expired.
func (p *platform) deleteSessions(ctx context.Context) error {
	return untilNone(ctx, func(ctx context.Context) (more bool, err error) { return signin.DeleteExpired(ctx, p.pool) })
}

// batchPause leaves the database to other queries between two batches.
const batchPause = 100 * time.Millisecond

// untilNone runs batches until there is no more to do.
func untilNone(ctx context.Context, batch func(context.Context) (more bool, err error)) error {
	for {
		more, err := batch(ctx)
		if err != nil || !more {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(batchPause):
		}
	}
}

// dataDirectory is the default directory of a process's files.
func dataDirectory() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "portico")
}
