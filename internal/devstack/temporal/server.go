package temporal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/schema/sqlite"
	temporalserver "go.temporal.io/server/temporal"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portico-dev/portico/internal/devstack/loopback"
)

const (
	clusterName = "active"
	// historyShards cannot change after the data was created. More shards start slower and use more CPU when
	// idle; measured, four saturate two cores.
	historyShards = 4
	storeName     = "executions"
	visibility    = "visibility"
)

// Options are the settings of a server.
type Options struct {
	// DSN is any database on the PostgreSQL server, for a role that may create databases. Required.
	DSN string
	// Database is the name of the server's main database; the second one is named with the suffix
	// _visibility. "" means "temporal".
	Database string
	// Namespace is created if it is missing. "" means "default".
	Namespace string
	// Retention is how long a new namespace keeps closed runs; 0 means 7 days.
	Retention time.Duration
	// SearchAttributes are the custom search attributes of a new namespace.
	SearchAttributes map[string]enumspb.IndexedValueType
	// FrontendPort is the gRPC port on 127.0.0.1; 0 takes a free one.
	FrontendPort int
	// TLS configures TLS as in the server's own configuration file; the zero value disables it.
	TLS config.RootTLS
	// Authorizer authorizes every call; nil allows all. The claims' extensions contain the caller's API key.
	Authorizer authorization.Authorizer
	// Log receives Temporal's errors at info level and its warnings at debug level, because it retries by
	// itself. Nil means slog.Default.
	Log *slog.Logger
}

// Server is a running Temporal server.
type Server struct {
	server   temporalserver.Server
	log      logger
	stores   *stores
	frontend string
}

// Start creates or upgrades the databases and runs the server until Stop. It returns when the frontend
// accepts requests. ctx bounds the work on the databases; the server's own start gives up after 15 seconds
// for each of its services.
func Start(ctx context.Context, options Options) (*Server, error) {
	options = withDefaults(options)
	// Otherwise Temporal's own workers compute the MD5 of this binary, which takes a third of a second.
	worker.SetBinaryChecksum("portico-devstack")
	databases, err := openStores(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("start Temporal: %w", err)
	}
	started, err := startServer(ctx, options, databases)
	if err != nil {
		databases.close()
		return nil, fmt.Errorf("start Temporal: %w", err)
	}
	return started, nil
}

func withDefaults(options Options) Options {
	if options.Database == "" {
		options.Database = "temporal"
	}
	if options.Namespace == "" {
		options.Namespace = "default"
	}
	if options.Retention == 0 {
		options.Retention = 7 * 24 * time.Hour
	}
	if options.Authorizer == nil {
		options.Authorizer = authorization.NewNoopAuthorizer()
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	return options
}

func startServer(ctx context.Context, options Options, databases *stores) (started *Server, err error) {
	defer func() {
		if fatal, ok := recover().(fatalError); ok {
			err = fatal
		}
	}()
	if err := createNamespace(databases.executions, options); err != nil {
		return nil, err
	}
	ports, err := servicePorts(ctx, options.FrontendPort)
	if err != nil {
		return nil, err
	}
	log := logger{log: options.Log, stopping: new(atomic.Bool)}
	server, err := temporalserver.NewServer(serverOptions(log, options, databases, ports)...)
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return &Server{
		server:   server,
		log:      log,
		stores:   databases,
		frontend: loopback.Address(ports[primitives.FrontendService]),
	}, nil
}

// FrontendAddress is host:port for Temporal's clients.
func (s *Server) FrontendAddress() string { return s.frontend }

// Stop stops the server, then its database connections. Draining takes a second or two; when ctx ends first,
// Stop returns and the rest ends with the process.
func (s *Server) Stop(ctx context.Context) error {
	s.log.stopping.Store(true)
	stopped := make(chan error, 1)
	go func() {
		err := s.server.Stop()
		s.stores.close()
		stopped <- err
	}()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
		return fmt.Errorf("stop Temporal: %w", ctx.Err())
	}
}

// createNamespace writes the namespace before the server starts, so that it is usable at once. It uses
// Temporal's helper, which is named for SQLite but works with any store.
func createNamespace(executions *store, options Options) error {
	namespace, err := sqlite.NewNamespaceConfig(clusterName, options.Namespace, false, options.SearchAttributes)
	if err != nil {
		return fmt.Errorf("namespace %s: %w", options.Namespace, err)
	}
	namespace.Detail.Config.Retention = durationpb.New(options.Retention)
	return sqlite.CreateNamespaces(executions.config(), namespace)
}

var services = []primitives.ServiceName{
	primitives.FrontendService, primitives.HistoryService, primitives.MatchingService, primitives.WorkerService,
}

func servicePorts(ctx context.Context, frontendPort int) (map[primitives.ServiceName]int, error) {
	free, err := loopback.FreePorts(ctx, len(services))
	if err != nil {
		return nil, err
	}
	ports := make(map[primitives.ServiceName]int, len(services))
	for i, service := range services {
		ports[service] = free[i]
	}
	if frontendPort != 0 {
		ports[primitives.FrontendService] = frontendPort
	}
	return ports, nil
}

func serverOptions(log logger, options Options, databases *stores, ports map[primitives.ServiceName]int) []temporalserver.ServerOption {
	hosts := make(map[primitives.ServiceName]static.Hosts, len(ports))
	for service, port := range ports {
		hosts[service] = static.SingleLocalHost(loopback.Address(port))
	}
	configuration := serverConfig(databases, ports)
	configuration.Global.TLS = options.TLS
	return []temporalserver.ServerOption{
		temporalserver.WithConfig(configuration),
		temporalserver.ForServices(temporalserver.DefaultServices),
		temporalserver.WithStaticHosts(hosts),
		temporalserver.WithCustomDataStoreFactory(storeFactory{databases.executions, newFreshRuns()}),
		temporalserver.WithLogger(log),
		temporalserver.WithDynamicConfigClient(tuning),
		temporalserver.WithCustomMetricsHandler(metrics.NoopMetricsHandler),
		temporalserver.WithAuthorizer(options.Authorizer),
		temporalserver.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return apiKeys{} }),
	}
}

// apiKeys passes a caller's API key to the authorizer.
type apiKeys struct{}

// GetClaims implements authorization.ClaimMapper.
func (apiKeys) GetClaims(caller *authorization.AuthInfo) (*authorization.Claims, error) {
	return &authorization.Claims{Subject: "caller", Extensions: caller.AuthToken}, nil
}

func serverConfig(databases *stores, ports map[primitives.ServiceName]int) *config.Config {
	frontend := loopback.Address(ports[primitives.FrontendService])
	configuration := &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     storeName,
			VisibilityStore:  visibility,
			NumHistoryShards: historyShards,
			DataStores: map[string]config.DataStore{
				storeName:  {CustomDataStoreConfig: &config.CustomDatastoreConfig{Name: storeName}}, // by storeFactory
				visibility: {SQL: databases.visibility.config()},
			},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		PublicClient:        config.PublicClient{HostPort: frontend},
		Services:            make(map[string]config.Service, len(ports)),
		Archival: config.Archival{
			History:    config.HistoryArchival{State: "disabled"},
			Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
	}
	for service, port := range ports {
		configuration.Services[string(service)] = config.Service{RPC: config.RPC{GRPCPort: port, BindOnLocalHost: true}}
	}
	return configuration
}
