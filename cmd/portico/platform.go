package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/sdk/client"
	"gocloud.dev/blob"
	"google.golang.org/grpc"

	"github.com/portico-dev/portico/activities/azure"
	"github.com/portico-dev/portico/activities/bitbucketcloud"
	"github.com/portico-dev/portico/activities/bitbucketserver"
	activitiescallback "github.com/portico-dev/portico/activities/callback"
	activitiescatalog "github.com/portico-dev/portico/activities/catalog"
	"github.com/portico-dev/portico/activities/crash"
	"github.com/portico-dev/portico/activities/debug"
	"github.com/portico-dev/portico/activities/documents"
	"github.com/portico-dev/portico/activities/fetch"
	activitiesfs "github.com/portico-dev/portico/activities/fs"
	"github.com/portico-dev/portico/activities/gerrit"
	"github.com/portico-dev/portico/activities/gitea"
	"github.com/portico-dev/portico/activities/github"
	"github.com/portico-dev/portico/activities/gitlab"
	"github.com/portico-dev/portico/activities/notification"
	activitiesvault "github.com/portico-dev/portico/activities/vault"
	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/audit/webhook"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/events"
	"github.com/portico-dev/portico/catalog/outbox"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/identity/resolver"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/argocd"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/integration/ratebudget"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
	"github.com/portico-dev/portico/proxy"
	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/callback"
	"github.com/portico-dev/portico/scaffolder/check"
	"github.com/portico-dev/portico/scaffolder/dryrun"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/workspace"
	"github.com/portico-dev/portico/seal"
	"github.com/portico-dev/portico/techdocs/build"
	"github.com/portico-dev/portico/techdocs/store"
	"github.com/portico-dev/portico/telemetry"
	"github.com/portico-dev/portico/vault"
	"github.com/portico-dev/portico/workflows"
	"github.com/portico-dev/portico/workflows/cluster"
)

// platform has the connections and domain services that the server and the worker both need. Two processes
// share only the database, Temporal and the bucket.
type platform struct {
	config *config.Config
	log    *slog.Logger
	// telemetry is nil when nothing is observed, and metrics is nil without a metrics listener.
	telemetry *telemetry.Telemetry
	metrics   net.Listener
	pool      *pgxpool.Pool
	// direct is a pool without a connection pooler; it is pool itself where pool uses none.
	direct   *pgxpool.Pool
	temporal client.Client
	// target is the cluster to which temporal is connected.
	target cluster.Target
	// workflowOptions are how workflows are started there.
	workflowOptions workflows.ClientOptions
	audit           *audit.Log
	// refusals records what this process refused.
	refusals *audit.Attempts
	// webhook is nil when the audit log is sent nowhere.
	webhook *webhook.Sender
	// crashBudget is shared by all activities of this process.
	crashBudget *crash.Budget
	bucket      *blob.Bucket
	keys        []seal.Key
	// seals have the keys, nil before they are opened.
	seals *seal.Keyring
	// decider makes all decisions, and roles is nil without permission.rbac.
	decider      policy.Decider
	roles        *rbac.Service
	integrations *integration.Set
	pipeline     *processing.Pipeline
	catalog      *catalog.Service
	sweeps       *sweep.Store
	// docsDirectory is where this process builds documentation: nobody else may write there.
	docsDirectory string
	schedules     *workflows.Schedules
	events        *events.Service
	outbox        *outbox.Sender
	clusters      *kubernetes.Set
	vault         *vault.Sessions
	argocd        *argocd.Set
	// users is where sign-in looks for people; nil is the catalog.
	users   resolver.Users
	runs    *run.Store
	planner *plan.Planner
	actions *action.Registry
	// access decides about the actions of runs; nil without permissions.
	access     *access.Runs
	workspaces *workspace.Store
	scaffolder *scaffolder.Service
	callbacks  *callback.Service
	sweeper    *scaffolder.Sweeper
	files      *integration.Files
	proxy      *proxy.Service
	// docs has the sites of documentation, docsBuilds the record of their builds.
	docs        *store.Store
	docsBuilds  *build.Store
	docsService *build.Service
}

// place has the addresses of the external systems: from the configuration, or from `portico dev`.
type place struct {
	// command is the process's command: server, worker or dev.
	command     string
	databaseURL string
	// directURL is the same database without the connection pooler, "" when databaseURL uses none.
	directURL string
	temporal  cluster.Target
	keys      []seal.Key
	dataDir   string
}

// connect opens the connections and builds the services. The caller closes the platform.
func connect(ctx context.Context, loaded *config.Config, at place, log *slog.Logger) (*platform, error) {
	p := &platform{config: loaded, log: log, keys: at.keys, crashBudget: crash.NewBudget(log)}
	for _, open := range []func(context.Context, place) error{
		p.openTelemetry, p.openDatabase, p.openAudit, p.openTemporal, p.openWorkspaces, p.openPolicy, p.buildCatalog, p.openSweeps, p.buildEvents, p.buildChanges, p.openKubernetes, p.openVault,
		p.openArgoCD, p.buildProxy, p.buildScaffolder, p.openDocs, p.buildDocs,
	} {
		if err := open(ctx, at); err != nil {
			p.close()
			return nil, err
		}
	}
	return p, nil
}

func (p *platform) close() {
	if p.workspaces != nil {
		if err := p.workspaces.Close(); err != nil {
			p.log.Warn("close the workspaces", "error", err)
		}
	}
	if p.docs != nil {
		if err := p.docs.Close(); err != nil {
			p.log.Warn("close the store of documentation", "error", err)
		}
	}
	if p.bucket != nil {
		if err := p.bucket.Close(); err != nil {
			p.log.Warn("close the bucket", "error", err)
		}
	}
	if p.temporal != nil {
		p.temporal.Close()
	}
	if p.direct != nil && p.direct != p.pool {
		p.direct.Close()
	}
	p.refusals.Wait()
	if p.pool != nil {
		p.pool.Close()
	}
	p.closeTelemetry()
}

func (p *platform) openDatabase(ctx context.Context, at place) error {
	open := db.OpenSized
	if at.directURL != "" {
		open = db.OpenThroughPooler
	}
	pool, err := open(ctx, at.databaseURL, int32(p.config.Portico.Database.MaxConnections))
	if err != nil {
		return blame(databaseURL, err)
	}
	p.pool, p.direct = pool, pool
	if at.directURL != "" {
		if p.direct, err = db.OpenSized(ctx, at.directURL, directConnections); err != nil {
			return blame(directURL, err)
		}
	}
	if err := p.observePool(); err != nil {
		return err
	}
	return db.CheckSchema(ctx, pool)
}

// directConnections bounds the pool without the pooler: each of the three listeners has a connection.
const directConnections = 3

func (p *platform) openTemporal(ctx context.Context, at place) error {
	connected, err := at.temporal.Dial(ctx, cluster.DialOptions{Wait: p.config.Portico.Temporal.ConnectTimeout, Log: p.log,
		Customize: func(options *client.Options) {
			options.Logger, options.MetricsHandler = temporalLogger(p.log), p.temporalMetrics()
			// Messages are small and mostly stay on one network: compression costs more than it saves.
			options.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
			options.ConnectionOptions.DialOptions = append(options.ConnectionOptions.DialOptions,
				grpc.WithChainUnaryInterceptor(p.crashBudget.Intercept))
		}})
	if err != nil {
		return err
	}
	p.temporal, p.target = connected, at.temporal
	p.workflowOptions = workflows.ClientOptions{Temporal: connected, TaskQueue: p.config.Portico.Temporal.TaskQueue, PortalURL: p.config.App.BaseURL,
		Searchable: p.hasSearchAttributes(ctx), Log: p.log}
	return nil
}

func (p *platform) openWorkspaces(ctx context.Context, at place) error {
	configured := p.config.Portico.Workspace
	url, cache := configured.URL, configured.CacheDirectory
	if url == "" {
		url = "file://" + filepath.ToSlash(filepath.Join(at.dataDir, "workspaces"))
	}
	if cache == "" {
		cache = filepath.Join(at.dataDir, "work")
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return fmt.Errorf("directory for workspaces: %w", err)
	}
	p.docsDirectory = filepath.Join(cache, "docs")
	bucket, err := workspace.OpenBucket(ctx, url)
	if err != nil {
		return err
	}
	p.bucket = bucket
	p.workspaces, err = workspace.New(workspace.Options{Bucket: bucket, Directory: cache, KeepBytes: configured.CacheBytes,
		MaxBytes: configured.MaxBytes, MaxFiles: configured.MaxFiles})
	return err
}

func (p *platform) buildCatalog(context.Context, place) error {
	integrations, err := forges.New(integrationConfig(p.config, ratebudget.New(p.pool, p.log)), integration.Options{ReadingAllow: readingAllow(p.config),
		Transport: p.telemetry.Transport(integration.DefaultTransport())})
	if err != nil {
		return err
	}
	p.integrations = integrations
	directories, err := catalog.ConfiguredDirectories(catalogLocations(p.config), p.config.Portico.Files.Directories)
	if err != nil {
		return err
	}
	if p.files, err = integration.NewFiles(directories, integration.Limits{}); err != nil {
		return fmt.Errorf("catalog.locations and portico.files.directories: %w", err)
	}
	rules, err := catalog.ConfiguredRules(catalogRules(p.config.Catalog.Rules), catalogLocations(p.config))
	if err != nil {
		return err
	}
	model, err := configuredModel(p.config)
	if err != nil {
		return err
	}
	p.pipeline = &processing.Pipeline{Reader: integrations, Files: p.files, Stored: sweep.NewFiles(p.pool), Model: model, Rules: rules, LocationTypes: []string{"url"}}
	p.catalog = catalog.New(catalog.Options{Pool: p.pool, Decider: p.decider, Pipeline: p.pipeline, Surveyor: integrations,
		OnConflict: catalog.ConflictStrategy(p.config.Catalog.DefaultLocationConflictStrategy), ReadOnly: p.config.Catalog.Readonly})
	return nil
}

func (p *platform) buildScaffolder(context.Context, place) error {
	var err error
	if p.seals, err = seal.NewKeyring(p.keys...); err != nil {
		return err
	}
	memory := p.config.Portico.Run.Memory
	holdMemory(memory.ProcessMiB)
	room := budget.NewPool(budget.Limits{Process: memory.ProcessMiB << 20, Account: memory.EvaluationMiB << 20, Waiting: memory.Waiting})
	renderer := expression.New(expression.Options{IntegrationType: p.integrations.TypeOf, Memory: room,
		Limits: nunjucks.Limits{AllocationBytes: memory.EvaluationMiB << 20}})
	p.planner = plan.NewPlanner(renderer, environment(p.config)).WithRules(planRules(p.config))
	p.runs = run.NewStore(p.pool, p.seals).Observed(p.telemetry)
	if err := p.observeInstallation(); err != nil {
		return err
	}
	engine := workflows.NewClient(p.workflowOptions)
	p.callbacks = callback.New(callback.Options{Pool: p.pool, Log: p.log, URL: p.config.Backend.BaseURL + "/api/portico/v1/callbacks", Wake: engine.Wake})
	if p.actions, err = p.buildActions(renderer); err != nil {
		return err
	}
	if p.config.Permission.Enabled {
		p.access = access.NewRuns(p.decider)
	}
	checker := newChecker(p.actions, renderer, planRules(p.config), p.config.Portico.Form)
	p.pipeline.Linter = templateLinter(checker)
	p.scaffolder = scaffolder.New(scaffolder.Options{Log: p.log, Catalog: p.catalog, Runs: p.runs, Actions: p.actions,
		Checker: checker, DryRuns: dryrun.New(p.planner, p.actions, p.access), Engine: engine, Decider: p.decider, Access: p.access,
		Conditions: renderer})
	p.sweeper = scaffolder.NewSweeper(p.log, p.runs, engine)
	return nil
}

// hasSearchAttributes reports whether Temporal has Portico's search attributes. Portico works without them.
func (p *platform) hasSearchAttributes(ctx context.Context) bool {
	missing, err := workflows.MissingSearchAttributes(ctx, p.temporal, p.target.Namespace)
	const consequence = "runs cannot be found in Temporal by template, subject or state"
	switch {
	case err != nil:
		p.log.WarnContext(ctx, consequence, "namespace", p.target.Namespace, "error", err)
	case len(missing) > 0:
		p.log.WarnContext(ctx, consequence+": its namespace lacks search attributes that `portico migrate` adds",
			"namespace", p.target.Namespace, "missing", missing)
	}
	return err == nil && len(missing) == 0
}

// buildActions is the only list of actions.
func (p *platform) buildActions(renderer *expression.Renderer) (*action.Registry, error) {
	var all []action.Action
	all = append(all, activitiescatalog.Actions(p.catalog, p.integrations)...)
	all = append(all, activitiescallback.Actions(p.callbacks)...)
	all = append(all, debug.Actions()...)
	all = append(all, documents.Actions(documents.Options{Enter: renderer.Enter})...)
	all = append(all, fetch.Actions(fetch.Options{Sources: p.integrations, Files: p.files, Templates: renderer.Files, Enter: renderer.Enter,
		RequireUserCredentials: p.config.Scaffolder.RequireSCMUserCredentials})...)
	all = append(all, activitiesfs.Actions()...)
	all = append(all, notification.Actions(p.pool)...)
	all = append(all, github.Actions(github.Options{Hosts: p.integrations,
		Author:                 p.defaultAuthor(),
		CommitMessage:          p.config.Scaffolder.DefaultCommitMessage,
		RequireUserCredentials: p.config.Scaffolder.RequireSCMUserCredentials})...)
	all = append(all, gitlab.Actions(gitlab.Options{Hosts: p.integrations,
		Author:                 p.defaultAuthor(),
		CommitMessage:          p.config.Scaffolder.DefaultCommitMessage,
		RequireUserCredentials: p.config.Scaffolder.RequireSCMUserCredentials})...)
	all = append(all, azure.Actions(azure.Options{Hosts: p.integrations, Author: p.defaultAuthor(),
		CommitMessage:          p.config.Scaffolder.DefaultCommitMessage,
		RequireUserCredentials: p.config.Scaffolder.RequireSCMUserCredentials})...)
	all = append(all, bitbucketcloud.Actions(bitbucketcloud.Options{Hosts: p.integrations, Author: p.defaultAuthor(),
		CommitMessage:          p.config.Scaffolder.DefaultCommitMessage,
		RequireUserCredentials: p.config.Scaffolder.RequireSCMUserCredentials})...)
	all = append(all, activitiesvault.Actions(p.vault)...)
	all = append(all, bitbucketserver.Actions(bitbucketserver.Options{Hosts: p.integrations, Author: p.defaultAuthor(),
		CommitMessage:          p.config.Scaffolder.DefaultCommitMessage,
		RequireUserCredentials: p.config.Scaffolder.RequireSCMUserCredentials})...)
	all = append(all, gerrit.Actions(gerrit.Options{Hosts: p.integrations, Author: p.defaultAuthor(), CommitMessage: p.config.Scaffolder.DefaultCommitMessage})...)
	all = append(all, gitea.Actions(gitea.Options{Hosts: p.integrations,
		Author:        p.defaultAuthor(),
		CommitMessage: p.config.Scaffolder.DefaultCommitMessage})...)
	outgoing, err := p.outgoingActions()
	if err != nil {
		return nil, err
	}
	all = append(all, outgoing...)
	all = append(all, p.kubernetesActions()...)
	all = append(all, p.systemActions(renderer)...)
	return action.NewRegistry(all...)
}

// defaultAuthor is who the commits of actions are by.
func (p *platform) defaultAuthor() github.Author {
	return github.Author{Name: p.config.Scaffolder.DefaultAuthor.Name, Email: p.config.Scaffolder.DefaultAuthor.Email}
}

// newChecker checks templates against the registered actions and the configured form decorators.
func newChecker(actions *action.Registry, renderer *expression.Renderer, rules plan.Rules, form config.Form) *check.Checker {
	var described []action.Description
	for _, each := range actions.All() {
		described = append(described, each.Describe())
	}
	return check.New(described, renderer, rules, slices.Collect(maps.Keys(form.Decorators))...)
}

// temporalTarget is the cluster in the configuration, the environment or a profile.
func temporalTarget(configured config.Temporal) (cluster.Target, error) {
	secured := configured.TLS
	return cluster.Resolve(cluster.Options{
		Address: configured.Address, Namespace: configured.Namespace, Profile: configured.Profile, ConfigFile: configured.ConfigFile,
		APIKey: string(configured.APIKey), APIKeyFile: configured.APIKeyFile,
		TLS: cluster.TLS{Mode: secured.Mode, ServerName: secured.ServerName, ServerCA: secured.ServerCA, ServerCAFile: secured.ServerCAFile,
			ClientCert: secured.ClientCert, ClientCertFile: secured.ClientCertFile,
			ClientKey: string(secured.ClientKey), ClientKeyFile: secured.ClientKeyFile},
	})
}

func planRules(loaded *config.Config) plan.Rules {
	return plan.Rules{StrictExpressions: loaded.Portico.Run.StrictExpressions, StrictInputs: loaded.Portico.Run.StrictInputs}
}

func environment(loaded *config.Config) plan.Environment {
	secrets := map[string]string{}
	for name, secret := range loaded.Scaffolder.DefaultEnvironment.Secrets {
		secrets[name] = string(secret)
	}
	return plan.Environment{Parameters: loaded.Scaffolder.DefaultEnvironment.Parameters, Secrets: secrets}
}

func readingAllow(loaded *config.Config) []integration.AllowRule {
	var rules []integration.AllowRule
	for _, entry := range loaded.Backend.Reading.Allow {
		rules = append(rules, integration.AllowRule{Host: entry.Host, Paths: entry.Paths})
	}
	return rules
}

func catalogRules(configured []config.CatalogRule) []entity.Rule {
	if configured == nil {
		return nil
	}
	rules := []entity.Rule{}
	for _, entry := range configured {
		rule := entity.Rule{Allow: allowedKinds(entry.Allow)}
		for _, location := range entry.Locations {
			rule.Locations = append(rule.Locations, entity.LocationMatch{Type: location.Type, Exact: location.Exact, Pattern: location.Pattern})
		}
		rules = append(rules, rule)
	}
	return rules
}

func allowedKinds(configured []config.AllowedKind) []entity.AllowedKind {
	var kinds []entity.AllowedKind
	for _, entry := range configured {
		kinds = append(kinds, entity.AllowedKind{Kind: entry.Kind, Type: entry.SpecType})
	}
	return kinds
}

func catalogLocations(loaded *config.Config) []catalog.ConfiguredLocation {
	var locations []catalog.ConfiguredLocation
	for _, entry := range loaded.Catalog.Locations {
		location := catalog.ConfiguredLocation{LocationSpec: entity.LocationSpec{Type: entry.Type, Target: entry.Target}}
		for _, rule := range entry.Rules {
			location.Allow = append(location.Allow, allowedKinds(rule.Allow)...)
		}
		locations = append(locations, location)
	}
	return locations
}
